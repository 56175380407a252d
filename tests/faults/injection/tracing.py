"""strace around a process that waits: it counts the calls, and lets one of them fail.

The tracer is attached to a process that is there already, so that nothing pays for the start of an
interpreter. Calls are counted from then on, by name, as strace counts them.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

CHANGING: Final = (
    "copy_file_range", "fallocate", "fchmod", "fchmodat", "fdatasync", "fsync", "ftruncate", "link",
    "linkat", "mkdir", "mkdirat", "openat", "pwrite64", "rename", "renameat", "renameat2", "rmdir",
    "sync_file_range", "syncfs", "truncate", "unlink", "unlinkat", "utimensat", "write", "writev",
)  # fmt: skip
"""The calls that change a disk; of ``openat`` only those that may create a file."""
CLEANING: Final = frozenset({"rmdir", "unlink", "unlinkat"})
SYNCING: Final = frozenset({"fdatasync", "fsync", "syncfs"})
DEADLINE: Final = 60.0
"""Seconds to wait for strace or for the traced process; both need milliseconds."""

_LINE: Final = re.compile(r"(\w+)\((.*?)(?:\)\s+= (.*)| <unfinished \.\.\.>)$")
_PATH: Final = re.compile(r'"([^"]+)"|\b\d+<([^>]+)>')


@dataclass(frozen=True, slots=True)
class Call:
    """One system call of a traced process."""

    name: str
    number: int
    """The how manieth call of that name it is."""
    paths: tuple[str, ...]
    """The paths that it names; those of descriptors are what they were opened as."""
    arguments: str
    result: str

    @property
    def changes(self) -> bool:
        """Whether it is one of those that may change a disk."""
        return self.name in CHANGING and (self.name != "openat" or "O_CREAT" in self.arguments)

    @property
    def failed(self) -> bool:
        return self.result.startswith("-1 ")

    @property
    def injected(self) -> bool:
        """Whether this call failed, or its process was killed in it, because we said so."""
        return "(INJECTED)" in self.result or self.result == "?"

    @property
    def descriptor(self) -> str:
        """The descriptor that it is about, which for ``openat`` is its result."""
        text = self.result if self.name == "openat" else self.arguments
        return text.partition("<")[0]

    def path_in(self, root: str) -> str | None:
        """Return the last path that lies in ``root``, relative to it."""
        inside = [path for path in self.paths if path.startswith(root + "/")]
        return inside[-1].removeprefix(root + "/") if inside else None


def parse(lines: Sequence[str]) -> list[Call]:
    """Return the calls in the log of a trace."""
    counts: Counter[str] = Counter()
    calls = []
    for line in lines:
        match = _LINE.match(line)
        if match is not None:
            name, arguments, result = match[1], match[2], match[3] or "?"
            counts[name] += 1
            text = f"{arguments} {result}" if name == "openat" else arguments
            paths = tuple(first or second for first, second in _PATH.findall(text))
            calls.append(Call(name, counts[name], paths, arguments, result.strip()))
    return calls


def retried_syncs(calls: Sequence[Call]) -> Iterator[Call]:
    """Yield each sync of a file of which an earlier one failed, and that was not given up since.

    The kernel marks the pages clean when it reports the error, so another sync of the same open
    file says nothing about its bytes.
    """
    descriptors: set[str] = set()
    paths: set[str] = set()
    for call in calls:
        if call.name in SYNCING:
            if call.descriptor in descriptors or paths.intersection(call.paths):
                yield call
            if call.failed:
                descriptors.add(call.descriptor)
                paths.update(call.paths)
        elif call.name == "close":
            descriptors.discard(call.descriptor)
        elif call.name in ("openat", "unlink", "unlinkat") and not call.failed:
            paths.difference_update(call.paths)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is to happen at which call."""

    call: str
    number: int
    effect: str
    """In strace's words: ``signal=KILL`` or ``error=EIO``."""

    @property
    def expression(self) -> str:
        return f"inject={self.call}:{self.effect}:when={self.number}"


class TracingRefused(Exception):
    """strace could not attach; the message is its own."""


class Tracer:
    """A strace that is attached to a waiting process until that ends."""

    def __init__(self, process: int, log: str, fault: Fault | None = None) -> None:
        self._log = log
        seen = ",".join(f"?{name}" for name in (*CHANGING, "close"))
        command = ["strace", "-y", "-s", "0", "-o", log, "-e", f"trace={seen}"]
        if fault is not None:
            command += ["-e", fault.expression]
        self._strace = subprocess.Popen(
            [*command, "-p", str(process)], stderr=subprocess.PIPE, text=True, errors="replace"
        )
        assert self._strace.stderr is not None
        said = self._strace.stderr.readline()
        if not said.rstrip().endswith("attached"):
            self.end()
            raise TracingRefused(said.strip())

    def calls(self) -> list[Call]:
        """Return the calls so far; strace flushes each line, so those of a waiting process are
        all there."""
        with open(self._log, encoding="utf-8", errors="replace") as file:
            return parse(file.read().splitlines())

    def end(self) -> None:
        """Wait for strace, which ends with the process; one that hangs is ended."""
        try:
            self._strace.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self._strace.kill()
            self._strace.communicate()
