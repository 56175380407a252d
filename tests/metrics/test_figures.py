"""Counters that worker processes share: right from every slot, and never going back."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from registry.metrics.figures import (
    BOUNDS,
    METHODS,
    ROUTES,
    STATUSES,
    Figures,
    route_number,
)
from registry.metrics.logged import LogCounter

BLOBS = route_number("blobs")


def in_process(figures: Figures, slot: int, count: int) -> int:
    """Count in a process of its own that has a slot; return which process it was."""
    child = os.fork()
    if child == 0:
        figures.claim(slot)
        for _ in range(count):
            figures.count_request(BLOBS, "GET", 200, 1, 10, 0.002)
        figures.set_connections(7)
        figures.set_index(70)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return child


def test_what_each_process_counts_is_added_up() -> None:
    figures = Figures(3)
    children = [in_process(figures, 1, 5), in_process(figures, 2, 6)]
    figures.count_request(BLOBS, "GET", 200, 0, 0, 0.0)
    assert list(figures.requests()) == [("blobs", "GET", 200, 12)]
    assert figures.requests_of("blobs", "GET", 200) == 12
    assert (figures.received("blobs"), figures.sent("blobs")) == (11, 110)
    buckets, seconds = figures.durations("blobs")
    assert (buckets[0], buckets[1], sum(buckets)) == (1, 11, 12)
    assert seconds == pytest.approx(0.022)
    assert [(one.slot, one.pid) for one in figures.workers()] == [
        (0, os.getpid()),
        (1, children[0]),
        (2, children[1]),
    ]


def test_who_replaces_a_dead_process_goes_on_with_its_counters_and_not_with_its_state() -> None:
    figures = Figures(2)
    in_process(figures, 1, 5)
    assert [one.connections for one in figures.workers()] == [0, 7]
    assert [(one.index_ready, one.index_size) for one in figures.workers()] == [
        (False, 0),
        (True, 70),
    ]
    figures.claim(1)
    assert [one.connections for one in figures.workers()] == [0, 0]
    assert [(one.index_ready, one.index_size) for one in figures.workers()] == [(False, 0)] * 2
    figures.count_request(BLOBS, "GET", 200, 0, 0, 0.0)
    assert figures.requests_of("blobs", "GET", 200) == 6


def test_threads_lose_no_count() -> None:
    figures = Figures()

    def count() -> None:
        for _ in range(20_000):
            figures.count_request(BLOBS, "PUT", 201, 3, 0, 0.5)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert figures.requests_of("blobs", "PUT", 201) == 80_000
    assert figures.received("blobs") == 240_000
    assert sum(figures.durations("blobs")[0]) == 80_000


def test_every_figure_has_a_place_of_its_own() -> None:
    figures = Figures(2)
    figures.claim(1)
    for route in range(len(ROUTES)):
        for method in METHODS:
            for status in STATUSES:
                figures.count_request(route, method, status, 1, 2, 1e6)
    each = len(METHODS) * len(STATUSES)
    assert {count for *_, count in figures.requests()} == {1}
    assert len(list(figures.requests())) == len(ROUTES) * each
    for name in ROUTES:
        assert (figures.received(name), figures.sent(name)) == (each, 2 * each)
        assert figures.durations(name)[0] == [0] * len(BOUNDS) + [each]
    assert (figures.logged(0), figures.logged(1)) == (0, 0)
    assert [(one.slot, one.connections) for one in figures.workers()] == [(0, 0), (1, 0)]


@pytest.mark.parametrize(
    ("method", "status", "shown"),
    [("BREW", 200, ("other", 200)), ("GET", 418, ("GET", 0)), ("", 999, ("other", 0))],
)
def test_b15_what_is_not_foreseen_counts_as_other(
    method: str, status: int, shown: tuple[str, int]
) -> None:
    figures = Figures()
    figures.count_request(BLOBS, method, status, 0, 0, 0.0)
    assert list(figures.requests()) == [("blobs", *shown, 1)]


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, 0), (0.001, 0), (0.0011, 1), (300.0, 15), (300.1, 16)]
)
def test_a_duration_is_in_the_first_bucket_that_holds_it(seconds: float, bucket: int) -> None:
    figures = Figures()
    figures.count_request(BLOBS, "GET", 200, 0, 0, seconds)
    assert figures.durations("blobs")[0].index(1) == bucket


def test_lines_of_the_log_are_counted_by_their_level() -> None:
    figures = Figures()
    logger = logging.Logger("counted")
    logger.addHandler(LogCounter(figures))
    for level in (10, 20, 30, 30, 40, 50):
        logger.log(level, "text")
    assert (figures.logged(0), figures.logged(1)) == (2, 2)
