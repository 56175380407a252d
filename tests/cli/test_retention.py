"""Retention from a shell: trying it, and doing it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from registry.config import Config
from registry.model.digests import Digest
from registry.model.errors import StorageFailed
from registry.model.names import Tag
from registry.repositories import sidecars
from registry.repositories.base import Repository
from registry.repositories.local import LocalRepository
from registry.storage import journal
from registry.storage.pulls import Pulls
from registry.wiring import build
from tests.cli.conftest import Run
from tests.repositories.pushing import IMAGE, KEY, all_tags, push_image

NAME = f"{KEY}/{IMAGE}"


def days_ago(days: int) -> datetime.datetime:
    """Return noon of a day that is past."""
    today = datetime.datetime.now(datetime.UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return today - datetime.timedelta(days=days)


@pytest.fixture
def repository(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with tags of all ages, of which two were pulled."""
    run("init")
    instance = build(Config(storage_root=str(tmp_path / "store")))
    opened = instance.directory.unguarded_repository(KEY)
    for days, tag in ((60, "old"), (50, "older"), (40, "latest"), (1, "new")):
        with monkeypatch.context() as patch:
            for module in (sidecars, journal):
                patch.setattr(module, "now", lambda days=days: days_ago(days))
            body = push_image(opened, tag.encode(), reference=Tag(tag), note=tag)
        if tag.startswith("old"):
            for ago in (45, 20):
                pulls = Pulls(instance.store.layout, days_ago(ago).timestamp)
                pulls.record(KEY, IMAGE, Tag(tag), Digest.of(body), "bob")
                pulls.close()
    instance.store.journal.close()
    return opened


def day(days: int) -> str:
    return f"{days_ago(days):%Y-%m-%d}"


def test_trying_it_does_nothing_and_says_all(run: Run, repository: Repository) -> None:
    run("repo", "set", KEY, "retention=delete pushed>30d tag=old; delete pulled>90d")
    told = run("retention", "--dry-run").stdout.splitlines()
    assert told[:4] == [
        f"keep    {NAME}:new  [no rule]  pushed {day(1)}, never pulled",
        f"keep    {NAME}:latest  [latest is spared]  pushed {day(40)}, never pulled",
        f"keep    {NAME}:older  [no rule]  pushed {day(50)}, pulled {day(20)}",
        f"delete  {NAME}:old  [delete pushed>30d tag=old]  pushed {day(60)}, pulled {day(20)}",
    ]
    number, _, rest = told[4].partition(" bytes would come back")
    assert rest == "."
    assert number.startswith("1 tags would be deleted, 3 would stay; ")
    assert int(number.rpartition(" ")[2]) > 100
    assert told[5:] == [
        f"Tried on the past since {day(45)}, the rules would have deleted 1 tags; of these, 1 were "
        "pulled later:",
        f"  {NAME}:old once on {day(20)} by bob; deleted on {day(29)} [delete pushed>30d tag=old]",
    ]
    assert len(all_tags(repository)) == 4


def test_trying_it_for_programs(run: Run, repository: Repository) -> None:
    run("repo", "set", KEY, "maxUniqueTags=1")
    document = json.loads(run("retention", KEY, "--dry-run", "--json").stdout)
    new, latest, older, old = document["tags"]
    assert (new["name"], new["delete"], new["rule"]) == (f"{NAME}:new", False, "no rule")
    assert (latest["delete"], latest["pulled"]) == (False, None)
    assert older["rule"] == old["rule"] == "maxUniqueTags=1"
    assert old["digest"].startswith("sha256:")
    assert datetime.datetime.fromisoformat(old["pushed"]) == days_ago(60)
    assert datetime.datetime.fromisoformat(old["pulled"]) == days_ago(20)
    assert document["freedBytes"] > 100
    replay = document["replay"]
    assert (replay["since"][:10], replay["deleted"]) == (day(45), 2)
    # The newer of the two was the last one until yesterday, and nobody has pulled it since.
    (found,) = replay["regretted"]
    assert (found["name"], found["rule"]) == (f"{NAME}:old", "maxUniqueTags=1")
    assert (found["deleted"][:10], found["pulls"]) == (day(44), 1)
    assert (found["lastPulled"][:10], found["lastPulledBy"]) == (day(20), "bob")


