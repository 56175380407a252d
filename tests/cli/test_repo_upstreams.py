"""``repo upstreams``: how the upstreams of remote repositories do, and how many pulls are left."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from registry.cli.upstreams import _length
from registry.config import Config
from registry.repositories.upstream.terms import Surroundings, terms_of
from registry.storage.journal import timestamp
from registry.wiring import build
from tests.cli.conftest import Run


def moment(seconds: float) -> str:
    """So many seconds from now on."""
    return timestamp(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds))


@pytest.fixture
def ready(run: Run, tmp_path: Path) -> Path:
    """A storage folder with two remote repositories."""
    run("repo", "create", "one", "--class=remote", "url=https://one.example")
    run("repo", "create", "two", "--class=remote", "url=https://two.example", "username=carol")
    run("repo", "create", "mine")
    return tmp_path / "store"


def heard(storage: Path, key: str, **said: Any) -> None:
    """Write what a worker would have written."""
    definition = build(Config(storage_root=str(storage))).definitions.find(key)
    assert definition is not None
    terms = terms_of(definition, Surroundings()).fingerprint
    (storage / "upstreams" / f"{key}.json").write_text(json.dumps({"terms": terms, **said}))


def cells(run: Run, *arguments: str) -> list[list[str]]:
    lines = run("repo", "upstreams", *arguments).stdout.splitlines()
    return [line.split("\t") for line in lines]


def test_without_remote_repositories_it_says_so(run: Run) -> None:
    run("repo", "create", "mine")
    assert run("repo", "upstreams").stdout == "There are no remote repositories.\n"
    assert json.loads(run("repo", "upstreams", "--json").stdout) == []


def test_what_has_never_been_asked(run: Run, ready: Path) -> None:
    assert cells(run) == [
        ["one", "https://one.example", "never asked", "no answer yet"],
        ["two", "https://two.example", "never asked", "no answer yet"],
    ]


def test_what_is_left_is_told(run: Run, ready: Path) -> None:
    allowance = {"limit": 100, "remaining": 76, "windowSeconds": 21600, "seen": moment(-125)}
    heard(ready, "two", answered=moment(-3700), allowance=allowance)
    assert cells(run, "two") == [
        ["two", "https://two.example", "answers", "answered 1 h ago",
         "76 of 100 in 6 h (seen 2 min ago)"]
    ]  # fmt: skip
    heard(ready, "two", answered=moment(0), allowance={"limit": 5, "seen": moment(0)})
    assert cells(run, "two")[0][4].startswith("? of 5 (seen ")
    heard(ready, "two", answered=moment(0), allowance={"remaining": 5, "seen": moment(0)})
    assert cells(run, "two")[0][4].startswith("5 (seen ")


def test_pauses_failures_and_offline_are_told_with_their_cause(run: Run, ready: Path) -> None:
    until = moment(3600)
    heard(ready, "one", pausedUntil=until, cause="too much", named=True)
    shown = f"{until[:10]} {until[11:19]}"
    assert cells(run, "one")[0][2] == f"paused until {shown} UTC: too much"
    heard(ready, "one", failed={"time": moment(-5), "cause": "no"}, pausedUntil=moment(-1))
    assert cells(run, "one")[0][2] == "fails: no"
    run("repo", "set", "one", "offline=true")
    assert cells(run, "one")[0][2] == "offline"


def test_programs_get_the_same(run: Run, ready: Path) -> None:
    heard(ready, "one", answered=moment(-5), failed={"time": moment(-2), "cause": "no"})
    found = json.loads(run("repo", "upstreams", "one", "--json").stdout)
    assert [(one["key"], one["state"], one["failed"]["cause"]) for one in found] == [
        ("one", "fails", "no")
    ]
    assert len(json.loads(run("repo", "upstreams", "--json").stdout)) == 2


def test_a_note_of_another_upstream_or_a_damaged_one_says_nothing(run: Run, ready: Path) -> None:
    heard(ready, "one", answered=moment(-5))
    run("repo", "set", "one", "url=https://other.example")
    (ready / "upstreams" / "two.json").write_text("{")
    assert [line[2] for line in cells(run)] == ["never asked", "never asked"]


def test_other_repositories_have_no_upstream(run: Run, ready: Path) -> None:
    assert "no remote repository" in run("repo", "upstreams", "mine", code=1).stderr
    run("repo", "upstreams", "one-cache", code=1)
    run("repo", "upstreams", "none", code=1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (21600, "6 h"), (172800, "2 d")],
)
def test_a_span_is_told_in_its_largest_unit(seconds: int, text: str) -> None:
    assert _length(seconds) == text
