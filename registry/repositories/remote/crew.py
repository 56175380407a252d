"""A bounded number of threads for jobs that wait for others; they end when there is none."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

_IDLE: Final = 5.0
"""Seconds after which a thread without a job ends."""


class Crew:
    """Does jobs in threads of its own, in the order in which they came."""

    def __init__(self, name: str, most: int) -> None:
        """Have at most ``most`` threads."""
        self._name = name
        self._most = most
        self._jobs: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0

    def run(self, job: Callable[[], None]) -> None:
        """Do a job, which sees to its own errors, as soon as a thread is free."""
        with self._changed:
            self._jobs.append(job)
            if self._idle >= len(self._jobs) or self._threads >= self._most:
                self._changed.notify()
                return
            self._threads += 1
        threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception:
                logger.exception("a job of %s failed", self._name)
            # What a job has held must not live on while the thread waits for the next one.
            del job

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            self._idle += 1
            try:
                if not self._jobs and not self._changed.wait_for(lambda: self._jobs, _IDLE):
                    self._threads -= 1
                    return None
                return self._jobs.popleft()
            finally:
                self._idle -= 1
