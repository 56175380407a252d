"""Rules tried on the past: which tags they would have deleted that somebody pulled afterwards.

What the tags were is told by the journal, and where that is silent by the tags themselves; what
was pulled, by the recorded pulls. `registry.model.retention_replay` has the rules of the game.
"""

from __future__ import annotations

import contextlib
import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.retention import Policy, TagState
from registry.model.retention_replay import Gone, Move, Past, PastPulls
from registry.model.retention_rules import Rule
from registry.repositories.definitions import Definitions
from registry.repositories.pushing import ManifestPush
from registry.repositories.restoring import EVENT as RESTORE
from registry.repositories.tag_limit import policy_of
from registry.repositories.tag_states import read_tags
from registry.storage.journal import PIN, UNPIN, parse_timestamp
from registry.storage.journal_reader import TagEvent
from registry.storage.manifest_files import Place
from registry.storage.pull_counts import Pulled, PullKey
from registry.storage.store import Store

_Days = dict[datetime.datetime, list[PastPulls]]


@dataclass(frozen=True, slots=True)
class Regretted:
    """A tag that the rules would have deleted, and somebody pulled later."""

    name: str
    """The tag as a command line names it."""
    gone: datetime.datetime
    """When it would have been deleted."""
    rule: str
    pulls: int
    pulled: datetime.datetime
    """When it was pulled last after that."""
    principal: str
    """By whom."""


@dataclass(slots=True)
class Replay:
    """What came of trying the rules on the past."""

    since: datetime.datetime | None = None
    """The beginning of the first day of which pulls are recorded; None if there is none."""
    deleted: int = 0
    """Tags that would have been deleted; one that came back and went again counts twice."""
    regretted: list[Regretted] = field(default_factory=list)
    """Those of them that were pulled later."""


class Regret:
    """Tries the rules of the repositories on what is recorded of the past."""

    def __init__(self, store: Store, definitions: Definitions) -> None:
        self._store = store
        self._definitions = definitions

    def replay(
        self,
        now: datetime.datetime,
        keys: Sequence[RepositoryKey] = (),
        rules: Sequence[Rule] | None = None,
    ) -> Replay:
        """Try the rules of these repositories, or of all that have any, on the past.

        ``rules`` are tried instead of those in force. Tags that are pinned now count as pinned all
        the time.

        Raises:
            RepositoryUnknown: there is no repository of that key.
            StorageFailed: what is recorded of the pulls is damaged.
        """
        replay = Replay()
        chosen = [self._definitions.holder(key) for key in keys] or self._definitions.holding()
        policies = {definition.key: policy_of(definition, rules) for definition in chosen}
        policies = {key: policy for key, policy in policies.items() if policy.active}
        if not policies:
            return replay
        pulls, replay.since = self._pulls(policies)
        if replay.since is not None:
            for key, policy in policies.items():
                for gone in self._replay(key, policy, pulls, replay.since, now):
                    replay.deleted += 1
                    replay.regretted += _regretted(key, gone)
        return replay

    def _pulls(
        self, keys: Iterable[RepositoryKey]
    ) -> tuple[Mapping[tuple[RepositoryKey, ImageName], _Days], datetime.datetime | None]:
        """Return what was pulled of each image on each day, and the first day of all."""
        wanted, first = frozenset(keys), None
        found: dict[tuple[RepositoryKey, ImageName], _Days] = {}
        for text in self._store.pulls.days():
            day = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
            first = first or day
            for what, pulled in self._store.pulls.day(text).pulls.items():
                if what.repository in wanted:
                    days = found.setdefault((what.repository, what.image), {})
                    days.setdefault(day, []).append(_past(what, pulled))
        return found, first

    def _replay(
        self,
        key: RepositoryKey,
        policy: Policy,
        pulls: Mapping[tuple[RepositoryKey, ImageName], _Days],
        since: datetime.datetime,
        now: datetime.datetime,
    ) -> Iterator[Gone]:
        """Yield what would have gone from one repository."""
        events: defaultdict[ImageName, list[TagEvent]] = defaultdict(list)
        for event in self._store.journal_reader.tag_events(key).events:
            events[event.image].append(event)
        for image in sorted({*events, *self._store.catalog.walk(key)}):
            place = Place(key, image)
            moves = _moves(events[image], read_tags(self._store, place))
            past = Past(policy, moves, pulls.get((key, image), {}), self._parts(place))
            yield from past.run(since, now)

    def _parts(self, place: Place) -> frozenset[Digest]:
        """Return the manifests that indexes of an image have as their parts."""
        found: set[Digest] = set()
        for reference in self._store.manifests.folders(place):
            # One that is damaged, or has gone meanwhile, serves nothing.
            with contextlib.suppress(RegistryError):
                index = self._store.manifests.read_index(place, reference)
                if index is not None:
                    found.update(child.digest for child in ManifestPush.parse(index).children)
        return frozenset(found)


def _past(what: PullKey, pulled: Pulled) -> PastPulls:
    return PastPulls(
        what.digest,
        what.tag,
        pulled.count,
        parse_timestamp(pulled.first),
        parse_timestamp(pulled.last),
        pulled.principal,
    )


def _regretted(key: RepositoryKey, gone: Gone) -> list[Regretted]:
    if gone.pulls is None:
        return []
    name = f"{key}/{gone.state.image}:{gone.state.tag}"
    pulls = gone.pulls
    return [Regretted(name, gone.time, gone.rule, pulls.count, pulls.last, pulls.principal)]


def _moves(events: Sequence[TagEvent], present: Sequence[TagState]) -> list[Move]:
    """Return what became of the tags of an image: as recorded, and then as they are."""
    pinned = {state.tag for state in present if state.pinned}
    pushed: dict[tuple[Tag, Digest], datetime.datetime] = {}
    moves: dict[Tag, list[Move]] = {}
    for event in events:
        if event.event in (PIN, UNPIN):
            continue
        state = None
        if event.digest is not None:
            named = event.tag, event.digest
            # What comes back from the trash is as old as it was.
            if event.event != RESTORE or named not in pushed:
                pushed[named] = event.time
            state = TagState(
                event.image, event.tag, event.digest, pushed[named], event.tag in pinned
            )
        moves.setdefault(event.tag, []).append(Move(event.time, event.tag, state))
    for state in present:
        known = moves.setdefault(state.tag, [])
        last = known[-1] if known else None
        if last is None or last.state is None or last.state.digest != state.digest:
            time = state.pushed if last is None else max(state.pushed, last.time)
            known.append(Move(time, state.tag, state))
    return [move for known in moves.values() for move in known]