def test_rules_are_tried_before_they_are_set(run: Run, repository: Repository) -> None:
    run("repo", "set", KEY, "retention=delete tag=new")
    rules = ("--rules", "keep last=1; delete pushed>55d")
    document = json.loads(run("retention", KEY, "--dry-run", "--json", *rules).stdout)
    assert [found["name"] for found in document["tags"] if found["delete"]] == [f"{NAME}:old"]
    assert [found["name"] for found in document["replay"]["regretted"]] == []
    rules = ("--rules", "delete pushed>30d tag=old")
    document = json.loads(run("retention", KEY, "--dry-run", "--json", *rules).stdout)
    assert [found["name"] for found in document["replay"]["regretted"]] == [f"{NAME}:old"]
    assert (
        "'nonsense'" in run("retention", "--dry-run", "--rules", "delete nonsense", code=1).stderr
    )
    assert "--dry-run" in run("retention", *rules, code=2).stderr
    assert len(all_tags(repository)) == 4


def test_without_rules_there_is_nothing_to_try(run: Run, repository: Repository) -> None:
    told = run("retention", "--dry-run").stdout
    assert told.startswith("0 tags would be deleted, 0 would stay; 0 bytes would come back.\n")


def test_without_pulls_it_cannot_be_tried_on_the_past(run: Run) -> None:
    run("init")
    run("repo", "set", KEY, "maxUniqueTags=1")
    assert "No pulls are recorded yet" in run("retention", "--dry-run").stdout


def test_doing_it(run: Run, repository: Repository) -> None:
    run("repo", "set", KEY, "retention=delete pushed>30d")
    told = run("retention").stdout.splitlines()
    assert [line.split()[:2] for line in told[:2]] == [
        ["delete", f"{NAME}:old"], ["delete", f"{NAME}:older"],
    ]  # fmt: skip
    assert told[2:] == ["Deleted 2 tags; 2 stay."]
    assert all_tags(repository) == ["latest", "new"]
    assert run("retention").stdout == "Deleted 0 tags; 2 stay.\n"
    events = json.loads(run("tag", "history", f"{NAME}:old", "--json").stdout)["history"]
    assert (events[-1]["rule"], events[-1]["principal"]) == ("delete pushed>30d", "retention")
    assert "(delete pushed>30d)  in the trash" in run("tag", "history", f"{NAME}:old").stdout


def test_doing_it_for_programs(run: Run, repository: Repository) -> None:
    run("repo", "set", KEY, "retention=delete pushed>55d")
    document = json.loads(run("retention", KEY, "--json").stdout)
    assert [found["name"] for found in document["deleted"]] == [f"{NAME}:old"]
    assert (document["kept"], document["failed"]) == (3, [])


def test_only_the_named_repository(run: Run, repository: Repository) -> None:
    run("repo", "create", "other")
    run("repo", "set", KEY, "retention=delete tag=old")
    assert run("retention", "other").stdout == "Deleted 0 tags; 0 stay.\n"
    assert "old" in all_tags(repository)


def test_what_cannot_be_deleted_is_said(
    run: Run, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("repo", "set", KEY, "retention=delete pushed>30d")

    def broken(*arguments: object) -> bool:
        raise StorageFailed("broken")

    monkeypatch.setattr(LocalRepository, "retire_tag", broken)
    result = run("retention", code=1)
    assert result.stderr == f"Error: {NAME}:old: broken, and 1 more\n"
    assert result.stdout == "Deleted 0 tags; 2 stay.\n"


@pytest.mark.parametrize(
    ("key", "word"), [("none", "'none'"), ("UPPER", "lower-case"), ("a/b", "lower-case")]
)
def test_an_unknown_repository_is_said(run: Run, key: str, word: str) -> None:
    run("init")
    for options in ((), ("--dry-run",)):
        assert word in run("retention", key, *options, code=1).stderr
