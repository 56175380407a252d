"""Keeping a worker small: glibc gives each thread a heap of its own, and keeps what it once took.

Bodies pass through many threads in pieces of some hundred kilobytes. Measured with 16 clients and
eight threads, a worker grew to 165 MB with glibc's defaults and stayed at a third of that with one
heap for all; threads do not contend for it, because they hold the interpreter's lock anyway.

Source: mallopt(3).
"""

from __future__ import annotations

import ctypes
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

LARGE: Final = 1024 * 1024
"""Bytes from which on a piece of memory goes back to the system as soon as it is free."""


def share_one_heap() -> None:
    """Let all threads of this process use one heap; to be called before there are any.

    Where the C library has no such switch, nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, LARGE)
