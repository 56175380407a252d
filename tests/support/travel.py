"""Travelling in time: days pass in a moment, for the code under test and for the file system.

Within `Travel` the clocks of this process, and the times that the kernel has stamped on files,
are those of another time line: `wait` lets time pass, `jump` sets the clock of the wall wrong.
What the kernel stamps from then on bears the new time, and what it stamped earlier the old one,
so leases, graces and holds of days can be tested to the second, with nothing left to chance.
"""

from __future__ import annotations

import bisect
import contextlib
import datetime
import os
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Final, Self
from unittest import mock

from registry.storage import journal

_NANO: Final = 1_000_000_000
_REALTIME_COARSE: Final = 5
"""The clock of clock_gettime(2) that has the time with which Linux stamps files."""
MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0

_time_ns = time.time_ns
_gettime = time.clock_gettime
_scandir = os.scandir
_stats: dict[str, Callable[..., os.stat_result]] = {
    name: getattr(os, name) for name in ("stat", "lstat", "fstat")
}


class Travel:
    """The time line of one test; a context manager."""

    def __init__(self) -> None:
        self._since: list[int] = []
        """Moments of this world at which the time line took a step."""
        self._ahead: list[int] = [0]
        """By how many nanoseconds it was ahead before the first step, after it, and so on."""
        self._waited = 0.0
        self._patches = contextlib.ExitStack()

    def __enter__(self) -> Self:
        fake = SimpleNamespace(datetime=_fake_datetime(self), UTC=datetime.UTC)
        for target, name, value in (
            (time, "time", self.time),
            (time, "time_ns", self.time_ns),
            (time, "clock_gettime", self._clock_gettime),
            (os, "scandir", self._scandir),
            (journal, "datetime", fake),
            *((os, name, self._translating(name)) for name in _stats),
        ):
            self._patches.enter_context(mock.patch.object(target, name, value))
        return self

    def __exit__(self, *error: object) -> None:
        self._patches.close()

    # --- steps -------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Let time pass, on all clocks."""
        self._waited += seconds
        self._step(seconds)

    def jump(self, seconds: float) -> None:
        """Set the clock of the wall to another time, backwards too, while no time passes."""
        self._step(seconds)

    def _step(self, seconds: float) -> None:
        self._since.append(_time_ns())
        self._ahead.append(self._ahead[-1] + round(seconds * _NANO))
        # Files are stamped by a clock of coarse ticks, which has to come past the step.
        while _gettime(_REALTIME_COARSE) * _NANO <= self._since[-1] + 1000:
            pass

    # --- what is shown -----------------------------------------------------------------------

    def time_ns(self) -> int:
        """Return the clock of the wall."""
        return _time_ns() + self._ahead[-1]

    def time(self) -> float:
        """Return the clock of the wall."""
        return self.time_ns() / _NANO

    def _clock_gettime(self, clock: int) -> float:
        shown = _gettime(clock)
        return shown + self._waited if clock == time.CLOCK_BOOTTIME else shown

    def _translated(self, real: int) -> int:
        return real + self._ahead[bisect.bisect_left(self._since, real)]

    def _translating(self, name: str) -> Callable[..., os.stat_result]:
        original = _stats[name]

        def translating(*args: Any, **kwargs: Any) -> os.stat_result:
            return self._translate(original(*args, **kwargs))

        return translating

    def _translate(self, status: os.stat_result) -> os.stat_result:
        extra: dict[str, Any] = {}
        for name in ("st_atime", "st_mtime", "st_ctime"):
            moment = self._translated(getattr(status, f"{name}_ns"))
            extra |= {name: moment / _NANO, f"{name}_ns": moment}
        extra |= {name: getattr(status, name) for name in ("st_blksize", "st_blocks", "st_rdev")}
        return os.stat_result(tuple(status), extra)

    def _scandir(self, path: Any = ".") -> _Listing:
        return _Listing(_scandir(path), self)


class _Listing:
    """What `os.scandir` returns."""

    def __init__(self, entries: Any, travel: Travel) -> None:
        self._entries = entries
        self._travel = travel

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._entries.close()

    def __iter__(self) -> Iterator[_Entry]:
        return self

    def __next__(self) -> _Entry:
        return _Entry(next(self._entries), self._travel)

    def close(self) -> None:
        self._entries.close()


class _Entry(os.PathLike[str]):
    """One entry of a listing."""

    def __init__(self, entry: os.DirEntry[str], travel: Travel) -> None:
        self._entry = entry
        self._travel = travel

    def __fspath__(self) -> str:
        return self._entry.path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return self._travel._translate(self._entry.stat(follow_symlinks=follow_symlinks))


def _fake_datetime(travel: Travel) -> type[datetime.datetime]:
    class Datetime(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Self:
            return cls.fromtimestamp(travel.time(), tz)

    return Datetime
