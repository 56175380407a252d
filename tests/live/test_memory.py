"""The memory of a worker: it depends on nothing that clients can choose."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from tests.live.wire import Wire
from tests.support.live import LiveServer

LIMIT = 100 * 1024 * 1024


def peak_memory(pid: int) -> int:
    """The most memory that a process has had at one time, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def test_many_pushers_at_once_do_not_make_a_worker_large(tmp_path: Path) -> None:
    """glibc's heap for each thread kept what bodies of some hundred kilobytes once took."""
    errors: list[BaseException] = []

    def push(number: int) -> None:
        image = f"/v2/docker-local/live/many{number}"
        try:
            with Wire(server) as wire:
                for _ in range(60):
                    wire.push_blob(os.urandom(300_000), image)
        except BaseException as error:
            errors.append(error)

    with LiveServer(tmp_path / "storage", workers=1) as server:
        pushers = [threading.Thread(target=push, args=(number,)) for number in range(16)]
        for pusher in pushers:
            pusher.start()
        for pusher in pushers:
            pusher.join()
        assert errors == []
        (worker,) = server.worker_pids()
        assert peak_memory(worker) < LIMIT
