"""Which fsyncs a workload does: all of them, or fewer, to see whether they are missed."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from unittest import mock

from registry.storage import atomic, open_files, syncing

_HANDS: Final = frozenset({__file__, atomic.__file__, open_files.__file__, syncing.__file__})
"""The files that do an fsync for somebody else."""

Wanted = Callable[[int, str], bool]
"""Whether the fsync of a descriptor, asked for by a place, is done."""


def _of_file(descriptor: int, place: str) -> bool:
    return not stat.S_ISDIR(os.fstat(descriptor).st_mode)


def _final(descriptor: int, place: str) -> bool:
    return _of_file(descriptor, place) or place.startswith("manifests.settle:")


SYNCS: Final[Mapping[str, Wanted]] = {
    "all": lambda descriptor, place: True,
    "none": lambda descriptor, place: False,
    "files": _of_file,
    "folders": lambda descriptor, place: not _of_file(descriptor, place),
    "final": _final,
}
"""Sets of fsyncs; ``final`` are those of files, and of the folder of a manifest that settles.

A sync of a whole filesystem counts as one of a folder.
"""

WITHOUT: Final = "without:"
"""Begins the name of the set that lacks only the fsyncs that one place asks for."""


def wanted(name: str) -> Wanted:
    """Return the set of fsyncs of that name. Raises KeyError."""
    if name.startswith(WITHOUT):
        left_out = name.removeprefix(WITHOUT)
        return lambda descriptor, place: not place.startswith(left_out)
    return SYNCS[name]


@contextlib.contextmanager
def only(name: str) -> Iterator[Counter[str]]:
    """Do only some fsyncs; the others report success and do nothing.

    Yields how many of either kind each place asks for.
    """
    is_wanted, fsync, sync_filesystem = wanted(name), os.fsync, open_files.sync_filesystem
    places: Counter[str] = Counter()

    def is_done(descriptor: int) -> bool:
        place = _place()
        places[place] += 1
        return is_wanted(descriptor, place)

    def syncing(descriptor: int) -> None:
        if is_done(descriptor):
            fsync(descriptor)

    def syncing_all(path: str) -> None:
        descriptor = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            if is_done(descriptor):
                sync_filesystem(path)
        finally:
            os.close(descriptor)

    with (
        mock.patch.object(os, "fsync", syncing),
        mock.patch.object(open_files, "sync_filesystem", syncing_all),
    ):
        yield places


def _place() -> str:
    """Return where the fsync is asked for, as ``module.function:line``."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename in _HANDS and frame.f_back is not None:
        frame = frame.f_back
    module = os.path.basename(frame.f_code.co_filename).removesuffix(".py")
    return f"{module}.{frame.f_code.co_name}:{frame.f_lineno}"
