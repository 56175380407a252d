"""Manifest folders: complete images under a tag or a digest, and the look-up by digest.

Write order: content in the filestore → links in the image → manifest by digest → tag. The rename
that puts the manifest file of a tag in place is the one commit point; what a crash before it
leaves behind is links that nothing names. Callers hold the image lock for every change.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from registry.model.content import StoredManifest
from registry.model.digests import DEFAULT_ALGORITHM, Digest
from registry.model.errors import ManifestInvalid, ManifestUnknown, StorageFailed
from registry.model.manifests import ManifestIdentifier
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.storage import atomic, documents
from registry.storage.documents import Documents
from registry.storage.filestore import Filestore
from registry.storage.layout import (
    INDEX_FILE,
    MANIFEST_FILE,
    MANIFEST_FILES,
    SIDECAR_ENDING,
    Layout,
    content_name,
    is_part,
    parse_content_name,
    part_of,
)

Sidecar = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """An image of a repository: where manifests are put and looked for."""

    key: RepositoryKey
    image: ImageName


def manifest_unknown(place: Place, reference: Reference) -> ManifestUnknown:
    """Return the error for a tag or digest that the image does not have."""
    kind = "tag" if isinstance(reference, Tag) else "revision"
    return ManifestUnknown("manifest unknown", {"name": place.image, kind: str(reference)})


class Manifests:
    """The manifests of all images."""

    def __init__(self, layout: Layout, filestore: Filestore, cache: Documents) -> None:
        self._layout = layout
        self._filestore = filestore
        self._documents = cache
        self._identifier = ManifestIdentifier()

    # --- reading -----------------------------------------------------------------------------

    def read(self, place: Place, reference: Reference) -> StoredManifest:
        """Return the manifest under a tag or digest, from one file read once.

        Raises:
            ManifestUnknown: the image has none under that reference.
            StorageFailed: the stored bytes are damaged.
        """
        if isinstance(reference, Tag):
            return self._read_tag(place, reference)
        try:
            body = _read_file(self._layout.manifest(place.key, place.image, reference))
        except (FileNotFoundError, NotADirectoryError):
            raise manifest_unknown(place, reference) from None
        return self._identify(body, reference.algorithm)

    def _read_tag(self, place: Place, tag: Tag) -> StoredManifest:
        folder = self._layout.manifest_folder(place.key, place.image, tag)
        body = _read_folder(folder)
        if body is None:
            raise manifest_unknown(place, tag)
        sidecar = self._documents.read(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")
        algorithm = DEFAULT_ALGORITHM
        if sidecar is not None:
            algorithm = str(sidecar.get("digest", "")).partition(":")[0] or DEFAULT_ALGORITHM
        stored = self._identify(body, algorithm)
        if algorithm != DEFAULT_ALGORITHM and not self.has(place, stored.digest):
            # The tag has been moved between the two reads, by somebody who uses the default.
            stored = self._identify(body, DEFAULT_ALGORITHM)
        return stored

    def _identify(self, body: bytes, algorithm: str) -> StoredManifest:
        try:
            digest, media_type = self._identifier.identify(body, algorithm)
        except ManifestInvalid as error:
            raise StorageFailed("a stored manifest is damaged") from error
        return StoredManifest(digest, media_type, body)

    def has(self, place: Place, digest: Digest) -> bool:
        """Return whether the image has the manifest."""
        return os.path.exists(self._layout.manifest(place.key, place.image, digest))

    def sidecar(self, place: Place, reference: Reference) -> Sidecar | None:
        """Return what is recorded beside the manifest of a folder; do not change it."""
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        return self._documents.read(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")

    def referrers(self, place: Place, subject: Digest) -> list[StoredManifest]:
        """Return the manifests of the image whose subject is ``subject``, ordered by digest."""
        try:
            names = sorted(os.listdir(self._layout.referrers(place.key, place.image, subject)))
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = []
        for name in names:
            digest = parse_content_name(name)
            if digest is not None:
                with contextlib.suppress(ManifestUnknown):
                    found.append(self.read(place, digest))
        return found

    def folders(self, place: Place) -> Iterator[Reference]:
        """Yield the references of all manifest folders: tags and digests."""
        try:
            entries = os.scandir(self._layout.image(place.key, place.image))
        except (FileNotFoundError, NotADirectoryError):
            return
        with entries:
            for entry in entries:
                reference = _reference_of(entry.name)
                if reference is not None and is_manifest_folder(entry.path):
                    yield reference

    def has_folder(self, place: Place, reference: Reference) -> bool:
        """Return whether there is a manifest folder of that tag or digest."""
        return is_manifest_folder(self._layout.manifest_folder(place.key, place.image, reference))

    def is_at(self, place: Place, tag: Tag, digest: Digest) -> bool:
        """Return whether the tag stands for ``digest``.

        One inode means the same content; only where a copy of the storage folder lost its hard
        links, or an inode had no more links to give, the bytes have to tell.
        """
        folder = self._layout.manifest_folder(place.key, place.image, tag)
        known = os.stat(self._layout.manifest(place.key, place.image, digest))
        for name in MANIFEST_FILES:
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(f"{folder}/{name}")
                if status.st_ino == known.st_ino:
                    return True
                same_size = status.st_size == known.st_size
                return same_size and self.read(place, tag).digest == digest
        return False

    def holds(self, place: Place, reference: Reference, part: Digest) -> bool:
        """Return whether the manifest folder of ``reference`` owns a link to the blob ``part``."""
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        return os.path.exists(f"{folder}/{content_name(part)}")

    def is_index(self, place: Place, reference: Reference) -> bool:
        """Return whether the manifest folder holds an index or list."""
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        return os.path.exists(f"{folder}/{INDEX_FILE}")

    # --- writing -----------------------------------------------------------------------------

    def store(self, body: bytes) -> Digest:
        """Store the bytes of a manifest as content; durable. Returns the name they have there."""
        name = Digest.of(body)
        self._filestore.store(body, name)
        return name

    def prepare(
        self, place: Place, reference: Reference, content: Digest, blobs: Iterable[Digest]
    ) -> tuple[str, list[Digest]]:
        """Fill the manifest folder of ``reference`` with links, all but the manifest's own name.

        Returns the temporary name of the manifest in the folder, and the blobs that the image
        may not show; with any of these the caller discards the name.
        """
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        atomic.make_folder(folder)
        missing = []
        for blob in blobs:
            source = self._layout.layer(place.key, place.image, blob)
            try:
                self._link_layer(blob, source, f"{folder}/{content_name(blob)}")
            except FileNotFoundError:
                missing.append(blob)
        temporary = atomic.temporary_name(folder)
        self._filestore.give(content, temporary)
        return temporary, missing

    def _link_layer(self, blob: Digest, source: str, target: str) -> None:
        try:
            atomic.link(source, target)
        except atomic.LinksExhausted:
            self._filestore.give(blob, target)

    def register(
        self, place: Place, digest: Digest, content: Digest, subject: Digest | None
    ) -> None:
        """Let the image show the manifest by digest, and as referrer of its subject. Durable."""
        path = self._layout.manifest(place.key, place.image, digest)
        self._filestore.give(content, path)
        if subject is not None:
            folder = self._layout.referrers(place.key, place.image, subject)
            self._filestore.give(content, f"{folder}/{content_name(digest)}")
            atomic.sync_folder(folder)
        layers = self._layout.layers(place.key, place.image)
        if os.path.isdir(layers):
            atomic.sync_folder(layers)
        atomic.sync_folder(os.path.dirname(path))

    def commit(
        self, place: Place, reference: Reference, temporary: str, sidecar: Sidecar, *, index: bool
    ) -> None:
        """Put the prepared manifest in place: the commit point of a tag. Durable.

        A tag that changes from image to index or back keeps its old file name for the one step
        that commits, so that there is never a moment with two manifests or with none.
        """
        folder = os.path.dirname(temporary)
        data = documents.encode(sidecar)
        sidecar_file = atomic.write_temporary(folder, data, atomic.DOCUMENT_MODE)
        atomic.rename(sidecar_file, f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")
        atomic.sync_folder(folder)
        final = f"{folder}/{INDEX_FILE if index else MANIFEST_FILE}"
        other = f"{folder}/{MANIFEST_FILE if index else INDEX_FILE}"
        if os.path.exists(other):
            atomic.rename(temporary, other)
            atomic.rename_over_link(other, final)
        else:
            atomic.rename(temporary, final)
        atomic.sync_folder(folder)

    def discard(self, temporary: str) -> None:
        """Give up a prepared manifest; links that its folder no longer needs go with it."""
        atomic.remove(temporary)
        folder = os.path.dirname(temporary)
        if not is_manifest_folder(folder):
            self._clear(folder, keep=frozenset())

    def drop_stale_links(self, place: Place, reference: Reference, keep: Iterable[Digest]) -> None:
        """Remove links of a replaced manifest that its successor does not need."""
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        self._clear(folder, keep=frozenset(map(content_name, keep)))

    def _clear(self, folder: str, keep: frozenset[str]) -> None:
        """Remove layer links, and an emptied folder; child images in the folder stay."""
        for name in os.listdir(folder):
            if parse_content_name(name) and "__" in name and name not in keep:
                atomic.remove(f"{folder}/{name}")
        if not keep and not is_manifest_folder(folder):
            atomic.remove(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")
            atomic.remove_folder(folder)

    # --- removing ----------------------------------------------------------------------------

    def remove_folder(self, place: Place, reference: Reference) -> bool:
        """Remove the manifest of a folder, then what it alone held; return whether there was one.

        Durable from the removal of the manifest on.
        """
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        removed = [atomic.remove(f"{folder}/{name}") for name in MANIFEST_FILES]
        if not any(removed):
            return False
        atomic.sync_folder(folder)
        self._clear(folder, keep=frozenset())
        return True

    def unregister(self, place: Place, digest: Digest, subject: Digest | None) -> None:
        """Stop showing a manifest by digest and as referrer. Durable."""
        path = self._layout.manifest(place.key, place.image, digest)
        atomic.remove(path)
        atomic.sync_folder(os.path.dirname(path))
        if subject is not None:
            folder = self._layout.referrers(place.key, place.image, subject)
            atomic.remove(f"{folder}/{content_name(digest)}")
            atomic.remove_folder(folder)


def is_manifest_folder(folder: str) -> bool:
    """Return whether a folder directly holds a manifest: then, and only then, it is a tag."""
    return any(os.path.exists(f"{folder}/{name}") for name in MANIFEST_FILES)


def _reference_of(name: str) -> Reference | None:
    if ":" in name:
        return parse_content_name(name)
    return Tag(part_of(name)) if is_part(name) else None


def _read_file(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with atomic.translated():
            size = os.fstat(descriptor).st_size
            return os.read(descriptor, size + 1)
    finally:
        os.close(descriptor)


def _read_folder(folder: str) -> bytes | None:
    """Return the manifest of a folder, or None.

    A tag that turns from image to index between two looks has its manifest under the name that
    was looked at first, hence the second round.
    """
    for _ in range(2):
        for name in MANIFEST_FILES:
            try:
                return _read_file(f"{folder}/{name}")
            except (FileNotFoundError, NotADirectoryError):
                continue
    return None
