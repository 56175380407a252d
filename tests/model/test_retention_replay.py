"""Rules tried on the past of one image, case by case, and against a naive model."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from registry.model.digests import Digest
from registry.model.names import ImageName, Tag
from registry.model.retention import Policy, TagState
from registry.model.retention_replay import DAY, Gone, Move, Past, PastPulls
from registry.model.retention_rules import parse_rules

START = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
IMAGE = ImageName("team/app")
ONE, TWO = Digest.of(b"one"), Digest.of(b"two")


def at(day: float) -> datetime.datetime:
    return START + datetime.timedelta(days=day)


def push(day: float, tag: str = "a", digest: Digest = ONE, *, pinned: bool = False) -> Move:
    return Move(at(day), Tag(tag), TagState(IMAGE, Tag(tag), digest, at(day), pinned))


def delete(day: float, tag: str = "a") -> Move:
    return Move(at(day), Tag(tag), None)


def pull(day: float, tag: str | None = "a", digest: Digest = ONE, who: str = "bob") -> PastPulls:
    return PastPulls(digest, None if tag is None else Tag(tag), 1, at(day), at(day), who)


def replay(
    rules: str,
    moves: Iterable[Move],
    *pulls: PastPulls,
    until: float = 20,
    most: int = 0,
    served: frozenset[Digest] = frozenset(),
) -> list[Gone]:
    days: dict[datetime.datetime, list[PastPulls]] = {}
    for pulled in pulls:
        days.setdefault(pulled.first.replace(hour=0, minute=0, second=0), []).append(pulled)
    past = Past(Policy(parse_rules(rules), most), moves, days, served)
    return past.run(START, at(until))


def told(found: list[Gone]) -> list[tuple[str, float, int]]:
    """Return each tag that went, on which day, and how many pulls were regretted."""
    return [
        (gone.state.tag, (gone.time - START) / DAY, gone.pulls.count if gone.pulls else 0)
        for gone in found
    ]


def test_a_tag_goes_at_the_end_of_the_day_on_which_the_rule_is_met() -> None:
    (gone,) = replay("delete pushed>3d", [push(0.5)])
    assert (gone.time, gone.rule, gone.pulls) == (at(4), "delete pushed>3d", None)
    assert gone.state == push(0.5).state


def test_a_pull_after_that_is_regretted_and_one_before_is_not() -> None:
    moves = [push(0.5)]
    assert told(replay("delete pushed>3d", moves, pull(3.9))) == [("a", 4, 0)]
    (gone,) = replay("delete pushed>3d", moves, pull(4), pull(9, who="carol"), pull(7))
    assert gone.pulls == PastPulls(ONE, Tag("a"), 3, at(4), at(9), "carol")


def test_pulls_keep_a_tag_where_the_rule_says_so() -> None:
    rules = "delete pulled>3d"
    assert told(replay(rules, [push(0)], pull(3), pull(6), until=9)) == []
    assert told(replay(rules, [push(0)], pull(3), pull(6, None), until=10)) == [("a", 10, 0)]
    assert told(replay(rules, [push(0)], pull(8), until=10)) == [("a", 4, 1)]
    assert told(replay(rules, [push(0)], pull(3, digest=TWO, tag=None), until=5)) == [("a", 4, 0)]


def test_what_is_pushed_again_is_there_again() -> None:
    moves = [push(0), push(6.5)]
    rules = "delete pushed>3d"
    assert told(replay(rules, moves, pull(6.4), pull(6.6), until=9)) == [("a", 4, 1)]
    assert told(replay(rules, moves, pull(7), pull(11), until=12)) == [("a", 4, 0), ("a", 10, 1)]


def test_a_tag_that_has_moved_does_not_miss_what_it_was() -> None:
    moves = [push(0), push(1, digest=TWO)]
    assert told(replay("delete pushed>3d", moves, pull(6), until=7)) == [("a", 5, 0)]


def test_what_was_really_deleted_does_not_go_again() -> None:
    assert replay("delete pushed>3d", [push(0), delete(2)], pull(6)) == []


def test_a_pull_by_digest_is_missed_if_no_tag_is_left_for_it() -> None:
    rules = "delete pushed>3d tag=a"
    assert told(replay(rules, [push(0)], pull(6, None))) == [("a", 4, 1)]
    assert told(replay(rules, [push(0), push(0, "b")], pull(6, None))) == [("a", 4, 0)]
    assert told(replay(rules, [push(0), push(6.1, "b")], pull(6.2, None))) == [("a", 4, 0)]
    assert told(replay(rules, [push(0), push(6.3, "b")], pull(6.2, None))) == [("a", 4, 1)]


def test_a_pull_by_digest_of_what_an_index_serves_is_not_missed() -> None:
    found = replay("delete pushed>3d", [push(0)], pull(6, None), pull(7), served=frozenset({ONE}))
    assert told(found) == [("a", 4, 1)]


def test_a_pull_by_another_tag_is_the_other_ones() -> None:
    moves = [push(0), push(0, "b")]
    found = replay("delete pushed>3d tag=a; delete pushed>5d tag=b", moves, pull(5, "b"))
    assert told(found) == [("a", 4, 0), ("b", 6, 0)]
    found = replay("delete pushed>3d tag=a; delete pushed>5d tag=b", moves, pull(8, "b"))
    assert told(found) == [("a", 4, 0), ("b", 6, 1)]


def test_what_was_before_the_first_day_is_known_but_nothing_went_then() -> None:
    moves = [push(-30), push(-20, "b"), delete(-10, "b"), push(-5, "c")]
    assert told(replay("delete pushed>3d", moves)) == [("c", 1, 0), ("a", 1, 0)]


def test_a_day_that_has_not_ended_is_not_decided_on() -> None:
    assert told(replay("delete pushed>0d", [push(0)], until=0.9)) == []
    assert told(replay("delete pushed>0d", [push(0)], until=1)) == [("a", 1, 0)]
    assert told(replay("delete pushed>0d", [push(0)], pull(1.4), until=1.5)) == [("a", 1, 1)]


def test_pins_and_limits_count_as_always() -> None:
    moves = [push(0, "p", pinned=True), push(0.1, "a"), push(0.2, "b"), push(0.3, "latest")]
    assert told(replay("", moves, pull(3), most=1)) == [("a", 1, 1)]


# --- against a naive model -----------------------------------------------------------------------

TAGS, DIGESTS = ("a", "b", "latest"), (ONE, TWO)
MOVES = st.lists(
    st.tuples(st.sampled_from(TAGS), st.none() | st.sampled_from(DIGESTS), st.integers(-8, 30)),
    max_size=8,
    unique_by=lambda move: move[2],
)
PULLS = st.lists(
    st.tuples(st.none() | st.sampled_from(TAGS), st.sampled_from(DIGESTS), st.integers(0, 30)),
    max_size=10,
)


class NaivePast:
    """A past of quarters of days, gone through one after the other, with no cleverness."""

    def __init__(
        self, limit: int, pulls: list[tuple[str | None, Digest, int]], *, by_pull: bool
    ) -> None:
        self.limit, self.pulls, self.by_pull = limit, pulls, by_pull
        self.there: dict[str, tuple[Digest, int]] = {}
        self.gone: dict[str, tuple[Digest, int]] = {}
        self.found: dict[tuple[str, int], int] = {}

    def move(self, tag: str, target: Digest | None, now: int) -> None:
        self.there.pop(tag, None)
        if target is not None:
            self.there[tag] = target, now
            self.gone.pop(tag, None)

    def apply(self, now: int) -> None:
        for tag, (digest, last) in sorted(self.there.items()):
            for name, pulled, moment in self.pulls if self.by_pull else []:
                if moment < now and (name == tag or pulled == digest):
                    last = max(last, moment)
            if tag != "latest" and now - last > 4 * self.limit:
                self.gone[tag], self.found[tag, now] = (digest, now), 0
                del self.there[tag]

    def regret(self, name: str | None, digest: Digest) -> None:
        left = any(d == digest for d, _ in self.there.values())
        for tag, (lost, when) in self.gone.items():
            if lost == digest and (name == tag or (name is None and not left)):
                self.found[tag, when] += 1


def naive(
    limit: int,
    by_pull: bool,
    moves: list[tuple[str, Digest | None, int]],
    pulls: list[tuple[str | None, Digest, int]],
) -> set[tuple[str, int, int]]:
    past = NaivePast(limit, pulls, by_pull=by_pull)
    for quarter in range(-8, 33):
        for tag, target, _ in [move for move in moves if move[2] == quarter]:
            past.move(tag, target, quarter)
        if quarter in range(4, 33, 4):
            past.apply(quarter)
        for name, digest, _ in [pulled for pulled in pulls if pulled[2] == quarter]:
            past.regret(name, digest)
    return {(tag, when, count) for (tag, when), count in past.found.items()}


@given(st.integers(0, 3), st.booleans(), MOVES, PULLS)
def test_the_past_is_that_of_a_naive_model(
    limit: int,
    by_pull: bool,
    moves: list[tuple[str, Digest | None, int]],
    pulls: list[tuple[str | None, Digest, int]],
) -> None:
    rules = f"delete {'pulled' if by_pull else 'pushed'}>{limit}d"
    made = [
        delete(moment / 4, tag) if digest is None else push(moment / 4, tag, digest)
        for tag, digest, moment in moves
    ]
    done = [pull(moment / 4, tag, digest) for tag, digest, moment in pulls]
    found = replay(rules, made, *done, until=8)
    said = {(tag, round(day * 4), count) for tag, day, count in told(found)}
    assert len(said) == len(found)
    assert said == naive(limit, by_pull, moves, pulls)


def test_the_naive_model_knows_what_it_says() -> None:
    """It regrets, and it does not always."""
    assert naive(1, False, [("a", ONE, 0)], [("a", ONE, 9)]) == {("a", 8, 1)}
    assert naive(1, True, [("a", ONE, 0)], [("a", ONE, 4)]) == {("a", 12, 0)}
