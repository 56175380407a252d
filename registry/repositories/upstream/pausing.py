"""When an upstream registry is left alone: all threads of a process know it.

After it gave no answer nobody asks for a period; then one asks, and the others go on waiting for
what that one learns. After 429 nobody asks until the moment that it has named.
"""

from __future__ import annotations

import threading
import time

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

    def enter(self) -> None:
        """Return if the upstream may be asked now; whoever asks says then how it went.

        Raises:
            Failure, Limit: it is being left alone; the cause is the one that began the pause.
        """
        with self._lock:
            left = self._until - time.monotonic()
            if left > 0 and self._limited:
                raise Limit(self._cause, max(1, round(left)))
            if left > 0 or self._probing:
                raise Failure(f"{self._cause}; it is not asked for a while")
            # Only after silence one has to ask first: after a limit all may.
            self._probing = bool(self._cause) and not self._limited

    def answered(self) -> None:
        """There was an answer, whatever it said."""
        with self._lock:
            if self._until <= time.monotonic():
                self._until, self._cause, self._limited = 0.0, "", False
            self._probing = False

    def silent(self, cause: str) -> None:
        """There was no answer."""
        with self._lock:
            self._probing = False
            if self._period > 0 and not self._is_limited():
                self._until = time.monotonic() + self._period
                self._cause, self._limited = cause, False

    def limited(self, cause: str, seconds: int) -> None:
        """The answer was 429."""
        with self._lock:
            self._probing = False
            self._until = time.monotonic() + seconds
            self._cause, self._limited = cause, True

    def left(self) -> None:
        """The question was not asked after all, or nobody knows how it went."""
        with self._lock:
            self._probing = False

    def _is_limited(self) -> bool:
        return self._limited and self._until > time.monotonic()
