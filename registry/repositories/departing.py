"""Taking from an image what has arrived in another one: the second half of a move.

The order of writes is that of a deletion. Nothing comes to the trash: what was moved has not been
deleted, it is complete in the other image; and somebody who moved an image away, because it must
not be here any more, would neither look for it in the trash nor want it to be restored from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from registry.model.companions import subject_of
from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown
from registry.model.names import Reference, RepositoryKey, Tag
from registry.repositories.belongings import Parcel, Part, Transfer
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.deleting import ManifestDeletion
from registry.repositories.immutability import require_mutable
from registry.repositories.sidecars import former_tags
from registry.storage.manifest_files import Place
from registry.storage.references import ImageGraph
from registry.storage.store import Store


class Departure(ManifestDeletion):
    """Takes away what has been brought to ``target``, for ``actor``.

    Callers hold the image lock.
    """

    def __init__(
        self,
        store: Store,
        definition: RepositoryDefinition,
        place: Place,
        actor: Actor,
        transfer: Transfer,
        target: RepositoryKey,
    ) -> None:
        super().__init__(store, definition, place, actor)
        self._transfer = transfer
        self._target = target

    def require_movable(self) -> None:
        """Raise for what has to stay where it is.

        Raises:
            OperationUnsupported: an index needs the manifest.
            TagImmutable: the repository keeps the tag as it is.
        """
        reference = self._transfer.reference
        require_mutable(self._definition, self._place, [reference], "moved away")
        if isinstance(reference, Digest):
            self._require_no_parent(self._store.manifests.folders(self._place), reference)

    def take_away(self, parcel: Parcel) -> None:
        """Remove a manifest, and of what belongs to it all that nothing here needs.

        A tag that stands for something else by now stays, and so does a manifest that another tag
        stands for, an index needs, or another tag had before. Tags that belong to it go first:
        without its own tag nobody would ask for them again if this is broken off.
        """
        root = parcel.root
        if isinstance(root.reference, Tag) and not self._is_at(root.reference, root.digest):
            return
        graph = self._store.references.read(self._place, related=True)
        remaining, going, companions = _Remaining(graph), list[Digest](), list[Tag]()
        if isinstance(root.reference, Tag):
            remaining.untag(root.digest)
        if graph.is_whole and not graph.unreadable:
            going, companions = self._unneeded(remaining, parcel)
        # Else nobody can say what the rest needs, and the pruner waits for that as well.
        for tag in companions:
            self.tag(tag)
        if isinstance(root.reference, Tag):
            self.tag(root.reference)
        self._remove(going)

    def _is_at(self, tag: Tag, digest: Digest) -> bool:
        try:
            return self._store.manifests.read(self._place, tag).digest == digest
        except ManifestUnknown:
            return False

    def _unneeded(self, remaining: _Remaining, parcel: Parcel) -> tuple[list[Digest], list[Tag]]:
        """Return what nothing needs, outermost first, and the tags that have lost their subject."""
        parts = [part.digest for part in parcel.parts if isinstance(part.reference, Digest)]
        order = remaining.graph.in_order([*parts, parcel.root.digest])
        waiting = [p for p in parcel.parts if p is not parcel.root and p.reference not in parts]
        going, companions = list[Digest](), list[Tag]()
        while True:
            for digest in order:
                named = digest == parcel.root.digest
                if not self._had_others(digest) and not remaining.needs(digest, named=named):
                    remaining.gone.add(digest)
                    going.append(digest)
            order = [digest for digest in order if digest not in remaining.gone]
            lost = [part for part in waiting if self._has_lost_subject(remaining, part)]
            if not lost:
                return going, companions
            for part in lost:
                remaining.untag(part.digest)
                companions.append(Tag(part.reference))
            waiting = [part for part in waiting if part not in lost]

    def _had_others(self, digest: Digest) -> bool:
        """Return whether a tag that is not moved can be put back to a manifest."""
        if digest == self._transfer.reference:
            return False
        sidecar = self._store.manifests.sidecar(self._place, digest)
        return bool(former_tags(sidecar).keys() - {str(self._transfer.reference)})

    def _has_lost_subject(self, remaining: _Remaining, part: Part) -> bool:
        tag = Tag(part.reference)
        subject = subject_of(tag)
        return subject is not None and not remaining.has(subject) and self._is_at(tag, part.digest)

    def _shows(self, digest: Digest) -> bool:
        return self._store.manifests.has(self._place, digest)

    def _remove(self, digests: Sequence[Digest]) -> None:
        manifests = self._store.manifests
        owned = [digest for digest in digests if manifests.has_folder(self._place, digest)]
        self._to_trash([(digest, digest) for digest in owned])
        for digest in digests:
            if self._shows(digest):
                self._unregister(manifests.read(self._place, digest))
                self._record(digest=digest)

    def _to_trash(self, deletions: Sequence[tuple[Reference, Digest]]) -> None:
        """Remove manifest folders; the trash gets none of them, see above."""
        self._store.manifests.remove_folders(self._place, [reference for reference, _ in deletions])

    def _record(self, **facts: object) -> None:
        at = facts.get("tag") or facts.get("digest")
        new = self._transfer.new if at == self._transfer.reference else at
        to = f"{self._target}/{self._transfer.to}{'@' if ':' in str(new) else ':'}{new}"
        self._store.journal.record(
            self._transfer.event, self._place.key, self._place.image, self._actor, to=to, **facts
        )


class _Remaining:
    """What is left in an image while things are taken from it."""

    def __init__(self, graph: ImageGraph) -> None:
        self.graph = graph
        self.gone: set[Digest] = set()
        self._tags = Counter(graph.tags.values())
        self._parents: dict[Digest, set[Digest]] = {}
        for parent, (children, _) in graph.relations.items():
            for child in children:
                self._parents.setdefault(child, set()).add(parent)

    def has(self, digest: Digest) -> bool:
        """Return whether the image has a manifest."""
        known = digest in self.graph.registered or digest in self.graph.folders
        return known and digest not in self.gone

    def needs(self, digest: Digest, *, named: bool) -> bool:
        """Return whether a tag or an index that is left needs a manifest.

        A subject that is left needs it as well, unless it was ``named`` itself.
        """
        if self._tags[digest] or self._parents.get(digest, set()) - self.gone:
            return True
        subject = self.graph.relations.get(digest, ((), None))[1]
        return not named and subject is not None and self.has(subject)

    def untag(self, digest: Digest) -> None:
        """Take note that a tag of a manifest is about to go, and the manifest with its last one."""
        self._tags[digest] -= 1
        if digest not in self.graph.folders and not self.needs(digest, named=True):
            self.gone.add(digest)
