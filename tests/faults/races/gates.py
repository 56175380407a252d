"""Gates: places in the middle of a call, at which somebody else acts."""

from __future__ import annotations

import contextlib
import fcntl
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

DEADLINE = 60.0
"""Seconds after which a test gives up; nothing takes that long."""


class Party:
    """Somebody who acts in a thread of its own, once."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._stands = threading.Event()
        self.acted = False

    def _run(self) -> None:
        try:
            with mock.patch.object(fcntl, "flock", self._locking):
                self._action()
        except BaseException as error:
            self._error = error
        self.acted = True
        self._stands.set()

    def _locking(self, descriptor: Any, operation: int) -> None:
        if threading.current_thread() is not self._thread or operation & fcntl.LOCK_NB:
            _flock(descriptor, operation)
            return
        try:
            _flock(descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            # It waits for whoever waits for it here.
            self._stands.set()
            _flock(descriptor, operation)

    @property
    def has_begun(self) -> bool:
        """Whether its gate has been reached."""
        return self._thread.ident is not None

    def act(self) -> None:
        """Let it act, until it is done or has to wait for a lock."""
        self._thread.start()
        assert self._stands.wait(DEADLINE)

    def wait(self) -> None:
        """Wait until it is done, if it has begun."""
        if self.has_begun:
            self._thread.join(DEADLINE)
            assert not self._thread.is_alive()

    def raise_error(self) -> None:
        """Raise what it raised."""
        if self._error is not None:
            raise self._error


_flock = fcntl.flock


@contextlib.contextmanager
def at(
    owner: Any,
    name: str,
    action: Callable[[], object],
    *,
    after: bool = False,
    when: Callable[..., bool] = lambda *arguments: True,
    reached: bool = True,
) -> Iterator[Party]:
    """Let ``action`` happen at the next call of ``owner.name``, right before it or ``after`` it.

    ``when`` is asked with the arguments of each call whether it is the one. At the end of
    ``with`` the other party is done; what it raised is raised there. Where there must be no such
    call, ``reached`` is false.
    """
    party = Party(action)
    original = getattr(owner, name)
    first = threading.Lock()

    def gate(*arguments: Any, **more: Any) -> Any:
        if not when(*arguments) or not first.acquire(blocking=False):
            return original(*arguments, **more)
        if not after:
            party.act()
            return original(*arguments, **more)
        result = original(*arguments, **more)
        party.act()
        return result

    is_static = isinstance(inspect.getattr_static(owner, name), staticmethod)
    try:
        with mock.patch.object(owner, name, staticmethod(gate) if is_static else gate):
            yield party
    finally:
        # Whatever has become of the first one, nobody goes on acting behind its back.
        party.wait()
    assert party.has_begun is reached, f"{name} was {'never ' if reached else ''}called"
    party.raise_error()
