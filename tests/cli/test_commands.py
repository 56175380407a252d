from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from registry.cli.common import Faces
from registry.cli.main import make_command_line
from registry.wiring import build
from tests.cli.conftest import PASSWORD, Run, no_server, take

ROOT = Path(__file__).resolve().parents[2]


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command and group."""
    yield path
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))


ALL = list(commands(make_command_line(Faces(build, take, no_server))))


def test_there_are_the_promised_commands() -> None:
    assert {" ".join(path) for path in ALL} >= {
        "serve", "init", "user add", "user list", "user remove", "user set-password", "repo create",
        "repo set", "repo list", "repo show", "repo remove", "key rotate", "settings",
    }  # fmt: skip


@pytest.mark.parametrize("path", ALL, ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_explains_itself(run: Run, path: tuple[str, ...], option: str) -> None:
    result = run(*path, option)
    sentence = result.stdout.split("\n\n")[1].strip()
    assert len(sentence) > 10
    assert sentence[0].isupper()
    assert not Path("store").exists()


@pytest.mark.parametrize("path", [path for path in ALL if path], ids=" ".join)
def test_an_unknown_option_exits_with_2(run: Run, path: tuple[str, ...]) -> None:
    assert "--nonsense" in run(*path, "--nonsense", code=2).stderr


def test_every_field_of_a_repository_is_explained(run: Run) -> None:
    text = run("repo", "set", "--help").stdout
    assert "allowSparseIndexes: accept" in text
    assert "blockPushingSchema1: refuse" in text


def test_init_tells_how_to_go_on(run: Run) -> None:
    first = run("init").stdout
    assert "Password:" in first
    for line in (
        "docker login 127.0.0.1:8082 -u admin",
        "docker push 127.0.0.1:8082/docker-local/",
    ):
        assert line in first
    assert "Password:" not in run("init").stdout


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ("", "HOST"),
        ("external_url = 'https://registry.example.com/'", "registry.example.com"),
    ],
)
def test_nobody_is_told_to_log_in_to_a_socket(
    run: Run, tmp_path: Path, settings: str, host: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f"listen = 'unix:/run/registry/registry.sock'\n{settings}\n")
    told = run("init", "--config", str(file)).stdout
    assert f"docker login {host} -u admin" in told
    assert f"docker push {host}/docker-local/" in told
    assert "unix:" not in told


def test_init_for_programs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told = json.loads(run("init", "--json").stdout)
    assert told["new"]
    assert len(told["adminPassword"]) >= 20
    assert os.path.isabs(told["storage"])
    assert json.loads(run("init", "--json").stdout) == {
        "storage": told["storage"], "new": False, "adminPassword": None,
    }  # fmt: skip
    monkeypatch.setenv("REGISTRY_ADMIN_PASSWORD", PASSWORD)
    assert json.loads(run("init", "--json", "--storage", "other").stdout)["adminPassword"] is None


def test_a_bad_admin_password_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_ADMIN_PASSWORD", "short")
    assert "8 to 1024" in run("init", code=1).stderr


def test_settings_are_explained_and_shown(run: Run, tmp_path: Path) -> None:
    assert "# token_lifetime = 3600" in run("settings").stdout
    file = tmp_path / "settings.toml"
    file.write_text("token_lifetime = 120\n")
    shown = json.loads(run("settings", "--json", "--config", str(file)).stdout)
    assert shown["token_lifetime"] == 120
    assert shown["storage_root"] == str(tmp_path / "store")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("workers = 'many'", "workers"),
        ("threads = 0", "threads"),
        ("anonymous_pull = 1", "anonymous_pull"),
        ("listen = 'x'", "listen"),
        ("nonsense = 1", "nonsense"),
        ("[section]\nworkers = 1", "section"),
        ("workers = ", "TOML"),
    ],
)
@pytest.mark.parametrize(
    "command", [("init",), ("serve",), ("user", "list"), ("settings", "--json")]
)
def test_a_wrong_settings_file_is_one_sentence_with_the_name(
    run: Run, tmp_path: Path, command: tuple[str, ...], text: str, word: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    assert word in run(*command, "--config", str(file), code=1).stderr
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    "command",
    [("init",), ("serve", "--listen", "127.0.0.1:0"), ("user", "list"), ("repo", "list"),
     ("key", "rotate")],
)  # fmt: skip
def test_a_storage_path_that_is_a_file_is_said(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "store").touch()
    arguments = [free_address() if word == "127.0.0.1:0" else word for word in command]
    assert "--storage" in run(*arguments, code=1).stderr


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_a_busy_port_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        error = run("serve", "--listen", address, code=1).stderr
    assert "in use" in error
    assert "--listen" in error
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    "listen", ["127.0.0.1", ":80", "127.0.0.1:0", "127.0.0.1:x", "127.0.0.1:99999"]
)
def test_a_wrong_address_is_said(run: Run, listen: str) -> None:
    assert "listen" in run("serve", "--listen", listen, code=1).stderr


def test_the_entry_point_runs_from_anywhere(tmp_path: Path) -> None:
    """As a user types it: another folder, no environment, and nothing but the exit code."""
    # Text is read strictly, as in the locales of most desktops.
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONIOENCODING": "utf-8:strict",
        "REGISTRY_STORAGE_ROOT": str(tmp_path / "store"),
    }

    def app(*arguments: str, typed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, ROOT / "app.py", *arguments],
            input=typed, cwd=tmp_path, env=environment, capture_output=True, check=False,
        )  # fmt: skip

    assert app("user", "add", "alice", "--password-stdin", typed=b"long-enough\n").returncode == 0
    assert json.loads(app("user", "list", "--json").stdout)[0]["name"] == "alice"
    for arguments, typed, code in (
        (("user", "add", "bob", "--password-stdin"), b"\xff\xfe broken text\n", 1),
        (("user", "remove", "b\udcff"), b"", 1),
        (("repo", "show", "b\udcff"), b"", 1),
        (("nonsense",), b"", 2),
    ):
        done = app(*arguments, typed=typed)
        assert done.returncode == code, arguments
        assert b"Traceback" not in done.stderr, arguments
