"""Manifest folders: complete images under a tag or a digest, and the look-up by digest.

Write order: content in the filestore → links in the image → manifest by digest → tag. The rename
that puts the manifest file of a tag in place is the one commit point; what a crash before it
leaves behind is links that nothing names. Callers hold the image lock for every change.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from registry.model.digests import DEFAULT_ALGORITHM, Digest
from registry.model.names import Reference
from registry.storage import atomic, documents, held, syncing
from registry.storage.layout import (
    MANIFEST_FILE,
    MANIFEST_FILES,
    SIDECAR_ENDING,
    TEMPORARY_PREFIX,
    content_name,
    parse_content_name,
)
from registry.storage.manifest_files import (
    Place,
    is_manifest_folder,
    listed,
    names_of,
)
from registry.storage.manifest_reader import ManifestReader, Sidecar
from registry.storage.open_files import LinksExhausted


class Manifests(ManifestReader):
    """The manifests of all images."""

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
        atomic.new_folder(folder)
        temporary = atomic.temporary_name(folder)
        missing = []
        try:
            # First of all, so that the pruner sees where a killed push left links behind.
            self._filestore.give(content, temporary)
            for blob in blobs:
                source = self._layout.layer(place.key, place.image, blob)
                try:
                    self._link_layer(blob, source, f"{folder}/{content_name(blob)}")
                except FileNotFoundError:
                    missing.append(blob)
        except BaseException:
            self.discard(temporary)
            raise
        return temporary, missing

    def place(self, place: Place, reference: Reference, blob: Digest) -> None:
        """Link a blob of the image into a folder that has no manifest yet; the lock is held."""
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        if not is_manifest_folder(folder):
            atomic.new_folder(folder)
            source = self._layout.layer(place.key, place.image, blob)
            self._link_layer(blob, source, f"{folder}/{content_name(blob)}")

    def displace(self, place: Place, reference: Reference, blob: Digest) -> bool:
        """Take back what `place` did; return whether it could. The lock is held."""
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        if is_manifest_folder(folder):
            return False
        atomic.remove(f"{folder}/{content_name(blob)}")
        return atomic.remove_folder(folder) or True

    def _link_layer(self, blob: Digest, source: str, target: str) -> None:
        try:
            atomic.link(source, target)
        except FileNotFoundError:
            # A request that was stopped for long comes back to a lease that is about to end.
            if not held.resurrect(source):
                raise
            atomic.link(source, target)
        except LinksExhausted:
            self._filestore.give(blob, target)

    def register(
        self, place: Place, digest: Digest, content: Digest, subject: Digest | None
    ) -> None:
        """Let the image show the manifest by digest, and as referrer of its subject.

        The blobs come first: a manifest that the image shows has all of them. All of it is durable
        before whatever follows is.
        """
        syncing.barrier(self._layout.layers(place.key, place.image))
        path = self._layout.manifest(place.key, place.image, digest)
        self._filestore.give(content, path)
        self.renew(place, digest)
        syncing.barrier(os.path.dirname(path))
        if subject is not None:
            folder = self._layout.referrers(place.key, place.image, subject)
            self._filestore.give(content, f"{folder}/{content_name(digest)}")
            # Up to the image, because whoever made the folders may have been killed.
            syncing.barriers(folder, self._layout.all_referrers(place.key, place.image))

    def stage(self, place: Place, reference: Reference, temporary: str, sidecar: Sidecar) -> None:
        """Complete the folder of a prepared manifest: all but the manifest's name.

        All of it is durable before whatever follows is.
        """
        folder = os.path.dirname(temporary)
        written = atomic.write_temporary(folder, documents.encode(sidecar), atomic.DOCUMENT_MODE)
        atomic.put_in_place(written, f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")
        syncing.barrier(folder)
        if not is_manifest_folder(folder):
            self._sync_parents(place, os.path.dirname(folder))

    def _sync_parents(self, place: Place, image: str) -> None:
        """Make the way to a new manifest folder durable.

        Whoever made the folders may have been killed before they were; but an image with another
        manifest has been made durable before that was put in place.
        """
        if next(self.folders(place), None) is not None:
            syncing.barrier(image)
        else:
            syncing.barriers(image, self._layout.repository(place.key))

    def replace_sidecar(self, place: Place, reference: Reference, sidecar: Sidecar) -> None:
        """Change what is recorded beside the manifest of a folder; durable."""
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        documents.replace(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}", sidecar)

    def mark_checked(self, place: Place, reference: Reference) -> None:
        """Let `checked` say: now. Not durable; after a power cut it is checked once more."""
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        atomic.touch(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")

    def add_part(self, place: Place, reference: Reference, blob: Digest) -> None:
        """Link a blob of the image, which came after the manifest, into the manifest's folder.

        The lock is held. Nothing happens where the manifest has gone meanwhile.
        """
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        if is_manifest_folder(folder):
            source = self._layout.layer(place.key, place.image, blob)
            self._link_layer(blob, source, f"{folder}/{content_name(blob)}")

    def commit(self, temporary: str, *, index: bool) -> None:
        """Put a staged manifest in place by one rename: the commit point of a tag.

        A tag that changes from image to index or back keeps its old file name for this one step,
        so that there is never a moment with two manifests or with none.
        """
        folder = os.path.dirname(temporary)
        final, other = names_of(folder, index=index)
        target = other if os.path.exists(other) else final
        if os.path.exists(target):
            # Stays until the links of the replaced manifest are gone, for the pruner to see.
            atomic.link(temporary, atomic.temporary_name(folder))
        atomic.rename(temporary, target)

    def settle(self, place: Place, reference: Reference, *, index: bool) -> None:
        """Make a committed manifest durable, under the file name that its kind has."""
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        final, other = names_of(folder, index=index)
        if os.path.exists(other):
            atomic.rename_over_link(other, final)
        syncing.sync_folder(folder)

    def discard(self, temporary: str) -> None:
        """Give up a prepared manifest; links that its folder does not need go with it.

        Links that an older manifest of the folder does not need either are stale, and harmless.
        """
        folder = os.path.dirname(temporary)
        atomic.remove(temporary)
        for name in listed(folder):
            if name.startswith(TEMPORARY_PREFIX):
                atomic.remove(f"{folder}/{name}")
        if not is_manifest_folder(folder):
            self._clear(folder, keep=frozenset())

    def drop_stale_links(self, place: Place, reference: Reference, keep: Iterable[Digest]) -> None:
        """Remove links that the manifest of a folder does not need, and half-done work there."""
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        self._clear(folder, keep=frozenset(map(content_name, keep)))

    def _clear(self, folder: str, keep: frozenset[str]) -> None:
        """Remove layer links, and an emptied folder; child images in the folder stay."""
        for name in listed(folder):
            stale = parse_content_name(name) and "__" in name and name not in keep
            if stale or name.startswith(TEMPORARY_PREFIX):
                atomic.remove(f"{folder}/{name}")
        if not keep and not is_manifest_folder(folder):
            atomic.remove(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")
            atomic.remove_folder(folder)

    # --- removing ----------------------------------------------------------------------------

    def remove_folders(self, place: Place, references: Sequence[Reference]) -> None:
        """Remove the manifests of folders, then what they alone held.

        Durable from the removal of the manifests on.
        """
        folders = [self._layout.manifest_folder(place.key, place.image, r) for r in references]
        for folder in folders:
            for name in MANIFEST_FILES:
                atomic.remove(f"{folder}/{name}")
        syncing.sync_each(folders)
        for folder in folders:
            self._clear(folder, keep=frozenset())

    def unregister(self, place: Place, digest: Digest, subject: Digest | None) -> None:
        """Stop showing a manifest by digest and as referrer. Durable."""
        path = self._layout.manifest(place.key, place.image, digest)
        if atomic.remove(path):
            syncing.sync_folder(os.path.dirname(path))
        if subject is not None:
            folder = self._layout.referrers(place.key, place.image, subject)
            atomic.remove(f"{folder}/{content_name(digest)}")
            atomic.remove_folder(folder)
