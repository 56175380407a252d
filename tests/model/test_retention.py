"""Which tag goes by which rule, case by case and against a naive model."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from registry.model.digests import Digest
from registry.model.names import ImageName, Tag
from registry.model.retention import (
    COMPANION_GOES,
    COMPANION_SPARED,
    LATEST_SPARED,
    NO_RULE,
    PINNED,
    Decision,
    Policy,
    TagState,
    decide,
)
from registry.model.retention_rules import parse_rules

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
IMAGE = ImageName("team/app")
DIGEST = Digest.of(b"")


def days_ago(days: float) -> datetime.datetime:
    return NOW - datetime.timedelta(days=days)


@dataclass(frozen=True)
class Made:
    """A tag by its ages in days."""

    tag: str
    pushed: float
    pulled: float | None = None
    pinned: bool = False

    def state(self) -> TagState:
        return TagState(IMAGE, Tag(self.tag), DIGEST, days_ago(self.pushed), self.pinned)


def decided(rules: str, *tags: Made, most: int = 0, holds: bool = False) -> list[Decision]:
    pulls = {made.tag: made.pulled for made in tags}

    def last_pull(state: TagState) -> datetime.datetime | None:
        days = pulls[state.tag]
        return None if days is None else days_ago(days)

    policy, states = Policy(parse_rules(rules), most), [made.state() for made in tags]
    return decide(policy, states, last_pull, NOW, lambda digest: holds)


def outcome(rules: str, *tags: Made, most: int = 0, holds: bool = False) -> dict[str, str]:
    """Return what is said of each tag; of one that goes, with a minus before it."""
    return {
        decision.state.tag: f"-{decision.rule}" if decision.goes else decision.rule
        for decision in decided(rules, *tags, most=most, holds=holds)
    }


A, B, C, D = Made("a", 1), Made("b", 2), Made("c", 3), Made("d", 4)
LATEST = Made("latest", 100)


def test_without_rules_everything_stays() -> None:
    assert outcome("", A, LATEST) == {"a": NO_RULE, "latest": LATEST_SPARED}
    assert not Policy(parse_rules("")).active
    assert not Policy(parse_rules("keep last=3")).active
    assert Policy(parse_rules("keep last=3; delete tag=x")).active
    assert Policy(most=1).active


def test_what_any_rule_keeps_stays_in_whatever_order() -> None:
    for rules in ("keep tag=a; delete tag=*", "delete tag=*; keep tag=a"):
        assert outcome(rules, A, B) == {"a": "keep tag=a", "b": "-delete tag=*"}


def test_the_first_rule_that_applies_is_named() -> None:
    rules = "delete pushed>2d; delete tag=*; keep last=1; keep tag=a"
    assert outcome(rules, A, B, C) == {
        "a": "keep last=1", "b": "-delete tag=*", "c": "-delete pushed>2d",
    }  # fmt: skip


def test_the_last_ones_are_those_pushed_last() -> None:
    rules = "keep last=2; delete tag=*"
    found = outcome(rules, D, B, A, C)
    assert [tag for tag, rule in found.items() if rule == "keep last=2"] == ["a", "b"]


def test_of_one_moment_the_name_decides() -> None:
    found = outcome("keep last=1; delete tag=*", Made("y", 1), Made("x", 1))
    assert found == {"x": "keep last=1", "y": "-delete tag=*"}


def test_latest_goes_only_by_a_rule_that_names_it() -> None:
    assert outcome("delete pushed>9d", LATEST) == {"latest": LATEST_SPARED}
    assert outcome("delete tag=l*", LATEST) == {"latest": LATEST_SPARED}
    assert outcome("delete tag=latest", LATEST) == {"latest": "-delete tag=latest"}
    assert outcome("delete tag=latest pushed>200d", LATEST) == {"latest": LATEST_SPARED}
    assert outcome("", LATEST, A, B, most=1)["latest"] == LATEST_SPARED
    assert outcome("keep tag=l*; delete tag=latest", LATEST) == {"latest": "keep tag=l*"}


def test_a_pinned_tag_never_goes() -> None:
    pinned = Made("a", 400, pinned=True)
    assert outcome("delete tag=a", pinned, B, C, most=1) == {
        "b": NO_RULE, "c": "-maxUniqueTags=1", "a": PINNED,
    }  # fmt: skip
    assert outcome("delete tag=latest", Made("latest", 9, pinned=True)) == {"latest": PINNED}


def test_latest_and_pinned_tags_take_no_place() -> None:
    pinned, latest = Made("p", 0.1, pinned=True), Made("latest", 0.2)
    found = outcome("keep last=1; delete pushed>1d", pinned, latest, B, C)
    assert found == {
        "p": PINNED, "latest": "keep last=1", "b": "keep last=1", "c": "-delete pushed>1d",
    }  # fmt: skip
    found = outcome("", pinned, latest, B, C, D, most=2)
    assert found == {
        "p": PINNED, "latest": LATEST_SPARED, "b": NO_RULE, "c": NO_RULE, "d": "-maxUniqueTags=2",
    }  # fmt: skip


def test_latest_is_among_the_last_ones_by_those_that_came_after_it() -> None:
    rules = "keep last=2; delete tag=latest"
    assert outcome(rules, A, Made("latest", 1.5), B)["latest"] == "keep last=2"
    assert outcome(rules, A, B, Made("latest", 2.5), C)["latest"] == "-delete tag=latest"


def test_the_limit_comes_after_the_rules_and_respects_what_they_keep() -> None:
    assert outcome("keep tag=d; delete tag=c", A, B, C, D, most=1) == {
        "a": NO_RULE, "b": "-maxUniqueTags=1", "c": "-delete tag=c", "d": "keep tag=d",
    }  # fmt: skip


def test_what_was_pushed_later_counts_as_pulled_then() -> None:
    rules = "delete pulled>30d"
    never, before, after = Made("a", 31), Made("b", 31, 90), Made("c", 90, 31)
    recent = Made("d", 90, 29)
    young = Made("e", 29, 90)
    found = outcome(rules, never, before, after, recent, young)
    assert {tag for tag, rule in found.items() if rule == f"-{rules}"} == {"a", "b", "c"}


def test_a_clock_that_is_behind_deletes_nothing_young() -> None:
    assert outcome("delete pushed>0d", Made("a", -5)) == {"a": NO_RULE}


# --- signatures -----------------------------------------------------------------------------------

SIGNATURE = f"sha256-{DIGEST.encoded}.sig"
OF_ANOTHER = f"sha256-{'0' * 64}"


def test_a_signature_stays_as_long_as_what_it_signs_whatever_rules_say() -> None:
    found = outcome("keep tag=a; delete pushed>0d", A, B, Made(SIGNATURE, 50), most=1)
    assert found == {"a": "keep tag=a", "b": "-delete pushed>0d", SIGNATURE: COMPANION_SPARED}
    found = outcome("delete tag=sha256-*", Made(OF_ANOTHER, 50), holds=True)
    assert found == {OF_ANOTHER: COMPANION_SPARED}


def test_a_signature_goes_after_what_it_signs() -> None:
    old, new, pinned = (Made(f"{OF_ANOTHER}{ending}", days, pinned=pinned)
                        for ending, days, pinned in (("", 2, False), (".sig", 0.9, False),
                                                     (".att", 2, True)))  # fmt: skip
    said = {old.tag: f"-{COMPANION_GOES}", new.tag: COMPANION_GOES, pinned.tag: PINNED}
    assert outcome("delete tag=x", old, new, pinned, holds=False) == said
    assert outcome("", old, new, pinned, most=1, holds=False) == said
    assert outcome("", old, holds=False) == {old.tag: COMPANION_GOES}
    assert outcome("keep tag=sha*; delete tag=x", old, holds=False) == {old.tag: "keep tag=sha*"}
    assert outcome("delete pushed>0d", Made(old.tag, 1.5), holds=False) == {
        old.tag: "-delete pushed>0d"
    }


# --- against a naive model ------------------------------------------------------------------------

NAMES = ("latest", "1.0", "1.1", "pr-1", "pr-2", "v1")
CONDITIONS = ["tag=pr-*", "tag=latest", "tag=1.*", "image=team/*", "image=x", "pushed>2d",
              "pushed<3d", "pulled>2d", "pulled<1d"]  # fmt: skip
RULES = st.one_of(
    st.tuples(st.just("delete"), st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=2)),
    st.tuples(
        st.just("keep"),
        st.lists(st.sampled_from([*CONDITIONS, "last=1", "last=3"]), min_size=1, max_size=2),
    ),
)
TAGS = st.lists(
    st.builds(
        Made,
        st.sampled_from(NAMES),
        st.integers(0, 8).map(lambda half: half / 2),
        st.none() | st.integers(0, 8).map(lambda half: half / 2),
        st.booleans(),
    ),
    unique_by=lambda made: made.tag,
)


def naive_holds(condition: str, made: Made, newer: int) -> bool:
    pulled = made.pushed if made.pulled is None else min(made.pushed, made.pulled)
    if condition.startswith("tag="):
        return fnmatchcase(made.tag, condition[4:])
    if condition.startswith("image="):
        return fnmatchcase(IMAGE, condition[6:])
    if condition.startswith("last="):
        return newer < int(condition[5:])
    age = made.pushed if condition.startswith("pushed") else pulled
    number = int(condition[7:-1])
    return age > number if condition[6] == ">" else age < number


def naive(rules: list[tuple[str, list[str]]], tags: list[Made], most: int) -> dict[str, str]:
    """Say it once more, slowly: for each tag on its own, counting those before it."""
    said = {}
    for made in tags:
        newer = 0
        for other in tags:
            if other.tag == "latest" or other.pinned or other is made:
                continue
            earlier = other.pushed == made.pushed and other.tag < made.tag
            counted = made.tag != "latest" and not made.pinned
            newer += other.pushed < made.pushed or (earlier and counted)
        texts = [(verb, f"{verb} {' '.join(c)}", c) for verb, c in rules]
        keeps = [
            t for v, t, c in texts if v == "keep" and all(naive_holds(x, made, newer) for x in c)
        ]
        goes = [
            t for v, t, c in texts
            if v == "delete" and all(naive_holds(x, made, newer) for x in c)
            and (made.tag != "latest" or "tag=latest" in c)
        ]  # fmt: skip
        if made.pinned:
            said[made.tag] = PINNED
        elif keeps:
            said[made.tag] = keeps[0]
        elif goes:
            said[made.tag] = f"-{goes[0]}"
        elif made.tag == "latest":
            said[made.tag] = LATEST_SPARED
        elif most and newer >= most:
            said[made.tag] = f"-maxUniqueTags={most}"
        else:
            said[made.tag] = NO_RULE
    return said


@given(st.lists(RULES, max_size=4), TAGS, st.integers(0, 3))
def test_decisions_are_those_of_a_naive_model(
    rules: list[tuple[str, list[str]]], tags: list[Made], most: int
) -> None:
    text = "; ".join(f"{verb} {' '.join(conditions)}" for verb, conditions in rules)
    assert outcome(text, *tags, most=most) == naive(rules, tags, most)


@given(st.lists(RULES, max_size=4), TAGS, st.integers(0, 3))
def test_decisions_come_newest_first_one_a_tag(
    rules: list[tuple[str, list[str]]], tags: list[Made], most: int
) -> None:
    text = "; ".join(f"{verb} {' '.join(conditions)}" for verb, conditions in rules)
    states = [decision.state for decision in decided(text, *tags, most=most)]
    assert sorted(state.tag for state in states) == sorted(made.tag for made in tags)
    assert [s.pushed for s in states] == sorted((s.pushed for s in states), reverse=True)
