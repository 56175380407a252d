"""The history of a tag, putting it back and pinning it, from a shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry.config import Config
from registry.model.digests import Digest
from registry.model.names import Tag
from registry.repositories.base import Repository
from registry.wiring import build
from tests.cli.conftest import Run
from tests.repositories.pushing import ALICE, IMAGE, KEY, TAG, body_of, push_image

NAME = f"{KEY}/{IMAGE}:{TAG}"


@pytest.fixture
def repository(run: Run, tmp_path: Path) -> Repository:
    run("init")
    instance = build(Config(storage_root=str(tmp_path / "store")))
    return instance.directory.unguarded_repository(KEY)


@pytest.fixture
def digests(repository: Repository) -> list[Digest]:
    """The tag was pushed twice."""
    bodies = [push_image(repository, note.encode(), note=note) for note in ("one", "two")]
    return [Digest.of(body) for body in bodies]


def history(run: Run, name: str = NAME) -> list[dict[str, Any]]:
    document = json.loads(run("tag", "history", name, "--json").stdout)
    assert document["tag"] == name
    found: list[dict[str, Any]] = document["history"]
    return found


def test_the_history_for_people(run: Run, digests: list[Digest]) -> None:
    first, second = run("tag", "history", NAME).stdout.splitlines()
    one, two = (digest[:19] for digest in digests)
    assert first.endswith(f"  push  - -> {one}  by alice from 192.0.2.1  in the image")
    assert second.endswith(f"  push  {one} -> {two}  by alice from 192.0.2.1  in the image")
    assert first < second


def test_the_history_for_programs(run: Run, digests: list[Digest]) -> None:
    _, second = history(run)
    assert second.pop("time").endswith("Z")
    assert second == {
        "event": "push", "recorded": True, "previous": digests[0], "digest": digests[1],
        "principal": "alice", "address": "192.0.2.1", "rule": None, "available": "image",
    }  # fmt: skip


def test_what_is_unrecorded_or_damaged_is_said(
    run: Run, digests: list[Digest], tmp_path: Path
) -> None:
    journal = next((tmp_path / "store" / "journal").iterdir())
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0] + b"{\n")
    found = run("tag", "history", NAME)
    assert "  unrecorded  " in found.stdout.splitlines()[-1]
    assert found.stdout.splitlines()[-1].endswith("  by alice  in the image")
    assert found.stderr == "1 lines of the journal are damaged and were skipped.\n"
    document = json.loads(run("tag", "history", NAME, "--json").stdout)
    assert document["damagedLines"] == 1
    assert document["history"][-1]["recorded"] is False


def test_a_tag_that_vanished_is_said(
    run: Run, repository: Repository, digests: list[Digest], tmp_path: Path
) -> None:
    journal = next((tmp_path / "store" / "journal").iterdir())
    kept = journal.read_bytes()
    repository.delete_tag(IMAGE, TAG, ALICE)
    journal.write_bytes(kept)
    last = run("tag", "history", NAME).stdout.splitlines()[-1]
    assert last.startswith("at an unknown time  unrecorded  ")
    assert last.endswith(" -> -  by unknown  in the trash")
    assert history(run)[-1]["time"] is None


def test_back_and_forth(run: Run, repository: Repository, digests: list[Digest]) -> None:
    one, two = digests
    told = run("tag", "revert", NAME, "--to", one[:19]).stdout
    assert told == f"{NAME} is {one} again; it was {two}.\n"
    assert Digest.of(body_of(repository) or b"") == one
    told = run("tag", "revert", NAME, "--to", one).stdout
    assert told == f"{NAME} is {one} already; nothing was changed.\n"
    run("tag", "revert", NAME, "--to", two)
    assert Digest.of(body_of(repository) or b"") == two
    assert [change["event"] for change in history(run)] == ["push", "push", "revert", "revert"]
    assert history(run)[-1]["principal"] == "command-line"


def test_a_deleted_tag_by_time(run: Run, repository: Repository, digests: list[Digest]) -> None:
    moment = history(run)[-1]["time"]
    repository.delete_tag(IMAGE, TAG, ALICE)
    told = run("tag", "revert", NAME, "--to", moment).stdout
    assert told == f"{NAME} is {digests[1]} again.\n"
    assert Digest.of(body_of(repository) or b"") == digests[1]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("history", f"{KEY}/{IMAGE}:none"), "nothing is known"),
        (("history", f"{KEY}/{IMAGE}"), "KEY/IMAGE:TAG"),
        (("history", "none/app:1.0"), "'none'"),
        (("revert", NAME, "--to", "5d"), "there was no"),
        (("revert", NAME, "--to", "soon"), "is no time"),
        (("revert", NAME, "--to", "sha256:000000000000"), "no manifest"),
        (("revert", KEY, "--to", "1d"), "KEY/IMAGE:TAG"),
        (("pin", f"{KEY}/{IMAGE}:none"), "no tag"),
        (("unpin", f"{KEY}/{IMAGE}:none"), "no tag"),
        (("pin", "x"), "KEY/IMAGE:TAG"),
        (("pins", NAME), "not of"),
        (("pins", "none"), "'none'"),
        (("pins", "UPPER"), "lower-case"),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Run, digests: list[Digest], arguments: tuple[str, ...], word: str
) -> None:
    assert word in run("tag", *arguments, code=1).stderr


@pytest.mark.parametrize("arguments", [(), ("history",), ("revert", NAME), ("nonsense",)])
def test_a_wrong_call_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert "Usage:" in run("tag", *arguments, code=2).output


def test_pins(run: Run, repository: Repository, digests: list[Digest]) -> None:
    push_image(repository, b"x", reference=Tag("2.0"))
    assert run("tag", "pins").stdout == ""
    assert run("tag", "pin", NAME).stdout == f"{NAME} is pinned.\n"
    assert run("tag", "pin", NAME).stdout == f"{NAME} was pinned already.\n"
    for scope in ((), (KEY,), (f"{KEY}/{IMAGE}",)):
        assert run("tag", "pins", *scope).stdout == f"{NAME}\n"
        assert json.loads(run("tag", "pins", *scope, "--json").stdout) == [NAME]
    assert run("tag", "pins", f"{KEY}/other").stdout == ""
    assert run("tag", "unpin", NAME).stdout == f"{NAME} is no longer pinned.\n"
    assert run("tag", "unpin", NAME).stdout == f"{NAME} was not pinned.\n"
    assert json.loads(run("tag", "pins", "--json").stdout) == []
