"""What the journal tells of commands: each that has changed something, without any secret."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from registry.cli.common import Faces
from registry.cli.main import make_command_line
from registry.wiring import build
from tests.cli.conftest import PASSWORD, Run, no_server, take

SECRET = "canary-of-the-upstream"
CHANGES: list[tuple[tuple[str, ...], str]] = [
    (("user", "add", "bob", "--password-stdin"), "user add bob"),
    (("user", "set", "alice", "--email", "a@corp.example"), "user set alice"),
    (("user", "set-password", "alice", "--password-stdin"), "user set-password alice"),
    (("user", "remove", "alice"), "user remove alice"),
    (("group", "create", "team"), "group create team"),
    (("group", "set", "old", "--add", "alice"), "group set old"),
    (("group", "delete", "old"), "group delete old"),
    (("permission", "set", "more", "--repo", "ANY", "--user", "alice=read"), "permission set more"),
    (("permission", "delete", "any"), "permission delete any"),
    (("permission", "defaults"), "permission defaults"),
    (("repo", "create", "two", "description=x"), "repo create two description"),
    (
        ("repo", "create", "up", "--class=remote", "url=https://r.example", f"password={SECRET}"),
        "repo create up url password",
    ),
    (("repo", "set", "one", "description=x", "notes=a=b"), "repo set one description notes"),
    (("repo", "set", "hub", f"password={SECRET}"), "repo set hub password"),
    (("repo", "remove", "one"), "repo remove one"),
    (("key", "rotate"), "key rotate"),
]  # fmt: skip
READS = ("list", "show", "explain", "resolve", "upstreams")


@pytest.fixture
def ready(run: Run, tmp_path: Path) -> Path:
    """The journal of a folder with a user, a group, a target and repositories."""
    run("user", "add", "root", "--admin", "--password-stdin", typed=PASSWORD)
    run("user", "add", "alice", "--password-stdin", typed=PASSWORD)
    run("group", "create", "old")
    run("repo", "create", "one")
    run("repo", "create", "hub", "--class=remote", "url=https://registry.example")
    run("permission", "set", "any", "--repo", "one", "--user", "alice=read")
    return tmp_path / "store" / "journal"


def lines(journal: Path) -> list[str]:
    return [line for file in sorted(journal.iterdir()) for line in file.read_text().splitlines()]


@pytest.mark.parametrize(("arguments", "change"), CHANGES, ids=[change for _, change in CHANGES])
def test_a_command_that_changes_something_leaves_one_line(
    run: Run, ready: Path, arguments: tuple[str, ...], change: str
) -> None:
    before = lines(ready)
    run(*arguments, typed=PASSWORD)
    added = lines(ready)[len(before) :]
    told = [line for line in map(json.loads, added) if line["event"] == "administration"]
    assert [line["change"] for line in told] == [change]
    assert (told[0]["principal"], told[0]["address"]) == ("command-line", "local")
    assert not any(secret in line for line in added for secret in (SECRET, PASSWORD))


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "add", "alice", "--password-stdin"),
        ("user", "set", "alice", "--group", "none"),
        ("user", "remove", "root"),
        ("user", "set-password", "nobody", "--password-stdin"),
        ("group", "create", "old"),
        ("group", "delete", "none"),
        ("permission", "set", "any", "--user", "nobody=read"),
        ("permission", "delete", "none"),
        ("repo", "create", "one", f"description={SECRET}"),
        ("repo", "set", "hub", f"password={SECRET}", "nothing=x"),
        ("repo", "remove", "none"),
    ],
    ids=" ".join,
)
def test_one_that_fails_leaves_none(run: Run, ready: Path, arguments: tuple[str, ...]) -> None:
    before = lines(ready)
    run(*arguments, typed=PASSWORD, code=1)
    assert lines(ready) == before


def test_one_that_only_looks_leaves_none(run: Run, ready: Path) -> None:
    before = lines(ready)
    for arguments in (("user", "list"), ("group", "list"), ("permission", "list"), ("repo", "list"),
                      ("permission", "show", "any"), ("repo", "show", "one"),
                      ("access", "explain", "alice", "read", "one/app:1")):  # fmt: skip
        run(*arguments)
    assert lines(ready) == before


def test_these_are_all_commands_of_administration() -> None:
    groups = make_command_line(Faces(build, take, no_server)).commands
    found = set()
    for name in ("user", "group", "permission", "repo", "key", "access"):
        group = groups[name]
        assert isinstance(group, click.Group)
        found |= {f"{name} {command}" for command in group.commands if command not in READS}
    assert found == {" ".join(change.split()[:2]) for _, change in CHANGES}
