"""Counters that all worker processes of one server share.

They lie in one anonymous piece of memory that the workers inherit from the master. Each worker
has a slot in it that it alone writes to, so no lock is shared; whoever is asked adds all slots up.
A worker that replaces a dead one goes on with that one's slot, so no counter ever goes back.
Nothing is on the disk, and nothing is left behind. Every figure has its fixed place, so counting
one request takes about two microseconds and never more memory.
"""

from __future__ import annotations

import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

ROUTES: Final = (
    "manifests", "blobs", "uploads", "tags", "catalog", "referrers", "token", "docker",
    "content", "storage", "search", "repositories", "security", "builds", "replication", "system",
    "access", "ui", "health", "metrics", "unknown", "unread",
)  # fmt: skip
"""What is asked for; ``unknown`` is no route at all, ``unread`` what was no whole request."""
METHODS: Final = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "other")
STATUSES: Final = (
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409,
    411, 412, 413, 414, 415, 416, 417, 422, 429, 431, 500, 501, 502, 503, 504, 507, 0,
)  # fmt: skip
"""0 stands for any other."""
BOUNDS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0
)  # fmt: skip
"""Seconds up to which the durations of a histogram's buckets go; the last one has no bound."""
LEVELS: Final = ("warning", "error")

_ROUTE_OF: Final = {name: number for number, name in enumerate(ROUTES)}
_METHOD_OF: Final = {name: number for number, name in enumerate(METHODS)}
_STATUS_OF: Final = {status: number for number, status in enumerate(STATUSES)}
_OTHER_METHOD: Final = len(METHODS) - 1
_OTHER_STATUS: Final = len(STATUSES) - 1

_PID: Final = 0
_CONNECTIONS: Final = 1
_INDEX_READY: Final = 2
_INDEX_SIZE: Final = 3
_LOGGED: Final = 4
_COUNTS: Final = _LOGGED + len(LEVELS)
_PER_ROUTE: Final = len(METHODS) * len(STATUSES)
_RECEIVED: Final = _COUNTS + len(ROUTES) * _PER_ROUTE
_SENT: Final = _RECEIVED + len(ROUTES)
_NANOSECONDS: Final = _SENT + len(ROUTES)
_BUCKETS: Final = _NANOSECONDS + len(ROUTES)
_PER_HISTOGRAM: Final = len(BOUNDS) + 1
_WORDS: Final = _BUCKETS + len(ROUTES) * _PER_HISTOGRAM


def route_number(name: str) -> int:
    """Return the number by which a route is counted; its name is one of `ROUTES`."""
    return _ROUTE_OF[name]


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What one worker said of itself last."""

    slot: int
    pid: int
    connections: int
    index_ready: bool
    index_size: int


class Figures:
    """The counters of one server with up to ``slots`` worker processes."""

    def __init__(self, slots: int = 1) -> None:
        self.slots = slots
        self._words = memoryview(mmap.mmap(-1, slots * _WORDS * 8)).cast("Q")
        self._lock = threading.Lock()
        """Between the threads of this worker."""
        self._base = 0
        self._words[_PID] = os.getpid()

    def claim(self, slot: int) -> None:
        """Count in a slot from now on; the worker that had it before, if any, has ended."""
        self._lock = threading.Lock()
        self._base = slot * _WORDS
        self._words[self._base + _PID] = os.getpid()
        for place in (_CONNECTIONS, _INDEX_READY, _INDEX_SIZE):
            self._words[self._base + place] = 0

    # --- counting ----------------------------------------------------------------------------

    def count_request(
        self, route: int, method: str, status: int, received: int, sent: int, seconds: float
    ) -> None:
        """Count a request that has been answered; ``route`` is its `route_number`."""
        words, base = self._words, self._base
        number = _METHOD_OF.get(method, _OTHER_METHOD)
        count = base + _COUNTS + route * _PER_ROUTE + number * len(STATUSES)
        count += _STATUS_OF.get(status, _OTHER_STATUS)
        bucket = base + _BUCKETS + route * _PER_HISTOGRAM + bisect_left(BOUNDS, seconds)
        with self._lock:
            words[count] += 1
            words[bucket] += 1
            words[base + _NANOSECONDS + route] += int(seconds * 1e9)
            if received:
                words[base + _RECEIVED + route] += received
            if sent:
                words[base + _SENT + route] += sent

    def count_logged(self, level: int) -> None:
        """Count a line of the log; ``level`` is a place in `LEVELS`."""
        with self._lock:
            self._words[self._base + _LOGGED + level] += 1

    def set_connections(self, count: int) -> None:
        """Say how many connections this worker has open."""
        self._words[self._base + _CONNECTIONS] = count

    def set_index(self, size: int) -> None:
        """Say that this worker's index is built, and how many manifests it has."""
        self._words[self._base + _INDEX_READY] = 1
        self._words[self._base + _INDEX_SIZE] = size

    # --- asking ------------------------------------------------------------------------------

    def workers(self) -> Iterator[WorkerState]:
        """Yield each worker that has begun."""
        for slot in range(self.slots):
            found = self._words[slot * _WORDS : slot * _WORDS + _LOGGED].tolist()
            pid, connections, ready, size = found
            if pid:
                yield WorkerState(slot, pid, connections, bool(ready), size)

    def requests(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield route, method, status and number of the requests of each kind that there were."""
        for route, name in enumerate(ROUTES):
            for number, method in enumerate(METHODS):
                first = _COUNTS + route * _PER_ROUTE + number * len(STATUSES)
                for place, status in enumerate(STATUSES):
                    count = self._sum(first + place)
                    if count:
                        yield name, method, status, count

    def requests_of(self, route: str, method: str, status: int) -> int:
        """Return how many requests of one kind there were."""
        first = _COUNTS + _ROUTE_OF[route] * _PER_ROUTE + _METHOD_OF[method] * len(STATUSES)
        return self._sum(first + _STATUS_OF[status])

    def received(self, route: str) -> int:
        """Return the bytes of all bodies that came in for a route."""
        return self._sum(_RECEIVED + _ROUTE_OF[route])

    def sent(self, route: str) -> int:
        """Return the bytes of all bodies that went out from a route."""
        return self._sum(_SENT + _ROUTE_OF[route])

    def durations(self, route: str) -> tuple[list[int], float]:
        """Return how many requests fell into each bucket of `BOUNDS`, and all seconds together."""
        number = _ROUTE_OF[route]
        first = _BUCKETS + number * _PER_HISTOGRAM
        buckets = [self._sum(first + place) for place in range(_PER_HISTOGRAM)]
        return buckets, self._sum(_NANOSECONDS + number) / 1e9

    def logged(self, level: int) -> int:
        """Return how many lines of a level were logged."""
        return self._sum(_LOGGED + level)

    def _sum(self, place: int) -> int:
        return sum(self._words[slot * _WORDS + place] for slot in range(self.slots))
