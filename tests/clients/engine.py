"""A container engine of the tests' own: no service of the machine is needed, used or disturbed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.clients.folders import engine_folder

_START_SECONDS = 60.0
_STORAGE_DRIVERS = ("overlay2", "vfs")


class EngineNotReady(RuntimeError):
    """The engine did not come up with this storage driver; the message ends with its log."""


@contextlib.contextmanager
def running_engine() -> Iterator[Path]:
    """Start dockerd, yield the path of its socket, and take down everything at the end.

    overlay2 is what users have; where the temporary folder itself lies on an overlay, only the slow
    vfs driver works.
    """
    *first, last = _STORAGE_DRIVERS
    for driver in first:
        with contextlib.ExitStack() as stack:
            try:
                socket = stack.enter_context(_engine_with(driver))
            except EngineNotReady:
                continue
            yield socket
            return
    with _engine_with(last) as socket:
        yield socket


@contextlib.contextmanager
def _engine_with(driver: str) -> Iterator[Path]:
    with engine_folder("de-") as folder, (folder / "log").open("wb") as log:
        socket = folder / "s"
        process = subprocess.Popen(
            [
                "dockerd",
                f"--config-file={_empty_configuration(folder)}",
                f"--data-root={folder}/data",
                f"--exec-root={folder}/exec",
                f"--pidfile={folder}/pid",
                f"--host=unix://{socket}",
                f"--storage-driver={driver}",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
            ],
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_ready(process, socket, folder / "log")
            yield socket
        finally:
            _stop(process)


def _empty_configuration(folder: Path) -> Path:
    """A settings file without settings, so that the machine's own is not read."""
    path = folder / "daemon.json"
    path.write_text("{}\n")
    return path


def _wait_until_ready(process: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if socket.exists() and _answers(socket):
            return
        time.sleep(0.1)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise EngineNotReady(f"dockerd did not come up (exit code {process.returncode}):\n{tail}")


def _answers(socket: Path) -> bool:
    command = ["docker", f"--config={socket.parent}/cli", f"--host=unix://{socket}", "version"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(socket.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    return done.returncode == 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the engine to end its containers and its containerd; after a while, insist."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
