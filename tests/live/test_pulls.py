"""Pulls are counted by all workers together, and by those that are killed."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from pathlib import Path

from registry.storage.layout import Layout
from registry.storage.pulls import Pulls
from tests.live.wire import IMAGE, Wire
from tests.support.live import LiveServer


class Puller:
    """Pulls again and again, and counts the whole answers; starts at once."""

    def __init__(self, server: LiveServer) -> None:
        self.answered = 0
        self.asked = 0
        self.statuses: set[int] = set()
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            # The connection ends with the worker; another worker takes the next one.
            with contextlib.suppress(OSError, http.client.HTTPException):
                self._pull()

    def _pull(self) -> None:
        with Wire(self._server) as wire:
            while not self._stop.is_set():
                self.asked += 1
                self.statuses.add(wire.ask("GET", f"{IMAGE}/manifests/1.0").status)
                self.answered += 1

    def wait(self, more: int) -> None:
        """Return when so many more pulls have been answered."""
        enough, deadline = self.answered + more, time.monotonic() + 60
        while self.answered < enough:
            assert time.monotonic() < deadline, "the pulls are not answered"
            time.sleep(0.01)

    def stop(self) -> None:
        """End; what is on its way is waited for."""
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


def test_killed_workers_lose_no_count(tmp_path: Path) -> None:
    with LiveServer(tmp_path / "storage") as server:
        with Wire(server) as wire:
            wire.push_image("1.0", b"layer")
        pullers = [Puller(server) for _ in range(4)]
        try:
            for _ in range(3):
                pullers[0].wait(50)
                server.kill_worker(server.worker_pids()[0])
            pullers[0].wait(50)
        finally:
            for puller in pullers:
                puller.stop()
    pulls = Pulls(Layout(str(tmp_path / "storage")))
    days = [pulls.day(day) for day in pulls.days()]
    counted = sum(pulled.count for day in days for pulled in day.pulls.values())
    answered = sum(puller.answered for puller in pullers)
    # What was counted and not answered is at most what was on its way when a worker was killed.
    assert answered <= counted <= sum(puller.asked for puller in pullers)
    assert sum(day.damaged for day in days) == 0
    assert {status for puller in pullers for status in puller.statuses} == {200}
