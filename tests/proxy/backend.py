"""A server on a unix socket, as it stands behind a proxy."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.live import LiveServer

_START_SECONDS = 30.0


class _SocketConnection(http.client.HTTPConnection):
    """HTTP by a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("registry", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(str(self._path))


class SocketServer(LiveServer):
    """A server that listens on a unix socket and believes whoever connects there."""

    def __init__(
        self, folder: Path, workers: int = 2, settings: Mapping[str, Any] | None = None
    ) -> None:
        """Describe a server that has all its files below ``folder``."""
        self.socket = folder / "registry.sock"
        file = folder / "settings.toml"
        found = {
            "storage_root": str(folder / "storage"),
            "listen": f"unix:{self.socket}",
            "trusted_proxies": ["unix"],
            **(settings or {}),
        }
        lines = (f"{name} = {json.dumps(value)}\n" for name, value in found.items())
        file.write_text("".join(lines))
        super().__init__(folder / "storage", workers, {"REGISTRY_CONFIG": str(file)}, port=0)
        self.host = f"unix:{self.socket}"

    def run(self, *arguments: str) -> str:
        """Run a command, assert that it worked, and return what it printed."""
        done = self.cli(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def access_log(self) -> list[str]:
        """The lines about requests so far; a line is written before the answer is sent."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if " ms=" in line or " reason=" in line]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            ended = process.poll() is not None
            assert not ended, self.log_tail()
            assert time.monotonic() < deadline, self.log_tail()
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        connection = _SocketConnection(self.socket)
        try:
            connection.request("GET", "/readyz")
            with connection.getresponse() as answer:
                return answer.status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a name short enough for a socket in it, open to the group of the server."""
    folder = Path(tempfile.mkdtemp(prefix="rp-", dir="/tmp"))
    folder.chmod(0o750)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
