"""What the kernel knows of processes and of the machine, from ``/proc``.

Source: proc(5). Where there is no ``/proc`` nothing is known, and nothing is told.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_NAMES: Final = ["MemTotal", "MemAvailable", "SwapTotal", "SwapFree"]


@dataclass(frozen=True, slots=True)
class Process:
    """One process: bytes, seconds of the processor, and the time of the clock when it began."""

    pid: int
    resident: int
    virtual: int
    cpu_seconds: float
    threads: int
    open_files: int
    started: float


def process(pid: int) -> Process | None:
    """Return what is known of a process, or None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name of the program may hold anything, so what counts begins behind it.
            fields = file.read().rpartition(b")")[2].split()
        open_files = len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None
    began = int(fields[19]) / _TICKS
    return Process(
        pid=pid,
        resident=int(fields[21]) * _PAGE,
        virtual=int(fields[20]),
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
        threads=int(fields[17]),
        open_files=open_files,
        started=time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + began,
    )


def memory() -> Mapping[str, int]:
    """Return the bytes of the machine's memory, by the names that the kernel gives them."""
    found = dict.fromkeys(_NAMES, 0)
    with contextlib.suppress(OSError), open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            name, _, amount = line.partition(":")
            if name in found:
                found[name] = int(amount.split()[0]) * 1024
    return found


def file_limit() -> int:
    """Return how many files this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def load() -> float:
    """Return the part of the machine's processors that was wanted in the last minute, up to 1."""
    return min(1.0, os.getloadavg()[0] / cores())


def cores() -> int:
    """Return the number of processor cores."""
    return os.cpu_count() or 1
