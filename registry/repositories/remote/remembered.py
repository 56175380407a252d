"""Answers that are good for a while, in the memory of one process, and bounded."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Values by name, each with its end; of too many, those that were put in first go."""

    def __init__(self, capacity: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep values of at most ``capacity`` weight together."""
        self._capacity = capacity
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, tuple[Value, float, int]] = OrderedDict()
        self._weight = 0

    def put(self, name: Hashable, value: Value, seconds: float, weight: int = 1) -> None:
        """Remember a value for so long; one that weighs more than all may is not remembered."""
        with self._lock:
            self._forget(name)
            if seconds <= 0 or weight > self._capacity:
                return
            self._known[name] = value, self._clock() + seconds, weight
            self._weight += weight
            while self._weight > self._capacity:
                self._forget(next(iter(self._known)))

    def get(self, name: Hashable) -> Value | None:
        """Return the value, or None if there is none or its time is over."""
        if not self._known:
            return None
        with self._lock:
            found = self._known.get(name)
            if found is None:
                return None
            if self._clock() >= found[1]:
                self._forget(name)
                return None
            return found[0]

    def forget(self, name: Hashable) -> None:
        """Forget a value."""
        with self._lock:
            self._forget(name)

    def _forget(self, name: Hashable) -> None:
        found = self._known.pop(name, None)
        if found is not None:
            self._weight -= found[2]
