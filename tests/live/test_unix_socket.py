"""Serving on a unix socket: who may connect, what a stale one means, what is believed there."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry.model.errors import SettingInvalid
from registry.server.listening import listen
from tests.conftest import ADMIN_PASSWORD, basic
from tests.support.live import ROOT

DEADLINE = 30.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="registry-") as name:
        yield Path(name)


class Connection(http.client.HTTPConnection):
    """A connection by a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("registry")
        self._path = path

    def connect(self) -> None:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.connect(str(self._path))
        except OSError:
            made.close()
            raise
        self.sock = made


@contextmanager
def serving(folder: Path, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    settings = folder / "settings.toml"
    settings.write_text(
        f'storage_root = "{folder}/storage"\nlisten = "unix:{path}"\n'
        'trusted_proxies = ["unix"]\nworkers = 2\n'
    )
    environment = os.environ | {
        "REGISTRY_CONFIG": str(settings), "REGISTRY_ADMIN_PASSWORD": ADMIN_PASSWORD
    }  # fmt: skip
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "app.py", "serve"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        wait_for(path)
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(DEADLINE) == 0


def wait_for(path: Path) -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        try:
            if get(path, "/readyz")[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nobody answers at {path}")


def get(path: Path, target: str, **headers: str) -> tuple[int, http.client.HTTPMessage]:
    connection = Connection(path)
    connection.request("GET", target, headers={n.replace("_", "-"): v for n, v in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers


def test_a_proxy_on_the_socket_is_believed(folder: Path) -> None:
    path = folder / "registry.sock"
    with serving(folder, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        status, headers = get(
            path, "/v2/", X_Forwarded_Proto="https", X_Forwarded_Host="registry.example.com"
        )
        assert status == 401
        assert 'realm="https://registry.example.com/v2/token"' in headers["WWW-Authenticate"]
        login = basic("admin", ADMIN_PASSWORD)
        assert get(path, "/v2/", Authorization=login, X_Forwarded_For="192.0.2.7")[0] == 200
    assert "INFO 192.0.2.7 admin GET /v2/ 200" in (folder / "log").read_text()


def test_the_socket_of_a_killed_server_is_taken_over(folder: Path) -> None:
    path = folder / "registry.sock"
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(path))
    left.close()
    with serving(folder, path):
        assert get(path, "/healthz")[0] == 200


def test_the_socket_of_another_server_is_left_alone(folder: Path) -> None:
    path = str(folder / "registry.sock")
    with listen(path), pytest.raises(SettingInvalid, match="another server listens"):
        listen(path)


def test_a_file_is_not_taken_for_a_socket(folder: Path) -> None:
    path = folder / "registry.sock"
    path.write_text("precious")
    with pytest.raises(SettingInvalid, match="no socket"):
        listen(str(path))
    assert path.read_text() == "precious"


def test_a_folder_that_is_missing_is_told(folder: Path) -> None:
    with pytest.raises(SettingInvalid, match="folder must be there"):
        listen(str(folder / "missing" / "registry.sock"))
