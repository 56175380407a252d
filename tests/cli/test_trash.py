"""Deleting, restoring and pruning from a shell."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from registry.cli.common import Faces
from registry.cli.main import make_command_line
from registry.config import Config
from registry.model.errors import ManifestUnknown
from registry.model.names import Tag
from registry.repositories.base import Repository
from registry.wiring import build
from tests.cli.conftest import Run, no_server, take
from tests.repositories.pushing import ALICE, IMAGE, KEY, TAG, all_tags, body_of, push_image

FACES = Faces(build, take, no_server)


@pytest.fixture
def repository(run: Run, tmp_path: Path) -> Repository:
    """A repository with an image of two tags."""
    run("init")
    repository = build(Config(storage_root=str(tmp_path / "store"))).directory
    opened = repository.unguarded_repository(KEY)
    push_image(opened, b"one")
    push_image(opened, b"two", reference=Tag("2.0"))
    return opened


def test_a_tag_goes_and_comes_back(run: Run, repository: Repository) -> None:
    body = body_of(repository)
    told = run("delete", f"{KEY}/{IMAGE}:{TAG}").stdout
    assert told == (
        f"Deleted {KEY}/{IMAGE}:{TAG}; 'trash restore {KEY}/{IMAGE}:{TAG}' brings it back for "
        "14 days.\n"
    )
    assert all_tags(repository) == ["2.0"]
    (entry,) = json.loads(run("trash", "list", "--json").stdout)
    assert (entry["name"], entry["deletedBy"]) == (f"{KEY}/{IMAGE}:{TAG}", "command-line")
    assert entry["expires"] > entry["deleted"]
    assert f"{KEY}/{IMAGE}:{TAG}" in run("trash", "list", f"{KEY}/{IMAGE}").stdout
    assert run("trash", "list", "docker-other").stdout == ""
    run("trash", "restore", f"{KEY}/{IMAGE}:{TAG}")
    assert body_of(repository) == body
    assert json.loads(run("trash", "list", "--json").stdout) == []
    assert "nothing of" in run("trash", "restore", f"{KEY}/{IMAGE}:{TAG}", code=1).stderr


def test_restoring_replaces_nothing_unasked(run: Run, repository: Repository) -> None:
    body = body_of(repository)
    run("delete", f"{KEY}/{IMAGE}:{TAG}")
    newer = push_image(repository, b"three")
    assert "--overwrite" in run("trash", "restore", f"{KEY}/{IMAGE}:{TAG}", code=1).stderr
    assert body_of(repository) == newer
    run("trash", "restore", f"{KEY}/{IMAGE}:{TAG}", "--overwrite")
    assert body_of(repository) == body


def test_an_image_goes_and_comes_back(run: Run, repository: Repository) -> None:
    run("delete", f"{KEY}/{IMAGE}")
    with pytest.raises(ManifestUnknown):
        repository.manifest(IMAGE, TAG)
    told = run("trash", "restore", f"{KEY}/{IMAGE}").stdout.splitlines()
    assert sorted(told) == [f"Restored {KEY}/{IMAGE}:1.0.", f"Restored {KEY}/{IMAGE}:2.0."]
    assert all_tags(repository) == ["1.0", "2.0"]


def test_a_repository_goes_and_comes_back(run: Run, repository: Repository) -> None:
    run("repo", "set", KEY, "description=kept")
    asked = CliRunner().invoke(make_command_line(FACES), ["delete", KEY], input="n\n")
    assert (asked.exit_code, "Aborted" in asked.stderr) == (1, True)
    run("delete", KEY, "--yes")
    assert "'docker-local'" in run("repo", "show", KEY, code=1).stderr
    run("repo", "create", KEY)
    assert "now" in run("trash", "restore", KEY, code=1).stderr
    run("repo", "remove", KEY)
    run("trash", "restore", KEY)
    assert json.loads(run("repo", "show", KEY, "--json").stdout)["description"] == "kept"
    assert all_tags(repository) == ["1.0", "2.0"]


def test_a_digest_and_what_is_not_there(run: Run, repository: Repository) -> None:
    digest = repository.manifest(IMAGE, TAG).digest
    run("delete", f"{KEY}/{IMAGE}@{digest}")
    assert all_tags(repository) == ["2.0"]
    for name in (f"{KEY}/{IMAGE}:none", f"{KEY}/none", "docker-none/x", f"{KEY}/{IMAGE}@{digest}"):
        run("delete", name, code=1)
    for name in (f"{KEY}/UPPER", "Key", f"{KEY}/a:", f"{KEY}/a@sha256:1", ""):
        run("delete", name, code=1)


def test_emptying(run: Run, repository: Repository, tmp_path: Path) -> None:
    run("delete", f"{KEY}/{IMAGE}:{TAG}")
    run("delete", f"{KEY}/{IMAGE}:2.0")
    assert run("trash", "empty", f"{KEY}/{IMAGE}:2.0", "--yes").stdout == "Removed 1 entry.\n"
    assert len(os.listdir(tmp_path / "store/trash")) == 1
    assert run("trash", "empty", typed="y\n").stdout.endswith("Removed 1 entry.\n")
    assert os.listdir(tmp_path / "store/trash") == []


def test_pruning_says_what_holds(run: Run, repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "quick.toml").write_text("prune_grace = 1\nprune_hold = 0\ntrash_lifetime = 0\n")
    quick = ("--config", str(tmp_path / "quick.toml"))
    run("delete", f"{KEY}/{IMAGE}", *quick)
    planned = json.loads(run("prune", "--dry-run", "--json", *quick).stdout)
    assert planned["dry_run"] is True
    assert planned["held"]["grace"]["names"] > 0
    assert not (tmp_path / "store/pruning.json").exists()
    told = run("prune", *quick).stdout
    assert "held by grace" in told
    with build(Config(storage_root=str(tmp_path / "store"))).store.locks.try_job("prune"):
        assert "another pass" in run("prune", code=1).stderr


def test_the_actor_of_a_deletion_is_in_the_journal(
    run: Run, repository: Repository, tmp_path: Path
) -> None:
    repository.delete_tag(IMAGE, Tag("2.0"), ALICE)
    run("delete", f"{KEY}/{IMAGE}:{TAG}")
    run("trash", "restore", f"{KEY}/{IMAGE}:{TAG}")
    (journal,) = (tmp_path / "store/journal").iterdir()
    events = [json.loads(line) for line in journal.read_text().splitlines()][-3:]
    assert [(e["event"], e["principal"]) for e in events] == [
        ("delete", "alice"), ("delete", "command-line"), ("restore", "command-line"),
    ]  # fmt: skip
