"""How many threads may wait for one upstream registry: a stalled one must not eat them all.

While it answers, a thread that finds no place waits for one. When all places have been taken for
longer than that, the upstream is stalled, and whoever comes is sent away at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from registry.repositories.upstream.failures import Failure


class Bulkhead:
    """``places`` for waiting threads.

    The next one waits for a place until all who have one are there for longer than ``patience``,
    or it has waited for ``longest`` itself.
    """

    def __init__(self, places: int, patience: float, longest: float) -> None:
        self._places = places
        self._patience = patience
        self._longest = longest
        self._entered: dict[object, float] = {}
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Have a place.

        Raises:
            Failure: all are taken, and nobody leaves.
        """
        me = object()
        last = time.monotonic() + self._longest
        with self._changed:
            while len(self._entered) >= self._places:
                stalled = max(self._entered.values()) + self._patience
                left = min(stalled, last) - time.monotonic()
                if left <= 0:
                    raise Failure("too many wait for it already")
                self._changed.wait(left)
            self._entered[me] = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                del self._entered[me]
                self._changed.notify()
