"""Waiting for what another thread does, such as asking an upstream.

A thread that works on requests must not wait for long: a few slow upstreams would take all of
them. So where the server room says that it can run a request again later, whoever would wait
raises `AnswerAwaited` instead; the request is run once more from its beginning when what it waits
for is done, and finds there what has become of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Final, Protocol, TypeVar

BEGAN: Final = "registry.began"
"""Where a request environment says when the request began, on the clock of durations."""


class Task(Protocol):
    """Something that another thread does."""

    @property
    def done(self) -> bool:
        """Whether it is over."""

    def when_done(self, listener: Callable[[], None]) -> None:
        """Let ``listener`` be called once when it is over; at once if it is."""

    def wait(self) -> None:
        """Return when it is over."""


AnyTask = TypeVar("AnyTask", bound=Task)
Carried = dict[Hashable, Task]
"""What one request has waited for, by what it is."""


class AnswerAwaited(BaseException):
    """Raised through the web framework by a handler that has to wait.

    A ``BaseException``, because it is no error: no error handler must catch it.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task


class _Here(threading.local):
    carried: Carried | None = None


_here = _Here()


class ComingBack:
    """Within it, nobody waits in this thread: the request will be run again.

    ``carried`` is what it has waited for, the same for each run of one request; with None there
    is no coming back. A class, because it is around every request.
    """

    __slots__ = ("_before", "_carried")

    def __init__(self, carried: Carried | None) -> None:
        self._carried = carried
        self._before: Carried | None = None

    def __enter__(self) -> None:
        self._before, _here.carried = _here.carried, self._carried

    def __exit__(self, *error: object) -> None:
        _here.carried = self._before


def awaited(name: Hashable, start: Callable[[], AnyTask]) -> AnyTask:
    """Return a task that is over; ``start`` begins it, if this request has not done so before.

    Raises:
        AnswerAwaited: the request is to be run again when it is over.
    """
    carried = _here.carried
    if carried is None:
        task = start()
        task.wait()
        return task
    known = carried.get(name)
    if known is None:
        known = carried[name] = start()
    if not known.done:
        raise AnswerAwaited(known)
    return known  # type: ignore[return-value] # it is what ``start`` has made under this name
