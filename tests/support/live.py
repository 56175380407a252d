"""A real server in its own processes, for tests of sockets, workers, signals and restarts."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]

_START_SECONDS = 30.0
_STOP_SECONDS = 30.0
_LOG_TAIL_LINES = 40


class ServerNotReady(RuntimeError):
    """The server exited or stayed silent instead of becoming ready; the message has its log."""


class LiveServer:
    """``app.py serve`` on a free port of 127.0.0.1, started by ``with`` and gone after it.

    The server runs in a session of its own, so that a test can kill the master and all workers at
    one stroke. Leaving the ``with`` block stops it in an orderly way and asserts that it exited
    with 0; after an exception it is killed, so that the exception is what the reader sees.
    """

    def __init__(
        self,
        storage: Path,
        workers: int = 2,
        settings: dict[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        """Describe a server on ``storage``; ``settings`` are added to its environment."""
        self.storage = storage
        self.workers = workers
        self.settings = dict(settings or {})
        self.port = free_port() if port is None else port
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self.log = storage.parent / f"{storage.name}.log"
        self.admin_password = self.settings.get("REGISTRY_ADMIN_PASSWORD", "admin-Secret-1")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        if error is None:
            self.stop()
        else:
            self.kill()

    @property
    def pid(self) -> int:
        """The process id of the master."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> None:
        """Start, or start again on the same port and storage; return once ``/readyz`` says 200."""
        assert self._process is None, "the server is already running"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "app.py", "serve", "--storage", str(self.storage)]
        command += ["--listen", self.host, "--workers", str(self.workers)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Send SIGTERM and assert that master and workers are gone and that the exit code is 0."""
        process, workers = self._running(), self.worker_pids()
        if process.poll() is not None:
            self._process = None
            raise AssertionError(
                f"the server had exited with {process.returncode} before\n{self.log_tail()}"
            )
        process.terminate()
        try:
            code = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"the server did not stop within {_STOP_SECONDS} s of SIGTERM\n{self.log_tail()}"
            ) from None
        self._process = None
        left = [pid for pid in workers if _alive(pid)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, f"workers outlived their master: {left}\n{self.log_tail()}"
        assert code == 0, f"the server exited with {code} after SIGTERM\n{self.log_tail()}"

    def kill(self) -> None:
        """Send SIGKILL to the whole process group, and return once none of it is left."""
        process, workers = self._running(), self.worker_pids()
        # A group that is no longer there is what the caller wants anyway.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._process = None
        deadline = time.monotonic() + _STOP_SECONDS
        while any(_alive(pid) for pid in workers):
            assert time.monotonic() < deadline, f"workers survived SIGKILL: {workers}"
            time.sleep(0.01)

    def worker_pids(self) -> list[int]:
        """The processes that the master has forked and that are alive, in ascending order."""
        master = self._running().pid
        return sorted(pid for pid, parent in _live_processes().items() if parent == master)

    def kill_worker(self, pid: int) -> None:
        """Send SIGKILL to one worker, and return once the master has put another in its place."""
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + _START_SECONDS
        while pid in (now := self.worker_pids()) or len(now) < self.workers:
            assert time.monotonic() < deadline, f"worker {pid} not replaced\n{self.log_tail()}"
            time.sleep(0.01)

    def cli(self, *args: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``app.py ARGS --storage DIR``; whether its exit code is right the caller judges."""
        return subprocess.run(
            [sys.executable, "app.py", *args, "--storage", str(self.storage)],
            cwd=ROOT,
            env=self._environment(),
            input="" if input is None else input,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def add_user(self, name: str, password: str) -> None:
        """Add a user who may do everything with images, by the command line; it must work."""
        added = self.cli("user", "add", name, "--password-stdin", input=password + "\n")
        rights = f"{name}=read,write,annotate,delete"
        given = self.cli("permission", "set", f"of-{name}", "--repo", "ANY", "--user", rights)
        for done in (added, given):
            assert done.returncode == 0, done.stdout + done.stderr

    def log_tail(self) -> str:
        """The last lines of the server's output, for messages about failures."""
        if not self.log.exists():
            return "(no log)"
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"--- end of {self.log} ---", *lines[-_LOG_TAIL_LINES:]])

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server is not running"
        return self._process

    def _environment(self) -> dict[str, str]:
        # A developer's own settings must not reach the server, or the tests would depend on them.
        kept = {name: v for name, v in os.environ.items() if not name.startswith("REGISTRY_")}
        ours = {"REGISTRY_ADMIN_PASSWORD": self.admin_password, "PYTHONUNBUFFERED": "1"}
        return kept | ours | self.settings

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ServerNotReady(
                    f"the server exited with {process.returncode} at start\n{self.log_tail()}"
                )
            if _status(self.port, "/readyz") == 200:
                return
            time.sleep(0.05)
        raise ServerNotReady(f"not ready after {_START_SECONDS} s\n{self.log_tail()}")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that the kernel will not give away by itself.

    The kernel hands out ports of the ephemeral range (from 32768) to outgoing connections, so one
    of those could be taken by a client between a kill and the next start; lower ones are not.
    """
    ports = random.sample(range(20_000, 32_000), 200)
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port between 20000 and 32000")


def _status(port: int, path: str) -> int | None:
    """The status of one GET, or None while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        with connection.getresponse() as response:
            return response.status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _alive(pid: int) -> bool:
    return pid in _live_processes()


def _live_processes() -> dict[int, int]:
    """Every process that is not a zombie, with its parent, as /proc has it."""
    found: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text(errors="replace")
        except OSError:
            continue  # The process ended between the listing and the reading.
        # The name in parentheses may contain spaces, so the fields are counted from its end.
        state, parent = stat.rpartition(")")[2].split()[:2]
        if state not in "ZX":
            found[int(folder.name)] = int(parent)
    return found
