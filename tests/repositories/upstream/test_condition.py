"""What is known of an upstream: two reports become one, and nonsense in it says nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.allowance import Allowance
from registry.repositories.upstream.condition import Condition, Pause, Trouble, condition_of

NOW = 1_800_000_000.0
times = st.integers(0, 4_000_000_000_000).map(lambda ms: ms / 1000)
counts = st.none() | st.integers(0, 10**17)
conditions = st.builds(
    Condition,
    st.none() | times,
    st.none()
    | st.builds(Allowance, counts, counts, counts, st.text(), times).filter(
        lambda a: (a.limit, a.remaining) != (None, None)
    ),
    st.none() | st.builds(Trouble, times, st.text()),
    st.none() | st.builds(Pause, times, st.text(), st.booleans()),
)


def allowed(remaining: int, seen: float = NOW) -> Allowance:
    return Allowance(100, remaining, 21600, "192.0.2.7", seen)


@given(conditions)
def test_a_document_says_all_that_is_known(condition: Condition) -> None:
    document = json.loads(json.dumps(condition.document()))
    assert condition_of(document).document() == condition.document()


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
)
FIELDS = ("answered", "allowance", "failed", "pausedUntil", "cause", "named")
INNER = ("limit", "remaining", "windowSeconds", "source", "seen", "time", "cause")
moments = st.sampled_from(
    ["2026-11-26T22:00:00.000Z", "2026-11-26", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59Z"]
)
inner_objects = st.dictionaries(st.sampled_from(INNER), anything | moments)


@given(st.dictionaries(st.sampled_from(FIELDS), anything | moments | inner_objects))
def test_nonsense_in_a_document_says_nothing(document: dict[str, Any]) -> None:
    said = condition_of(document)
    said.document()
    said.joined(Condition(), NOW)


@given(conditions, conditions)
def test_it_does_not_matter_who_reports_first(one: Condition, other: Condition) -> None:
    assert one.joined(one, NOW) == one.joined(Condition(), NOW)
    first, second = one.joined(other, NOW), other.joined(one, NOW)
    assert (first.answered, first.failed and first.failed.time) == (
        second.answered,
        second.failed and second.failed.time,
    )
    assert (first.pause and first.pause.until) == (second.pause and second.pause.until)


def test_the_later_allowance_counts() -> None:
    earlier, later = (
        Condition(allowance=allowed(76, NOW)),
        Condition(allowance=allowed(99, NOW + 1)),
    )
    assert earlier.joined(later, NOW).allowance == allowed(99, NOW + 1)
    assert later.joined(earlier, NOW).allowance == allowed(99, NOW + 1)


def test_an_answer_ends_a_failure_that_came_before() -> None:
    failed = Condition(failed=Trouble(NOW, "no"))
    assert failed.joined(Condition(answered=NOW), NOW).failed == Trouble(NOW, "no")
    assert failed.joined(Condition(answered=NOW + 0.01), NOW).failed is None


def test_what_is_yet_to_come_has_not_been() -> None:
    """The clock of another host, or ours before it was set, may have been far ahead."""
    later = NOW + 61
    ahead = Condition(later, allowed(1, later), Trouble(later, "a"), Pause(later, "b", True))
    assert ahead.until(NOW) == Condition(pause=ahead.pause)
    assert ahead.until(NOW + 1) == ahead


def test_a_pause_that_is_over_is_dropped_and_a_named_one_is_not_shortened() -> None:
    over, silent = Pause(NOW, "a", named=True), Pause(NOW + 300, "b", named=False)
    named = Pause(NOW + 60, "c", named=True)
    assert Condition(pause=over).joined(Condition(), NOW).pause is None
    assert Condition(pause=over).joined(Condition(pause=silent), NOW).pause == silent
    assert Condition(pause=silent).joined(Condition(pause=named), NOW).pause == named


PAUSED = Condition(pause=Pause(NOW, "a", True))


@pytest.mark.parametrize(
    ("condition", "known", "is_news"),
    [
        (Condition(answered=NOW), Condition(), True),
        (Condition(answered=NOW + 59), Condition(answered=NOW), False),
        (Condition(answered=NOW + 60), Condition(answered=NOW), True),
        (Condition(allowance=allowed(75)), Condition(allowance=allowed(76)), True),
        (Condition(allowance=allowed(76, NOW + 9)), Condition(allowance=allowed(76)), False),
        (Condition(failed=Trouble(NOW, "a")), Condition(), True),
        (Condition(), Condition(failed=Trouble(NOW, "a")), True),
        (Condition(failed=Trouble(NOW + 9, "a")), Condition(failed=Trouble(NOW, "a")), False),
        (Condition(failed=Trouble(NOW + 9, "b")), Condition(failed=Trouble(NOW, "a")), True),
        (Condition(failed=Trouble(NOW + 60, "a")), Condition(failed=Trouble(NOW, "a")), True),
        (PAUSED, Condition(), True),
        (Condition(), PAUSED, True),
        (Condition(pause=Pause(NOW + 0.5, "a", True)), PAUSED, False),
        (Condition(pause=Pause(NOW + 5, "a", True)), PAUSED, True),
        (Condition(pause=Pause(NOW, "a", False)), PAUSED, True),
    ],
)  # fmt: skip
def test_what_is_worth_a_write(condition: Condition, known: Condition, is_news: bool) -> None:
    assert condition.is_news_after(known) is is_news
