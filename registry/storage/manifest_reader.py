"""Manifests as they lie there: read by tag or digest, looked for, renewed.

The other half of `registry.storage.manifests`, which puts them there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from registry.model.content import StoredManifest
from registry.model.digests import DEFAULT_ALGORITHM, HEX_LENGTHS, Digest
from registry.model.errors import (
    ManifestDamaged,
    ManifestInvalid,
    ManifestUnknown,
    ManifestUnverified,
    StorageFailed,
)
from registry.model.manifests import ManifestIdentifier
from registry.model.media_types import INDEX_TYPES
from registry.model.names import Reference, Tag
from registry.storage import atomic, held
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
    file_status,
    is_file,
    is_manifest_folder,
    listed,
    manifest_unknown,
    read_file,
    read_manifest,
    reference_of,
)

Sidecar = dict[str, Any]


class ManifestReader:
    """The manifests of all images."""

    def __init__(self, layout: Layout, filestore: Filestore, cache: Documents) -> None:
        self._layout = layout
        self._filestore = filestore
        self._documents = cache
        self._identifier = ManifestIdentifier()

    def read(self, place: Place, reference: Reference) -> StoredManifest:
        """Return the manifest under a tag or digest, from one file read once.

        Raises:
            ManifestUnknown: the image has none under that reference.
            ManifestDamaged: the stored bytes are not those that were pushed.
        """
        if isinstance(reference, Tag):
            return self._read_tag(place, reference)
        try:
            body = read_file(self._layout.manifest(place.key, place.image, reference))
        except (FileNotFoundError, NotADirectoryError):
            raise manifest_unknown(place, reference) from None
        stored = self._identify(body, reference.algorithm)
        if stored.digest != reference:
            raise _damaged()
        return stored

    def read_index(self, place: Place, reference: Reference) -> StoredManifest | None:
        """Return the manifest of a folder if it is an index; cheap for those that are none."""
        body = read_manifest(self._layout.manifest_folder(place.key, place.image, reference))
        # An escape could hide the word that every index has, so what has any is looked at, too.
        if body is None or not (b'"manifests"' in body or b"\\u" in body):
            return None
        stored = self.read(place, reference)
        return stored if stored.media_type in INDEX_TYPES else None

    def digests(self, place: Place) -> list[Digest]:
        """Return the digests of all manifests that the image may show."""
        names = listed(self._layout.manifests(place.key, place.image))
        return [digest for digest in map(parse_content_name, names) if digest is not None]

    def _read_tag(self, place: Place, tag: Tag) -> StoredManifest:
        folder = self._layout.manifest_folder(place.key, place.image, tag)
        body = read_manifest(folder)
        if body is None:
            raise manifest_unknown(place, tag)
        sidecar = self._sidecar(folder)
        recorded = "" if sidecar is None else str(sidecar.get("digest"))
        algorithm = recorded.partition(":")[0]
        stored = self._identify(body, algorithm if algorithm in HEX_LENGTHS else DEFAULT_ALGORITHM)
        if stored.digest != recorded:
            # The sidecar is that of another manifest: the tag was moved between the two reads, or
            # a crash came between the two writes. The digest is one that the image knows.
            for algorithm in HEX_LENGTHS:
                stored = self._identify(body, algorithm)
                if self.has(place, stored.digest):
                    return stored
            if read_manifest(folder) != body:
                # The tag was moved or deleted in between, so there is something else to be read.
                return self.read(place, tag)
            raise _damaged()
        return stored

    def _identify(self, body: bytes, algorithm: str) -> StoredManifest:
        try:
            digest, media_type = self._identifier.identify(body, algorithm)
        except (ManifestInvalid, ManifestUnverified) as error:
            raise _damaged() from error
        return StoredManifest(digest, media_type, body)

    def has(self, place: Place, digest: Digest) -> bool:
        """Return whether the image has the manifest."""
        return is_file(self._layout.manifest(place.key, place.image, digest))

    def renew(self, place: Place, digest: Digest) -> bool:
        """Renew the age of a manifest because somebody is told that the image has it.

        Returns whether the image still has it: only then may anybody be told so.
        """
        path = self._layout.manifest(place.key, place.image, digest)
        try:
            return self._filestore.renew(path, file_status(path))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def claim(self, place: Place, digest: Digest) -> bool:
        """Return whether the image has the manifest, for an index that is about to name it.

        It is renewed, and brought back where it was about to go.
        """
        path = self._layout.manifest(place.key, place.image, digest)
        return self.renew(place, digest) or held.resurrect(path)

    def restart_age(self, place: Place, digest: Digest) -> None:
        """Let the age of a manifest begin now: it has lost something that referred to it."""
        atomic.touch(self._layout.manifest(place.key, place.image, digest))

    def sidecar(self, place: Place, reference: Reference) -> Sidecar | None:
        """Return what is recorded beside the manifest of a folder; do not change it.

        After a crash it may be that of the manifest that was about to come: compare ``digest``.
        A damaged one counts as none: what it says is not needed for a pull or a push.
        """
        return self._sidecar(self._layout.manifest_folder(place.key, place.image, reference))

    def _sidecar(self, folder: str) -> Sidecar | None:
        try:
            return self._documents.read(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")
        except StorageFailed:
            return None

    def checked(self, place: Place, reference: Reference) -> float:
        """Return when it was last seen that the manifest of a folder is what it should be.

        That is when its sidecar was written or `Manifests.mark_checked`; 0 if it has none.
        """
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        try:
            return os.stat(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}").st_mtime
        except OSError:
            return 0.0

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


def _damaged() -> ManifestDamaged:
    return ManifestDamaged("a stored manifest is damaged; push it again")
