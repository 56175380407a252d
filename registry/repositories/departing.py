"""Taking from an image what has arrived in another one: the second half of a move.

The order of writes is that of a deletion. Nothing comes to the trash: what was moved has not been
deleted, it is complete in the other image; and somebody who moved an image away, because it must
not be here any more, would neither look for it in the trash nor want it to be restored from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown
from registry.model.names import Reference, RepositoryKey, Tag
from registry.repositories.belongings import Parcel, Part, Transfer, subject_of
from registry.repositories.definitions import RepositoryDefinition
from registry.repositories.deleting import ManifestDeletion
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
        """Raise OperationUnsupported for a manifest that an index needs where it is."""
        reference = self._transfer.reference
        if isinstance(reference, Digest):
            self._require_no_parent(self._store.manifests.folders(self._place), reference)

    def take_away(self, parcel: Parcel) -> None:
        """Remove a manifest, and of what belongs to it all that nothing here needs.

        A tag that stands for something else by now stays, and so does a manifest that another tag
        stands for, an index needs, or another tag had before.
        """
        root = parcel.root
        if isinstance(root.reference, Tag):
            if not self._is_at(root.reference, root.digest):
                return
            self.tag(root.reference)
        graph = self._store.references.read(self._place)
        if graph.is_whole and not graph.unreadable:
            self._take(_Remaining(graph), parcel)
        # Else nobody can say what the rest needs, and the pruner waits for that as well.

    def _is_at(self, tag: Tag, digest: Digest) -> bool:
        try:
            return self._store.manifests.read(self._place, tag).digest == digest
        except ManifestUnknown:
            return False

    def _take(self, remaining: _Remaining, parcel: Parcel) -> None:
        """Remove whatever is no longer needed, until all that is left is."""
        parts = {part.digest: part for part in parcel.parts if isinstance(part.reference, Digest)}
        parts[parcel.root.digest] = parcel.root
        tags = [
            (part, part.reference)
            for part in parcel.parts
            if part is not parcel.root and isinstance(part.reference, Tag)
        ]
        order = remaining.graph.in_order(parts)
        while True:
            self._remove(self._unneeded(remaining, order))
            companions = [(p, t) for p, t in tags if self._has_lost_subject(remaining, p, t)]
            for part, tag in companions:
                self.tag(tag)
                remaining.untag(part.digest, shown=self._shows(part.digest))
            if not companions:
                return
            order = [d for d in order if d not in remaining.gone]
            tags = [pair for pair in tags if pair not in companions]

    def _unneeded(self, remaining: _Remaining, order: Sequence[Digest]) -> list[Digest]:
        """Return what nothing needs, each after the indexes and subjects that it is for."""
        found = []
        for digest in order:
            if not self._had_others(digest) and not remaining.needs(digest):
                remaining.gone.add(digest)
                found.append(digest)
        return found

    def _had_others(self, digest: Digest) -> bool:
        """Return whether a tag that is not moved can be put back to a manifest."""
        if digest == self._transfer.reference:
            return False
        sidecar = self._store.manifests.sidecar(self._place, digest)
        return bool(former_tags(sidecar).keys() - {str(self._transfer.reference)})

    def _has_lost_subject(self, remaining: _Remaining, part: Part, tag: Tag) -> bool:
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

    def needs(self, digest: Digest) -> bool:
        """Return whether a tag, an index or a subject that is left needs a manifest."""
        if self._tags[digest] or self._parents.get(digest, set()) - self.gone:
            return True
        subject = self.graph.relations.get(digest, ((), None))[1]
        return subject is not None and self.has(subject)

    def untag(self, digest: Digest, *, shown: bool) -> None:
        """Note that a tag has been taken away, and whether its manifest is still shown."""
        self._tags[digest] -= 1
        if not shown:
            self.gone.add(digest)
