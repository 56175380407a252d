"""How long one call of an upstream registry may take, however it drips.

A time-out of a socket begins anew with every byte. So each reading of a socket asks the call that
it belongs to how long it may wait.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from registry.model.allowance import Allowance
from registry.repositories.upstream.addresses import Standing


class Call:
    """One call: it must be over ``seconds`` from now, and something arrive every ``idle``."""

    def __init__(self, seconds: float, idle: float) -> None:
        self._ends = time.monotonic() + seconds
        self._idle = idle
        self.peer: Standing | None = None
        """How near the server is that gave the last answer; None where a proxy is between."""
        self.heard = False
        """Whether the upstream registry has answered anything at all."""
        self.allowance: Allowance | None = None
        """What the upstream registry said last about how many pulls are left."""

    def patience(self) -> float:
        """Return the seconds that the next step may take.

        Raises:
            TimeoutError: the call has taken too long.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call has taken too long")
        return min(left, self._idle)

    @contextmanager
    def governs(self) -> Iterator[None]:
        """Let what this thread reads from sockets belong to this call."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)


_CURRENT: ContextVar[Call | None] = ContextVar("call", default=None)


def current_call() -> Call:
    """Return the call that this thread works on."""
    call = _CURRENT.get()
    if call is None:
        raise RuntimeError("a socket of an upstream is used outside of a call")
    return call
