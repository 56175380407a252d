"""The command line over a storage folder of its own, without a server and in this process."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from registry.access import passwords
from registry.cli.common import Faces
from registry.cli.main import make_command_line
from registry.config import Config
from registry.server.listening import listen
from registry.services.instance import Instance
from registry.wiring import build

Run = Callable[..., Result]
PASSWORD = "long-enough"


def no_server(instance: Instance, listener: socket.socket) -> int:
    """Serve nothing; the tests of the live server do that."""
    listener.close()
    return 0


TAKEN: list[socket.socket] = []
"""The sockets that commands of the running test took; they must all be closed after it."""


def take(config: Config) -> socket.socket:
    """Take the address like a server."""
    TAKEN.append(listen(config.address))
    return TAKEN[-1]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a command on the test's folder; ``code`` is what it must exit with."""
    monkeypatch.setattr(passwords, "_N", 2**4)
    monkeypatch.chdir(tmp_path)
    for name in ("STORAGE_ROOT", "LISTEN", "WORKERS", "CONFIG", "ADMIN_PASSWORD"):
        monkeypatch.delenv(f"REGISTRY_{name}", raising=False)
    monkeypatch.setenv("REGISTRY_STORAGE_ROOT", str(tmp_path / "store"))
    command = make_command_line(Faces(build, take, no_server))

    def invoke(*arguments: str, code: int = 0, typed: str | None = None) -> Result:
        result = CliRunner().invoke(command, arguments, input=typed)
        assert result.exit_code == code, result.output
        if code == 1:
            # One sentence with the remedy, and never a traceback.
            assert isinstance(result.exception, SystemExit)
            assert result.stderr.startswith("Error: ")
            assert result.stderr.count("\n") == 1
        return result

    yield invoke
    left = [taken for taken in TAKEN if taken.fileno() >= 0]
    TAKEN.clear()
    for taken in left:
        taken.close()
    assert left == []
