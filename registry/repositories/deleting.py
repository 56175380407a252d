"""Deleting from an image: tags, manifests, blobs, or everything.

The order is the reverse of a push: tag → manifest by digest → link. What is deleted is in the
trash, complete and durable, before it vanishes from its place; bytes are freed by the pruner
alone. Callers hold the image lock.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence

from registry.model.content import Actor, StoredManifest
from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, ManifestUnknown, OperationUnsupported
from registry.model.names import Reference, Tag
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.immutability import require_mutable
from registry.repositories.pushing import ManifestPush
from registry.storage import atomic, held, syncing
from registry.storage.manifest_files import Place
from registry.storage.passes import Age, Ages
from registry.storage.references import ImageGraph, Relations
from registry.storage.store import Store


class ManifestDeletion:
    """One deletion from an image, by ``actor``.

    Of tags, what deletes them may raise TagImmutable, and then has changed nothing.
    """

    def __init__(
        self, store: Store, definition: RepositoryDefinition, place: Place, actor: Actor
    ) -> None:
        self._store = store
        self._definition = definition
        self._place = place
        self._actor = actor

    # --- what can be deleted -----------------------------------------------------------------

    def untag(self, tag: Tag) -> None:
        """Delete a tag alone; its manifest can still be pulled by digest for a while."""
        stored = self._store.manifests.read(self._place, tag)
        self.require_mutable([tag])
        self._push().keep_by_digest(tag, stored)
        self._to_trash([(tag, stored.digest)])
        self._record(tag=tag, previous=stored.digest)

    def tag(self, tag: Tag, **facts: object) -> None:
        """Delete a tag, and its manifest if nothing else in the image stands for or names it.

        ``facts`` are for the journal.
        """
        manifests = self._store.manifests
        stored = manifests.read(self._place, tag)
        self.require_mutable([tag])
        others = [r for r in manifests.folders(self._place) if r != tag]
        held_elsewhere = any(
            r == stored.digest
            or (isinstance(r, Tag) and manifests.is_at(self._place, r, stored.digest))
            for r in others
        )
        if not held_elsewhere and self._parent_of(others, stored.digest) is not None:
            # An index needs it, so it needs a folder that holds its blobs.
            self._push().keep_by_digest(tag, stored)
            held_elsewhere = True
        self._to_trash([(tag, stored.digest)])
        if not held_elsewhere:
            self._unregister(stored)
        self._record(tag=tag, previous=stored.digest, **facts)

    def manifest(self, digest: Digest) -> None:
        """Delete a manifest and all its tags.

        Raises OperationUnsupported for one that an index needs.
        """
        manifests = self._store.manifests
        stored = manifests.read(self._place, digest)
        holders = list(manifests.folders(self._place))
        self._require_no_parent(holders, digest)
        tags = [
            r for r in holders if isinstance(r, Tag) and manifests.is_at(self._place, r, digest)
        ]
        self.require_mutable(tags)
        own = [digest] if digest in holders else []
        references: list[Reference] = [*tags, *own]
        self._to_trash([(reference, digest) for reference in references])
        self._unregister(stored)
        for tag in tags:
            self._record(tag=tag, previous=digest)
        self._record(digest=digest)

    def untagged(self, digest: Digest, ages: Ages) -> bool:
        """Delete a manifest that nothing needs and nobody has wanted for the grace.

        Returns whether it could be done: somebody may have wanted it a moment ago.
        """
        manifests, place = self._store.manifests, self._place
        registered = self._store.layout.manifest(place.key, place.image, digest)
        try:
            stored = manifests.read(place, digest)
            if ages.of(os.stat(registered).st_mtime) is not Age.OLD:
                return False
        except (ManifestUnknown, FileNotFoundError):
            # Shown by nobody: what is left is a folder, after a deletion that was broken off.
            if not manifests.has_folder(place, digest):
                return False
            self._to_trash([(digest, digest)])
            return True
        subject = ManifestPush.parse(stored).subject
        if subject is not None and manifests.has(place, subject):
            return False
        # First of all the name goes by which anybody could be told that it is here.
        on_hold = held.hold(registered, ages.before)
        if on_hold is None:
            return False
        if manifests.has_folder(place, digest):
            self._to_trash([(digest, digest)])
        self._unregister(stored)
        held.drop(on_hold)
        # Durable before any lease of what it named can end.
        syncing.barrier(os.path.dirname(registered))
        self._record(digest=digest)
        return True

    def everything(self) -> None:
        """Delete all tags and manifests of the image."""
        manifests = self._store.manifests
        self.require_mutable(manifests.folders(self._place))
        found: list[tuple[Reference, Digest]] = [
            (r, r if isinstance(r, Digest) else manifests.read(self._place, r).digest)
            for r in manifests.folders(self._place)
        ]
        digests = self._outermost_first()
        self._to_trash(found)
        for digest in digests:
            with contextlib.suppress(ManifestUnknown):
                self._unregister(manifests.read(self._place, digest))
        for reference, digest in found:
            if isinstance(reference, Tag):
                self._record(tag=reference, previous=digest)
            else:
                self._record(digest=reference)

    def blob(self, digest: Digest) -> None:
        """Stop the image from showing a blob.

        Raises BlobUnknown, and OperationUnsupported for one that a manifest needs.
        """
        for reference in self._store.manifests.folders(self._place):
            if self._store.manifests.holds(self._place, reference, digest):
                raise OperationUnsupported(
                    f"the blob is part of '{reference}'; delete that first",
                    {"digest": digest, "manifest": str(reference)},
                )
        if not self._store.links.remove(self._place.key, self._place.image, digest):
            raise BlobUnknown("blob unknown to registry", {"digest": digest})
        self._record(blob=digest)

    def require_mutable(self, references: Iterable[Reference]) -> None:
        """Raise TagImmutable if one of some tags is kept as it is."""
        require_mutable(self._definition, self._place, references, "deleted")

    # --- how ---------------------------------------------------------------------------------

    def _push(self) -> ManifestPush:
        return ManifestPush(self._store, self._definition, self._place, self._actor)

    def _to_trash(self, deletions: Sequence[tuple[Reference, Digest]]) -> None:
        """Move manifest folders to the trash: complete there before the first one vanishes."""
        staged = self._store.trash.stage(self._place, deletions, self._actor)
        self._store.manifests.remove_folders(self._place, [reference for reference, _ in deletions])
        self._store.trash.finish(staged)

    def _unregister(self, stored: StoredManifest) -> None:
        """Stop showing a manifest by digest; the age of what it named begins now.

        Whoever has just read it can so pull what it names for as long as the grace.
        """
        manifests, place = self._store.manifests, self._place
        manifest = ManifestPush.parse(stored)
        for blob in manifest.blobs:
            self._store.links.restart_age(place.key, place.image, blob.digest)
        manifests.unregister(place, stored.digest, manifest.subject)
        for child in manifest.children:
            manifests.restart_age(place, child.digest)
        for referrer in manifests.referrers(place, stored.digest):
            manifests.restart_age(place, referrer.digest)

    def _outermost_first(self) -> list[Digest]:
        """Return all manifests of the image so that no index is shown longer than its children."""
        relations: dict[Digest, Relations] = {}
        for digest in self._store.manifests.digests(self._place):
            with contextlib.suppress(ManifestUnknown):
                manifest = ManifestPush.parse(self._store.manifests.read(self._place, digest))
                children = tuple(child.digest for child in manifest.children)
                relations[digest] = children, manifest.subject
        found = frozenset(relations)
        return ImageGraph({}, frozenset(), found, relations).in_order(found)

    def _require_no_parent(self, holders: Iterable[Reference], digest: Digest) -> None:
        """Refuse to delete what an index needs: a tag with missing parts must never be seen."""
        if self._definition.flag("allowSparseIndexes"):
            return
        parent = self._parent_of((r for r in holders if r != digest), digest)
        if parent is not None:
            raise OperationUnsupported(
                f"the manifest is part of the index '{parent}'; delete that first",
                {"digest": digest, "index": str(parent)},
            )

    def _parent_of(self, holders: Iterable[Reference], digest: Digest) -> Reference | None:
        """Return one of the folders that is an index with ``digest`` as a child."""
        for reference in holders:
            stored = None
            # Shown by nobody, it is what a killed pass has left, and needs nothing.
            with contextlib.suppress(ManifestUnknown):
                stored = self._store.manifests.read_index(self._place, reference)
            if stored is None or stored.digest == digest:
                continue
            if any(child.digest == digest for child in ManifestPush.parse(stored).children):
                return reference
        return None

    def _record(self, **facts: object) -> None:
        self._store.journal.record(
            "delete", self._place.key, self._place.image, self._actor, **facts
        )


def remove_empty(store: Store, place: Place) -> None:
    """Remove the folders of an image that has nothing left, and its empty parents."""
    layout = store.layout
    for folder in (
        layout.layers(place.key, place.image),
        layout.manifests(place.key, place.image),
        layout.all_referrers(place.key, place.image),
    ):
        atomic.remove_folder(folder)
    atomic.remove_empty_folders(layout.image(place.key, place.image), layout.repository(place.key))
    if not store.manifests.digests(place):
        # What was said of this image must not be said of the next one of that name.
        store.folder_records.clear(place.key, place.image)
