"""Kills workers and pruners at random, and keeps the pruners running."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults.soak.figures import Figures
from tests.faults.soak.wire import Kills
from tests.support.live import ROOT, LiveServer


class Pruners:
    """Processes that make one pass after the other, all at the same time."""

    def __init__(self, settings: Path, folder: Path, figures: Figures) -> None:
        self._settings = settings
        self._pause = str(figures.pause)
        self._reports = [folder / f"passes-{number}.jsonl" for number in range(figures.pruners)]
        self._log = folder / "pruners.log"
        self._processes = [self._start(reports) for reports in self._reports]
        self.kills = 0

    def _start(self, reports: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.faults.soak.pruner"]
        command += [str(self._settings), str(reports), self._pause]
        with self._log.open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def kill_one(self, rng: random.Random) -> None:
        """Kill one of them, and start another in its place."""
        number = rng.randrange(len(self._processes))
        self._end(self._processes[number])
        self._processes[number] = self._start(self._reports[number])
        self.kills += 1

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process in self._processes:
            self._end(process)

    def totals(self) -> Counter[str]:
        """Return what all passes did that came to an end."""
        found: Counter[str] = Counter()
        for report in self._lines():
            found["passes"] += "defect" not in report
            for name in ("freed", "set_on_hold"):
                for unit, amount in report.get(name, {}).items():
                    found[f"{name} {unit}"] += amount
            for name in ("brought_back", "manifests_deleted", "leases_ended", "trash_expired"):
                found[name] += report.get(name, 0)
        return found

    def defects(self) -> list[str]:
        """Return what went wrong in passes."""
        said = [str(report["defect"]) for report in self._lines() if "defect" in report]
        failed = sum(report.get("failed", 0) for report in self._lines())
        if failed:
            said.append(f"{failed} images or steps of passes failed")
        return said + [self._log.read_text(errors="replace")] * bool(said or self._has_said())

    def _has_said(self) -> bool:
        return self._log.exists() and self._log.stat().st_size > 0

    def _lines(self) -> list[dict[str, Any]]:
        found = []
        for path in self._reports:
            for line in path.read_text().splitlines() if path.exists() else ():
                # The last line of a process that was killed may break off.
                if line.endswith("}") and line.startswith("{"):
                    found.append(json.loads(line))
        return found


class Chaos:
    """The thread that kills."""

    def __init__(
        self, server: LiveServer, pruners: Pruners, kills: Kills, figures: Figures
    ) -> None:
        self._server = server
        self._pruners = pruners
        self._kills = kills
        self._figures = figures
        self._rng = random.Random(f"chaos {figures.seed}")
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._again, args=(figures.worker_kills, self._kill_worker)),
            threading.Thread(target=self._again, args=(figures.pruner_kills, self._kill_pruner)),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _again(self, between: tuple[float, float], kill: object) -> None:
        assert callable(kill)
        while not self._stop.wait(self._rng.uniform(*between)):
            kill()

    def _kill_pruner(self) -> None:
        self._pruners.kill_one(self._rng)

    def _kill_worker(self) -> None:
        workers = self._server.worker_pids()
        if workers:
            pid = self._rng.choice(workers)
            self._kills.begin()
            os.kill(pid, signal.SIGKILL)
            while _lives(pid):
                time.sleep(0.002)
            self._kills.end()


def _lives(pid: int) -> bool:
    """Return whether any thread of a process has not ended yet: they keep its sockets open."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return len(threads) > 1 or stat.rpartition(")")[2].split()[0] not in "ZX"
