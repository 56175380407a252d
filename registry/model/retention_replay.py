"""Rules tried on the past of one image: what would have gone, and was pulled afterwards.

The rules are applied at the end of each day, as a periodic run would. What went is gone until it
is pushed again. A pull is regretted that would have found nothing: one by the name of a tag that
had gone, or by a digest for which no tag was left.
"""

from __future__ import annotations

import datetime
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final

from registry.model.digests import Digest
from registry.model.names import Reference, Tag
from registry.model.retention import Policy, TagState, decide

DAY: Final = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Move:
    """A tag was pushed, deleted, or put to something else."""

    time: datetime.datetime
    tag: Tag
    state: TagState | None
    """What it was afterwards; None if it was gone."""


@dataclass(frozen=True, slots=True)
class PastPulls:
    """How often a manifest was pulled on one day, by one name or on all days together."""

    digest: Digest
    tag: Tag | None
    """The tag that was asked for; None if it was the digest."""
    count: int
    first: datetime.datetime
    last: datetime.datetime
    principal: str
    """Who pulled it last."""


@dataclass(slots=True)
class Gone:
    """A tag that would have been deleted."""

    state: TagState
    time: datetime.datetime
    rule: str
    pulls: PastPulls | None = None
    """The pulls that would have found nothing."""

    def add(self, pulls: PastPulls) -> None:
        """Regret these pulls, too."""
        if self.pulls is not None:
            count, first = self.pulls.count + pulls.count, self.pulls.first
            pulls = replace(pulls, count=count, first=first)
        self.pulls = pulls


class Past:
    """The past of one image, with the rules in force.

    ``served`` are the manifests that an index has as its parts: whoever pulls one of these by
    digest has pulled the index before, and that is what counts.
    """

    def __init__(
        self,
        policy: Policy,
        moves: Iterable[Move],
        pulls: Mapping[datetime.datetime, Sequence[PastPulls]],
        served: Set[Digest] = frozenset(),
    ) -> None:
        self._policy = policy
        self._moves = deque(sorted(moves, key=lambda move: move.time))
        self._all_pulls = pulls
        self._served = served
        self._tags: dict[Tag, TagState] = {}
        self._gone: dict[Tag, Gone] = {}
        self._gone_digests: defaultdict[Digest, set[Tag]] = defaultdict(set)
        self._pulled: dict[Reference, datetime.datetime] = {}

    def run(self, since: datetime.datetime, until: datetime.datetime) -> list[Gone]:
        """Apply the rules at the end of each day between two moments; return what went.

        ``since`` is the beginning of a day; what was before is known, but nothing went then.
        """
        found: list[Gone] = []
        day = since
        while day < until:
            end = day + DAY
            for pulls in sorted(self._all_pulls.get(day, ()), key=lambda pulls: pulls.first):
                self._move_until(pulls.first)
                self._pull(pulls)
            self._move_until(min(end, until))
            if end <= until:
                found += self._apply(end)
            day = end
        return found

    def _move_until(self, moment: datetime.datetime) -> None:
        while self._moves and self._moves[0].time <= moment:
            move = self._moves.popleft()
            if move.state is None:
                self._tags.pop(move.tag, None)
            else:
                self._tags[move.tag] = move.state
                self._gone.pop(move.tag, None)

    def _apply(self, now: datetime.datetime) -> list[Gone]:
        went = []
        for decision in decide(self._policy, [*self._tags.values()], self._last_pull, now):
            if decision.goes:
                state = decision.state
                went.append(Gone(state, now, decision.rule))
                self._gone[state.tag] = went[-1]
                self._gone_digests[state.digest].add(state.tag)
                del self._tags[state.tag]
        return went

    def _last_pull(self, state: TagState) -> datetime.datetime | None:
        by_name, by_digest = self._pulled.get(state.tag), self._pulled.get(state.digest)
        if by_name is None or by_digest is None:
            return by_name or by_digest
        return max(by_name, by_digest)

    def _pull(self, pulls: PastPulls) -> None:
        """Take in pulls of one day, as if all of them had been when the first one was."""
        references: list[Reference] = [pulls.digest]
        references += [] if pulls.tag is None else [pulls.tag]
        for reference in references:
            known = self._pulled.get(reference, pulls.last)
            self._pulled[reference] = max(known, pulls.last)
        for tag in self._gone_digests.get(pulls.digest, ()):
            gone = self._gone.get(tag)
            if gone is None or gone.state.digest != pulls.digest:
                continue
            if self._is_missed(pulls, tag):
                gone.add(pulls)

    def _is_missed(self, pulls: PastPulls, gone: Tag) -> bool:
        """Return whether pulls of a manifest would have missed a tag that had gone."""
        if pulls.tag is not None:
            return pulls.tag == gone
        left = any(state.digest == pulls.digest for state in self._tags.values())
        return pulls.digest not in self._served and not left
