"""Bringing deleted manifests back from the trash, by the same steps as a push."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from registry.model.content import Actor, StoredManifest
from registry.model.digests import Digest
from registry.model.errors import ManifestPartsMissing, RestoreConflict, TrashUnknown
from registry.model.manifests import ManifestIdentifier
from registry.model.names import Reference, Tag
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.pushing import ManifestPush
from registry.storage.deletions import Deletion
from registry.storage.layout import MANIFEST_FILE, SIDECAR_ENDING, content_name
from registry.storage.manifest_files import Place, read_manifest
from registry.storage.store import Store

EVENT = "restore"


class Restoration:
    """Restores manifests of one image, for ``actor``. Callers hold the image lock."""

    def __init__(
        self, store: Store, definition: RepositoryDefinition, place: Place, actor: Actor
    ) -> None:
        self._store = store
        self._place = place
        self._identifier = ManifestIdentifier()
        self._push = ManifestPush(store, definition, place, actor)

    def run(self, entry: Deletion, *, overwrite: bool = False) -> None:
        """Restore an entry of the trash under the tag or digest that it had.

        Raises:
            RestoreConflict: another manifest has the tag now, and ``overwrite`` is not set.
            TrashUnknown: the entry is gone, or damaged.
            ManifestPartsMissing: the children of an index are neither here nor in the trash.
        """
        reference = entry.reference
        if reference is None:
            raise TrashUnknown("this entry of the trash is no manifest", {"id": entry.id})
        if isinstance(reference, Tag) and not overwrite:
            self._require_free(entry, reference)
        self._put(entry, reference)
        self._store.trash.remove(entry)

    def bring_back(self, digest: Digest) -> StoredManifest:
        """Return the manifest of that digest, restored from the trash if the image lost it.

        Raises:
            TrashUnknown: it is neither in the image nor in the trash.
        """
        if not self._store.manifests.renew(self._place, digest):
            entry = next(self._entries(digest), None)
            if entry is None:
                raise TrashUnknown(
                    f"the manifest {digest} is neither in the image nor in the trash",
                    {"digest": digest},
                )
            self._put(entry, digest)
        self._push.complete(digest)
        return self._store.manifests.read(self._place, digest)

    def _require_free(self, entry: Deletion, tag: Tag) -> None:
        if not self._store.manifests.has_folder(self._place, tag):
            return
        if self._store.manifests.read(self._place, tag).digest != entry.digest:
            raise RestoreConflict(
                f"the tag '{tag}' stands for another manifest now; restore with --overwrite to "
                "replace it",
                {"tag": str(tag)},
            )

    def _put(self, entry: Deletion, reference: Reference) -> None:
        stored = self._read(entry)
        manifest = ManifestPush.parse(stored)
        for child in manifest.children:
            with suppress(TrashUnknown):
                self.bring_back(child.digest)
        folder = self._store.trash.path(entry)
        for part in (*manifest.blobs, *manifest.children):
            self._store.links.bring_back(
                self._place.key,
                self._place.image,
                part.digest,
                f"{folder}/{content_name(part.digest)}",
            )
        sidecar = self._store.documents.read(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")
        try:
            self._push.put_again(reference, stored, kept=sidecar, event=EVENT)
        except ManifestPartsMissing as error:
            raise ManifestPartsMissing(
                "parts of the deleted manifest have expired; push it again", *error.details
            ) from None

    def _read(self, entry: Deletion) -> StoredManifest:
        body = read_manifest(self._store.trash.path(entry))
        if body is None or entry.digest is None:
            raise TrashUnknown("the entry is gone from the trash", {"id": entry.id})
        digest, media_type = self._identifier.identify(body, entry.digest.algorithm)
        return StoredManifest(digest, media_type, body)

    def _entries(self, digest: Digest) -> Iterator[Deletion]:
        """Yield the entries of the image with that digest, the newest first."""
        found = [
            entry
            for entry in self._store.trash.entries()
            if (entry.repository, entry.image, entry.digest)
            == (self._place.key, self._place.image, digest)
        ]
        return reversed(found)
