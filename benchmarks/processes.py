"""Starting, watching and surely ending the processes that are measured."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.errors import CannotStart, MeasurementFailed
from benchmarks.wire import Connection

START_SECONDS = 30
STOP_SECONDS = 15


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without settings of any registry, and with ``extra``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    return {**kept, **extra}


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` in ``folder`` while the context lasts; end it and all its children after."""
    with log.open("wb") as output:
        # A session of its own lets one signal reach the workers that a dead parent left behind.
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_ready(
    process: subprocess.Popen[bytes], port: int, path: str, status: int, log: Path
) -> None:
    """Return when GET ``path`` answers ``status``; otherwise say what the log says."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with (
            contextlib.suppress(OSError, MeasurementFailed),
            Connection("127.0.0.1", port) as connection,
        ):
            if connection.request("GET", path, {}).status == status:
                return
        time.sleep(0.05)
    tail = log.read_text("utf-8", "replace")[-1500:].strip()
    raise CannotStart(f"{process.args!r} did not become ready; its log ends with: {tail}")


def descendants(pid: int) -> list[int]:
    """The process ids of all children of ``pid`` and of their children."""
    found: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return found
    for task in tasks:
        with contextlib.suppress(FileNotFoundError):
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def peak_rss_mb(pid: int) -> float:
    """The largest resident set ``pid`` ever had, in MB of 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise MeasurementFailed(f"process {pid} has no VmHWM")
