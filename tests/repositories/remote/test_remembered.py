"""What is remembered for a while: never longer, and never more than a bounded amount."""

from __future__ import annotations

import pytest

from registry.repositories.remote.remembered import Remembered


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_value_is_remembered_until_its_end(clock: Clock) -> None:
    known: Remembered[str] = Remembered(10, clock)
    known.put("a", "first", 60)
    clock.now += 59
    assert known.get("a") == "first"
    clock.now += 1
    assert known.get("a") is None


def test_for_no_seconds_nothing_is_remembered(clock: Clock) -> None:
    known: Remembered[str] = Remembered(10, clock)
    known.put("a", "first", 60)
    known.put("a", "second", 0)
    assert known.get("a") is None


def test_of_too_many_the_first_ones_go(clock: Clock) -> None:
    known: Remembered[int] = Remembered(10, clock)
    for number in range(8):
        known.put(number, number, 60)
    known.put("large", -1, 60, weight=5)
    assert [known.get(number) for number in range(8)] == [None, None, None, 3, 4, 5, 6, 7]
    known.put("too large", -1, 60, weight=11)
    assert known.get("too large") is None
    known.forget("large")
    assert known.get("large") is None
