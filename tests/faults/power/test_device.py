"""The logged disk tells the truth, and nothing stays of a run that is killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.power import harness, mounts, processes
from tests.faults.power.device import FLUSH, WRITE, logged
from tests.faults.power.history import History, Replay, State
from tests.faults.power.report import Run

BLOCK = 4096
BLOCKS = 512
DEADLINE = 120.0
KILLS = 3

pytestmark = pytest.mark.usefixtures("may_mount")


def test_the_log_has_every_write_before_the_flush_that_covers_it(tmp_path: Path) -> None:
    """What was synced is in each disk that the log tells of from then on."""

    def story() -> list[str]:
        folder = private_folder(tmp_path)
        made, image, log = f"{folder}/made", f"{folder}/image", f"{folder}/log"
        for path in (made, image):
            Path(path).write_bytes(bytes(BLOCK * BLOCKS))
        with logged(image, log, f"{folder}/disk"):
            device, descriptor = mounts.attach_loop(f"{folder}/disk", direct=True)
            mounts.require_passing_on(device)
            expected = write_and_sync(descriptor, log)
            os.close(descriptor)
        history, replay = History(log), Replay(History(log), made)
        wrong = []
        for size, content in expected:
            count = sum(record.position < size for record in history.records)
            if history.records[count - 1].kind != FLUSH:
                wrong.append(f"no flush before position {size}")
            replay.make(State(count, 0), f"{folder}/crashed")
            if Path(f"{folder}/crashed").read_bytes() != content:
                wrong.append(f"another disk at position {size}")
        if Path(image).read_bytes() != expected[-1][1]:
            wrong.append("another disk at the end")
        if history.count(WRITE, 0) < len(expected):
            wrong.append("writes are missing")
        return wrong

    assert processes.in_child(story) == []


def write_and_sync(descriptor: int, log: str) -> list[tuple[int, bytes]]:
    """Write blocks here and there; return the size of the log and the disk after each sync."""
    numbers, disk, synced = random.Random(1), bytearray(BLOCK * BLOCKS), []
    for _ in range(40):
        for _ in range(numbers.randrange(1, 12)):
            offset = numbers.randrange(BLOCKS - 8) * BLOCK
            data = numbers.randbytes(BLOCK * numbers.randrange(1, 8))
            os.pwrite(descriptor, data, offset)
            disk[offset : offset + len(data)] = data
        os.fsync(descriptor)
        synced.append((os.path.getsize(log), bytes(disk)))
    return synced


def private_folder(path: Path) -> str:
    mounts.enter_private_namespace()
    mounts.mount("registry-power", str(path), "tmpfs")
    return str(path)


def loops_over(folder: Path) -> set[str]:
    """Return the loop devices that lie over files of a folder, or of a filesystem taken down."""
    found = set()
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            file = path.read_text(encoding="utf-8").strip()
            if file == "/" or file.startswith(str(folder)):
                found.add(str(path))
    return found


def descendants(process: int) -> set[int]:
    """Return the processes that a process has started, directly or not."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = path.read_text(encoding="utf-8").rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(path.parent.name))
    found, left = set[int](), [process]
    while left:
        own = children.get(left.pop(), [])
        found.update(own)
        left += own
    return found


def have_ended(started: set[int]) -> bool:
    return not any(Path(f"/proc/{process}").exists() for process in started)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("states", [1, 1_000_000], ids=["working", "looking"])
def test_nothing_stays_of_a_killed_run(states: int, tmp_path: Path) -> None:
    """Neither of its workload nor of its look at the power cuts: whatever the kernel ends last."""

    def endless() -> None:
        tempfile.tempdir = str(tmp_path)
        harness.run(Run("push", "ext4", states, rounds=500 if states == 1 else 6))

    for _ in range(KILLS):
        child = processes.fork(endless)
        try:
            wait_until(lambda: len(loops_over(tmp_path)) > 0)
            time.sleep(random.random() / 2)
        finally:
            started = descendants(child)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        wait_until(partial(have_ended, started))
        wait_until(lambda: not loops_over(tmp_path))
        assert str(tmp_path) not in Path("/proc/mounts").read_text(encoding="utf-8")
    # Each of them has tidied up after the one before.
    assert len(list(tmp_path.iterdir())) == 1
    harness.remove_leftovers(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
