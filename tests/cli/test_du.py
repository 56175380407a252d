"""``du``: what is printed for people and for programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from registry.cli.du import readable
from registry.config import Config
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.repositories.local import LocalRepository
from registry.wiring import build
from tests.cli.conftest import Run
from tests.repositories.pushing import KEY, OTHER, push_image

BASE = b"base" * 1_000
OWN = b"own" * 700


@pytest.fixture
def images(run: Run, tmp_path: Path) -> LocalRepository:
    """Two tags that share a base, and seven images elsewhere that have it, too."""
    run("repo", "create", KEY)
    run("repo", "create", "second")
    instance = build(Config(storage_root=str(tmp_path / "store")))
    repository = LocalRepository(instance.store, instance.definitions.get(KEY))
    push_image(repository, BASE, OWN)
    push_image(repository, BASE, reference=Tag("2.0"), note="two")
    second = instance.definitions.get(RepositoryKey("second"))
    for number in range(7):
        image = ImageName(f"copy{number}")
        push_image(LocalRepository(instance.store, second), BASE, image=image, note=f"{number}")
    instance.store.journal.close()
    return repository


@pytest.mark.usefixtures("images")
def test_programs_get_exact_bytes_and_complete_lists(run: Run) -> None:
    report = json.loads(run("du", f"{KEY}/team/app:1.0", "--json").stdout)
    assert report["name"] == f"{KEY}/team/app:1.0"
    assert report["own"] == report["unique"] + report["shared"]
    assert report["unique"] == report["frees"] > len(OWN)
    assert [share["name"] for share in report["shared_with"]] == [
        f"{KEY}/team/app:2.0", *(f"second/copy{number}:1.0" for number in range(7)),
    ]  # fmt: skip
    image = json.loads(run("du", f"{KEY}/team/app", "--json").stdout)
    assert [part["name"] for part in image["parts"]] == [
        f"{KEY}/team/app:1.0", f"{KEY}/team/app:2.0",
    ]  # fmt: skip
    assert image["parts"][0] == {name: report[name] for name in image["parts"][0]}
    everything = json.loads(run("du", "--json").stdout)
    assert everything["frees"] is None
    assert {part["name"] for part in everything["parts"]} == {KEY, "second"}
    assert set(everything["waiting"]) == {"untagged", "trash", "leases", "uploads", "orphans"}


@pytest.mark.usefixtures("images")
def test_people_get_a_table_with_what_frees_most_first(run: Run) -> None:
    text = run("du", f"{KEY}/team/app").stdout
    rows = text.partition("\n\n")[2].splitlines()
    assert [row.split()[-1] for row in rows] == [
        "NAME", f"{KEY}/team/app:1.0", f"{KEY}/team/app:2.0",
    ]  # fmt: skip
    ends = {row.index(row.split()[-1]) for row in rows}
    assert len(ends) == 1, "the columns are aligned"
    assert "deleting it frees" in text
    assert "the whole storage folder" in run("du").stdout
    assert "second/copy0" in run("du", "second").stdout


@pytest.mark.usefixtures("images")
def test_people_get_a_short_list_of_those_with_whom_is_shared(run: Run) -> None:
    text = run("du", f"{KEY}/team/app:1.0").stdout
    assert text.count("second/copy") == 4
    assert "with 3 more; --json names all" in text


def test_what_waits_is_said(run: Run, images: LocalRepository) -> None:
    assert "beside it" not in run("du").stdout
    run("delete", f"{KEY}/team/app:1.0")
    assert "held by the trash" in run("du").stdout
    assert "trash" in run("du", f"{KEY}/team/app").stdout
    images._store.journal.close()


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("none", "none"), (f"{KEY}/none", "none"), (f"{KEY}/team/app:none", "manifest unknown"),
        (f"{KEY}/team/app@sha256:{'0' * 64}", "manifest unknown"), ("No", "lower-case"),
        (f"{KEY}/{OTHER}", "team/other"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("images")
def test_what_is_not_there_is_said(run: Run, name: str, word: str) -> None:
    assert word in run("du", name, code=1).stderr


@pytest.mark.usefixtures("images")
def test_progress_is_for_terminals(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("du").stderr == ""
    monkeypatch.setattr("registry.storage.ownership_walk._REPORTED", 2)
    monkeypatch.setattr("registry.cli.du._is_terminal", lambda: True)
    assert "2 folders …" in run("du").stderr
    assert run("du", "--json").stderr == ""


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (1, "1 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
        (102_350, "100 KiB"), (1_048_575, "1.0 MiB"), (5 << 30, "5.0 GiB"), (3 << 60, "3072 PiB"),
        (-104, "-104 B"), (-2048, "-2.0 KiB"), (sys.maxsize, "8192 PiB"),
    ],
)  # fmt: skip
def test_sizes_are_readable(size: int, text: str) -> None:
    assert readable(size) == text
