"""Manifest folders: complete images under a tag or a digest, and the look-up by digest.

Write order: content in the filestore → links in the image → manifest by digest → tag. The rename
that puts the manifest file of a tag in place is the one commit point; what a crash before it
leaves behind is links that nothing names. Callers hold the image lock for every change.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

from registry.model.content import StoredManifest
from registry.model.digests import DEFAULT_ALGORITHM, HEX_LENGTHS, Digest
from registry.model.errors import ManifestInvalid, ManifestUnknown, StorageFailed
from registry.model.manifests import ManifestIdentifier
from registry.model.names import Reference, Tag
from registry.storage import atomic, documents
from registry.storage.documents import Documents
from registry.storage.filestore import Filestore
from registry.storage.layout import (
    MANIFEST_FILE,
    MANIFEST_FILES,
    SIDECAR_ENDING,
    Layout,
    content_name,
    parse_content_name,
)
from registry.storage.manifest_files import (
    Place,
    is_manifest_folder,
    listed,
    manifest_unknown,
    names_of,
    read_file,
    read_manifest,
    reference_of,
)
from registry.storage.open_files import LinksExhausted

Sidecar = dict[str, Any]


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
            body = read_file(self._layout.manifest(place.key, place.image, reference))
        except (FileNotFoundError, NotADirectoryError):
            raise manifest_unknown(place, reference) from None
        return self._identify(body, reference.algorithm)

    def _read_tag(self, place: Place, tag: Tag) -> StoredManifest:
        folder = self._layout.manifest_folder(place.key, place.image, tag)
        body = read_manifest(folder)
        if body is None:
            raise manifest_unknown(place, tag)
        sidecar = self._documents.read(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")
        recorded = "" if sidecar is None else str(sidecar.get("digest"))
        algorithm = recorded.partition(":")[0]
        stored = self._identify(body, algorithm if algorithm in HEX_LENGTHS else DEFAULT_ALGORITHM)
        if stored.digest != recorded:
            # The sidecar is that of another manifest: the tag was moved between the two reads, or
            # a crash came between the two writes. The digest is one that the image knows.
            for algorithm in HEX_LENGTHS:
                stored = self._identify(body, algorithm)
                if self.has(place, stored.digest):
                    break
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
        """Return what is recorded beside the manifest of a folder; do not change it.

        After a crash it may be that of the manifest that was about to come: compare ``digest``.
        """
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
                reference = reference_of(entry.name)
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

    # --- writing -----------------------------------------------------------------------------

    def store(self, body: bytes, algorithm: str = DEFAULT_ALGORITHM) -> Digest:
        """Store the bytes of a manifest as content; durable. Returns the name they have there."""
        name = Digest.of(body, algorithm)
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
        temporary = atomic.temporary_name(folder)
        missing = []
        try:
            for blob in blobs:
                source = self._layout.layer(place.key, place.image, blob)
                try:
                    self._link_layer(blob, source, f"{folder}/{content_name(blob)}")
                except FileNotFoundError:
                    missing.append(blob)
            self._filestore.give(content, temporary)
        except BaseException:
            self.discard(temporary)
            raise
        return temporary, missing

    def _link_layer(self, blob: Digest, source: str, target: str) -> None:
        try:
            atomic.link(source, target)
        except LinksExhausted:
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
        atomic.sync_folder(self._layout.layers(place.key, place.image))
        atomic.sync_folder(os.path.dirname(path))

    def stage(self, place: Place, reference: Reference, temporary: str, sidecar: Sidecar) -> None:
        """Complete the folder of a prepared manifest: all but the manifest's name is durable."""
        folder = os.path.dirname(temporary)
        data = documents.encode(sidecar)
        written = atomic.write_temporary(folder, data, atomic.DOCUMENT_MODE)
        atomic.put_in_place(written, f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")
        atomic.sync_folder(folder)
        if not is_manifest_folder(folder):
            # Whoever made the folders may have been killed before they were durable.
            atomic.sync_folders(os.path.dirname(folder), self._layout.repository(place.key))

    def commit(self, temporary: str, *, index: bool) -> None:
        """Put a staged manifest in place by one rename: the commit point of a tag.

        A tag that changes from image to index or back keeps its old file name for this one step,
        so that there is never a moment with two manifests or with none.
        """
        final, other = names_of(os.path.dirname(temporary), index=index)
        atomic.rename(temporary, other if os.path.exists(other) else final)

    def settle(self, place: Place, reference: Reference, *, index: bool) -> None:
        """Make a committed manifest durable, under the file name that its kind has."""
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        final, other = names_of(folder, index=index)
        if os.path.exists(other):
            atomic.rename_over_link(other, final)
        atomic.sync_folder(folder)

    def discard(self, temporary: str) -> None:
        """Give up a prepared manifest; links that its folder does not need go with it.

        Links that an older manifest of the folder does not need either are stale, and harmless.
        """
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
        for name in listed(folder):
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
        if atomic.remove(path):
            atomic.sync_folder(os.path.dirname(path))
        if subject is not None:
            folder = self._layout.referrers(place.key, place.image, subject)
            atomic.remove(f"{folder}/{content_name(digest)}")
            atomic.remove_folder(folder)
