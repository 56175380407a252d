"""What in an image lives by what: children by their index, referrers by their subject."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Final

from registry.model.digests import Digest
from registry.storage.references import ImageGraph, Relations

_NONE: Final[Relations] = ((), None)


class Lineage:
    """Both directions of the graph of an image."""

    def __init__(self, graph: ImageGraph) -> None:
        self._relations = graph.relations
        self._parents: dict[Digest, list[Digest]] = {}
        self._referrers: dict[Digest, list[Digest]] = {}
        for digest, (children, subject) in graph.relations.items():
            for child in children:
                self._parents.setdefault(child, []).append(digest)
            if subject is not None:
                self._referrers.setdefault(subject, []).append(digest)

    def parents(self, digest: Digest) -> list[Digest]:
        """Return the indexes that name a manifest."""
        return self._parents.get(digest, [])

    def referrers(self, digest: Digest) -> list[Digest]:
        """Return the manifests whose subject is ``digest``."""
        return self._referrers.get(digest, [])

    def lived_by(self, digest: Digest, without: Set[Digest]) -> Iterator[Digest]:
        """Yield what lets a manifest live: indexes that name it, and its subject.

        What those ``without`` say themselves, their subject, does not count.
        """
        yield from self.parents(digest)
        subject = self._relations.get(digest, _NONE)[1]
        if subject is not None and digest not in without:
            yield subject

    def closure(
        self,
        roots: Iterable[Digest],
        within: Set[Digest] | None = None,
        without: Set[Digest] = frozenset(),
    ) -> dict[Digest, None]:
        """Return what lives by ``roots``, with them; in a stable order.

        Only what is ``within`` counts, if that is given. What manifests say that the image does
        not show is not known, so nothing lives by those ``without`` but what refers to them.
        """
        found: dict[Digest, None] = {}
        waiting = list(roots)
        while waiting:
            digest = waiting.pop()
            if digest in found or (within is not None and digest not in within):
                continue
            found[digest] = None
            waiting += (d for d in self.referrers(digest) if d not in without)
            if digest not in without:
                waiting += self._relations.get(digest, _NONE)[0]
        return found
