"""crane and oras: clients that ask differently from docker, and rely on every header."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.clients.programs import Program
from tests.support.live import LiveServer
from tests.support.tools import require_tool


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A file of some size, as content of a layer or an artifact."""
    path = tmp_path / "layer.bin"
    path.write_bytes(os.urandom(300_000))
    return path


@pytest.fixture
def crane(registry: LiveServer, user: User, tmp_path: Path) -> Program:
    """crane, logged in."""
    require_tool("crane")
    home = {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path / "crane")}
    program = Program("crane", "--insecure", environment=home)
    program("auth", "login", registry.host, "-u", user.name, "-p", user.password)
    return program


@pytest.fixture
def oras(registry: LiveServer, user: User, tmp_path: Path) -> Program:
    """oras, logged in."""
    require_tool("oras")
    home = {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path / "oras")}
    program = Program("oras", environment=home)
    login = ("login", "--plain-http", "--username", user.name, "--password-stdin")
    program(*login, registry.host, input=user.password)
    return program


def test_crane_appends_copies_lists_and_deletes(
    crane: Program, registry: LiveServer, layer: Path
) -> None:
    archive = layer.with_suffix(".tar")
    os.link(layer, archive)
    first = f"{registry.host}/docker-local/crane/first"
    second = f"{registry.host}/docker-second/crane/second"

    crane("append", "-f", str(archive), "-t", f"{first}:1")
    crane("copy", f"{first}:1", f"{second}:2")
    assert crane("digest", f"{second}:2") == crane("digest", f"{first}:1")
    crane("tag", f"{second}:2", "3")
    assert crane("ls", second).split() == ["2", "3"]
    assert "docker-second/crane/second" in crane("catalog", registry.host).split()

    crane("delete", f"{second}:2")
    assert crane("ls", second).split() == ["3"]
    crane("manifest", f"{second}:3")


def test_oras_pushes_attaches_discovers_and_pulls(
    oras: Program, registry: LiveServer, layer: Path, tmp_path: Path
) -> None:
    name = f"{registry.host}/docker-local/oras/thing"
    plain, anywhere = "--plain-http", "--disable-path-validation"
    kind = ("--artifact-type", "application/vnd.test")

    oras("push", plain, anywhere, f"{name}:1", f"{layer}:application/octet-stream")
    oras("attach", plain, anywhere, *kind, f"{name}:1", f"{layer}:application/octet-stream")
    assert "application/vnd.test" in oras("discover", plain, f"{name}:1")
    # The registry lists referrers itself, so no fallback tag has been written.
    assert oras("repo", "tags", plain, name).split() == ["1"]

    layer.rename(tmp_path / "pushed")
    oras("pull", plain, "--allow-path-traversal", "-o", str(tmp_path), f"{name}:1")
    assert layer.read_bytes() == (tmp_path / "pushed").read_bytes()
