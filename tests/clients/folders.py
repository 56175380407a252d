"""Folders for engines and their tools, which leave processes and mounts behind when killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def engine_folder(prefix: str) -> Iterator[Path]:
    """A new folder with a short path; at the end no process, mount or file of it is left.

    The path is short because sockets deep below it must fit into the 108 bytes of a socket address,
    which the folders of pytest may leave no room for.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    try:
        yield folder
    finally:
        _end_processes(folder)
        _unmount(folder)
        shutil.rmtree(folder)


def _end_processes(folder: Path) -> None:
    """Kill what was started with the folder's name, such as a containerd and its shims."""
    for _ in range(50):
        left = [pid for pid in _processes() if str(folder) in _command_line(pid)]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            return
        time.sleep(0.1)


def _unmount(folder: Path) -> None:
    """Unmount everything below the folder, the innermost mounts first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in sorted((p for p in points if p.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""  # The process ended between the listing and the reading.
