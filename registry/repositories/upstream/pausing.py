"""When an upstream registry is left alone: all threads of a process know it, and by `remembering`
all processes.

After it gave no answer nobody asks for a period; then one asks, and the others go on waiting for
what that one learns. After 429 nobody asks until the moment that it has named.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from registry.repositories.upstream.condition import SAME
from registry.repositories.upstream.failures import Failure, Limit


class Pausing:
    """The pauses of one upstream registry."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._lock = threading.Lock()
        self._until = 0.0
        self._cause = ""
        self._limited = False
        self._probing = False

    @property
    def until(self) -> float | None:
        """When the pause ends, in seconds since 1970; None while there is none."""
        with self._lock:
            left = self._until - time.monotonic()
        return time.time() + left if left > 0 else None

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Ask, and remember how it went.

        Raises:
            Failure, Limit: the upstream is being left alone; the cause is that of the pause.
        """
        self._enter()
        try:
            yield
        except Limit as limit:
            self._begin(limit.cause, limit.seconds, limited=True)
            raise
        except Failure as failure:
            if failure.silent:
                self._begin(failure.cause, self._period, limited=False)
            else:
                self._end()
            raise
        except BaseException:
            with self._lock:
                self._probing = False
            raise
        self._end()

    def take_over(self, cause: str, seconds: float, *, limited: bool) -> None:
        """Begin a pause that another process has begun; a longer one of ours stays.

        Likewise one that the upstream has named, unless the other one is ``limited`` as well.
        """
        with self._lock:
            left, ours = self._until - time.monotonic(), self._is_limited()
            longer = limited == ours and seconds > left + SAME
            if seconds > 0 and (longer or (limited and not ours)):
                self._until = time.monotonic() + seconds
                self._cause, self._limited = cause, limited

    def _enter(self) -> None:
        with self._lock:
            left = self._until - time.monotonic()
            if left > 0 and self._limited:
                raise Limit(self._cause, max(1, round(left)), known=True)
            if left > 0 or self._probing:
                raise Failure(f"{self._cause}; it is not asked for a while", known=True)
            # Only after silence one has to ask first: after a limit all may.
            self._probing = bool(self._cause) and not self._limited

    def _begin(self, cause: str, seconds: float, limited: bool) -> None:
        with self._lock:
            self._probing = False
            # What the upstream has named itself is not shortened by its silence.
            if seconds > 0 and (limited or not self._is_limited()):
                self._until = time.monotonic() + seconds
                self._cause, self._limited = cause, limited

    def _end(self) -> None:
        """There was an answer. One that was asked for before a pause began does not end it."""
        with self._lock:
            self._probing = False
            if self._until <= time.monotonic():
                self._until, self._cause, self._limited = 0.0, "", False

    def _is_limited(self) -> bool:
        return self._limited and self._until > time.monotonic()
