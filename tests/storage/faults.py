"""Faults of the disk, by count: every changing system call is seen before it is done.

`Watched` replaces functions of the ``os`` module, through which alone the storage room reaches
the disk, and asks a reaction before each call: record it, let it fail, or kill the process.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

CHANGING: Final = ("fchmod", "fsync", "ftruncate", "link", "mkdir", "open", "rename", "rmdir",
                   "unlink", "utime", "write")  # fmt: skip
"""The calls that are seen; of ``open`` only those that may create a file."""
BUILDING: Final = tuple(name for name in CHANGING if name not in ("rmdir", "unlink"))
"""Without those that clean up: whether these may fail as well is another question."""
STEPS: Final = ("fsync", "link", "mkdir", "open", "rename", "rmdir", "unlink")
"""Those between which a crash is told from another."""


@dataclass(frozen=True, slots=True)
class Call:
    """A system call with the paths that it names."""

    name: str
    paths: tuple[str, ...]


Reaction = Callable[[int, Call], None]


class Watched:
    """Within ``with``, the reaction sees each call, with its number, before it is done."""

    def __init__(self, reaction: Reaction | None = None, names: Sequence[str] = CHANGING) -> None:
        self.calls: list[Call] = []
        self._reaction = reaction
        self._names = names
        self._originals: dict[str, Any] = {}

    def __enter__(self) -> Self:
        for name in self._names:
            self._originals[name] = getattr(os, name)
            setattr(os, name, self._watching(name))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, original in self._originals.items():
            setattr(os, name, original)

    def _watching(self, name: str) -> Callable[..., Any]:
        original = self._originals[name]

        def watching(*args: Any, **kwargs: Any) -> Any:
            if name == "open" and not args[1] & os.O_CREAT:
                return original(*args, **kwargs)
            paths = tuple(path_of(arg) for arg in args[: 2 if name in ("link", "rename") else 1])
            self.calls.append(Call(name, paths))
            if self._reaction is not None:
                self._reaction(len(self.calls), self.calls[-1])
            return original(*args, **kwargs)

        return watching

    def names(self) -> list[str]:
        """Return the names of the calls in order."""
        return [call.name for call in self.calls]


def path_of(argument: Any) -> str:
    """Return the path that an argument, a path or a descriptor, stands for."""
    if isinstance(argument, int):
        return os.readlink(f"/proc/self/fd/{argument}")
    return str(argument)


def fails(number: int, code: int = errno.EIO) -> Reaction:
    """Return a reaction that lets the call of that number fail, once."""

    def react(seen: int, call: Call) -> None:
        if seen == number:
            raise OSError(code, os.strerror(code), *call.paths[:1])

    return react


def kills(number: int) -> Reaction:
    """Return a reaction that kills the process instead of the call of that number."""

    def react(seen: int, call: Call) -> None:
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return react


def in_child(action: Callable[[], object]) -> int:
    """Do ``action`` in a forked process; return its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
