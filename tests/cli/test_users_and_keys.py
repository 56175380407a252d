from __future__ import annotations

import json

import pytest

from tests.cli.conftest import PASSWORD, Run


def names(run: Run) -> list[str]:
    return [user["name"] for user in json.loads(run("user", "list", "--json").stdout)]


def test_a_user_comes_and_goes(run: Run) -> None:
    run("user", "add", "alice", "--password-stdin", typed=f"{PASSWORD}\n")
    run("user", "add", "root", "--password-stdin", "--admin", typed=f"{PASSWORD}\r\n")
    listed = json.loads(run("user", "list", "--json").stdout)
    assert [(user["name"], user["admin"]) for user in listed] == [("alice", False), ("root", True)]
    assert [user["email"] for user in listed] == ["alice@example.com", "root@example.com"]
    assert all("hash" not in name.lower() and name != "credential" for name in listed[0])
    assert "alice\tuser\t" in run("user", "list").stdout
    run("user", "set-password", "alice", "--password-stdin", typed="another-password\n")
    run("user", "remove", "alice")
    assert names(run) == ["root"]


@pytest.mark.parametrize(
    ("arguments", "typed", "word"),
    [
        (("add", "alice"), f"{PASSWORD}\n", "exists"),
        (("add", "Alice"), f"{PASSWORD}\n", "lower-case"),
        (("add", "bob"), "short\n", "8 to 1024"),
        (("add", "bob"), "", "8 to 1024"),
        (("set-password", "bob"), f"{PASSWORD}\n", "'bob'"),
        (("set-password", "alice"), "short\n", "8 to 1024"),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Run, arguments: tuple[str, ...], typed: str, word: str
) -> None:
    run("user", "add", "alice", "--password-stdin", typed=f"{PASSWORD}\n")
    result = run("user", *arguments, "--password-stdin", typed=typed, code=1)
    assert word in result.stderr
    assert names(run) == ["alice"]


def test_without_a_terminal_the_password_is_not_asked_for(run: Run) -> None:
    assert "--password-stdin" in run("user", "add", "alice", code=1).stderr


def test_the_last_admin_stays(run: Run) -> None:
    run("user", "add", "root", "--password-stdin", "--admin", typed=f"{PASSWORD}\n")
    assert "last admin" in run("user", "remove", "root", code=1).stderr
    assert "'bob'" in run("user", "remove", "bob", code=1).stderr


def test_keys_are_rotated(run: Run) -> None:
    assert "2 of at most 3" in run("key", "rotate").stdout
    assert "3 of at most 3" in run("key", "rotate").stdout
    assert "3 of at most 3" in run("key", "rotate").stdout
