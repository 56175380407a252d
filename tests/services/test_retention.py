"""Deleting tags by the rules of their repositories."""

from __future__ import annotations

import logging

import pytest

from registry.model.digests import Digest
from registry.model.errors import RepositoryUnknown, StorageFailed
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.repositories.local import LocalRepository
from registry.services.retention import RetentionReport
from registry.storage import documents
from registry.storage.pulls import Pulls
from registry.storage.store import Store
from tests.repositories.pushing import (
    ALICE,
    IMAGE,
    KEY,
    OTHER,
    all_tags,
    body_of,
    check_whole,
    image_body,
    index_body,
    put,
)
from tests.services.past import NOW, PastRegistry, days_ago
from tests.services.retaining import deleted, plan, run, said

SECOND = RepositoryKey("docker-stage")


def test_what_is_said_is_what_is_done(past: PastRegistry) -> None:
    for days, tag in enumerate(("v3", "v2", "v1", "pr-2", "pr-1", "latest")):
        past.push(tag, days=10 * days)
    past.push("pin", days=90)
    past.instance.history.pin(KEY, IMAGE, Tag("pin"), ALICE)
    past.configure(retention="keep tag=v1; delete pushed>15d; keep last=2", maxUniqueTags=3)
    expected = {
        "v3": "keep last=2", "v2": "keep last=2", "v1": "keep tag=v1",
        "pr-2": "-delete pushed>15d", "pr-1": "-delete pushed>15d",
        "latest": "latest is spared", "pin": "pinned",
    }  # fmt: skip
    assert said(past) == expected
    assert len(all_tags(past.repository)) == 7
    report = run(past)
    assert deleted(report) == ["pr-1", "pr-2"]
    assert (report.kept, report.failed) == (5, [])
    assert all_tags(past.repository) == ["latest", "pin", "v1", "v2", "v3"]
    check_whole(past.store, past.repository)
    assert deleted(run(past)) == []


def test_what_goes_is_in_the_trash_and_the_journal_names_the_rule(past: PastRegistry) -> None:
    digest = past.push("old", days=9)
    past.configure(retention="delete pushed>7d")
    run(past)
    (entry,) = past.store.trash.entries()
    assert (entry.reference, entry.digest, entry.principal) == ("old", digest, "retention")
    last = past.instance.history.of(KEY, IMAGE, Tag("old")).changes[-1]
    assert (last.event, last.principal, last.address) == ("delete", "retention", "local")
    assert (last.rule, last.previous) == ("delete pushed>7d", digest)
    assert body_of(past.repository, digest) is None
    past.instance.history.revert(KEY, IMAGE, Tag("old"), digest, ALICE, NOW)
    assert all_tags(past.repository) == ["old"]


def test_the_last_pull_is_by_the_tag_or_of_its_digest(past: PastRegistry) -> None:
    for tag in ("by-tag", "by-digest", "by-other", "never", "long-ago", "moved"):
        digest = past.push(tag, days=60, note="shared" if tag == "by-other" else None)
        if tag == "by-tag":
            past.pull(tag, digest, days=5)
        elif tag == "by-digest":
            past.pull(digest, digest, days=5)
        elif tag == "by-other":
            past.pull("another", digest, days=5)
        elif tag == "long-ago":
            past.pull(tag, digest, days=40)
        elif tag == "moved":
            past.pull(tag, Digest.of(b"what it was"), days=5)
    past.configure(retention="delete pulled>30d")
    assert [tag for tag, rule in said(past).items() if rule.startswith("-")] == [
        "long-ago", "never",
    ]  # fmt: skip
    assert {found.name: found.pulled for found in plan(past)} == {
        f"{KEY}/{IMAGE}:by-tag": days_ago(5), f"{KEY}/{IMAGE}:by-digest": days_ago(5),
        f"{KEY}/{IMAGE}:by-other": days_ago(5), f"{KEY}/{IMAGE}:never": None,
        f"{KEY}/{IMAGE}:long-ago": days_ago(40), f"{KEY}/{IMAGE}:moved": days_ago(5),
    }  # fmt: skip


def test_pulls_that_were_counted_into_documents_count(past: PastRegistry) -> None:
    digest = past.push("old", days=60)
    past.pull("old", digest, days=5)
    past.configure(retention="delete pulled>30d")
    assert past.store.pulls.compact(NOW)
    assert said(past) == {"old": "no rule"}


def test_each_image_of_each_repository_has_its_own_rules(past: PastRegistry) -> None:
    past.instance.definitions.create(SECOND, "local", {})
    for tag in "abc":
        past.push(tag, days=ord("d") - ord(tag))
        past.push(tag, days=ord("d") - ord(tag), image=OTHER)
    past.configure(retention=f"delete image={OTHER} tag=a", maxUniqueTags=2)
    assert sorted(found.name for found in plan(past) if found.decision.goes) == [
        f"{KEY}/{IMAGE}:a", f"{KEY}/{OTHER}:a",
    ]  # fmt: skip
    rules = {
        found.decision.state.image: found.decision.rule
        for found in plan(past)
        if found.decision.goes
    }
    assert rules == {IMAGE: "maxUniqueTags=2", OTHER: f"delete image={OTHER} tag=a"}
    assert plan(past, SECOND) == []
    assert deleted(run(past, SECOND)) == []
    assert deleted(run(past, KEY)) == ["a", "a"]


def test_an_unknown_repository_is_said_before_anything_is_done(past: PastRegistry) -> None:
    past.push("a", days=9)
    past.configure(retention="delete tag=a")
    unknown = RepositoryKey("none")
    for act in (plan, run):
        with pytest.raises(RepositoryUnknown):
            act(past, KEY, unknown)
    assert all_tags(past.repository) == ["a"]


def test_without_rules_nothing_is_even_looked_at(
    past: PastRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.push("a", days=900)
    past.configure(retention="keep last=1")

    def looked(*arguments: object) -> None:
        raise AssertionError("it was looked at")

    monkeypatch.setattr(past.store.catalog, "walk", looked)
    monkeypatch.setattr(Pulls, "last_pulls", looked)
    assert run(past) == RetentionReport()
    assert plan(past) == []


def test_children_of_an_index_are_no_tags_and_stay_while_it_does(past: PastRegistry) -> None:
    child = past.push("child", days=20, note="child")
    body = image_body(b"layer of child", note="child")
    with past.at(20):
        put(past.repository, index_body(body), Tag("index"))
    past.configure(retention="delete tag=child")
    assert deleted(run(past)) == ["child"]
    assert body_of(past.repository, child) == body
    check_whole(past.store, past.repository)
    past.configure(retention="delete tag=index")
    assert said(past) == {"index": "-delete tag=index"}


def test_a_tag_that_was_pushed_meanwhile_stays(
    past: PastRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.push("a", days=9, note="old")
    past.push("b", days=8, note="old b")
    past.configure(retention="delete pushed>7d")
    retire = LocalRepository.retire_tag

    def overtaken(self: LocalRepository, image: ImageName, *rest: object) -> bool:
        monkeypatch.undo()
        past.push("a", note="new")
        return retire(self, image, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalRepository, "retire_tag", overtaken)
    past.instance.retention.run(NOW)
    assert all_tags(past.repository) == ["a"]
    assert body_of(past.repository, Tag("a")) == image_body(b"layer of new", note="new")


def test_what_fails_stops_nothing_else(
    past: PastRegistry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for tag in "abc":
        past.push(tag, days=9)
    past.push("x", days=9, image=OTHER)
    past.configure(retention="delete pushed>7d")
    retire = LocalRepository.retire_tag

    def failing(self: LocalRepository, image: ImageName, decision: object, *rest: object) -> bool:
        if "tag='b'" in str(decision):
            raise StorageFailed("broken")
        return retire(self, image, decision, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalRepository, "retire_tag", failing)
    with caplog.at_level(logging.ERROR):
        report = run(past)
    assert sorted(deleted(report)) == ["a", "c", "x"]
    assert report.failed == [f"{KEY}/{IMAGE}:b: broken"]
    assert "broken" in caplog.text
    assert report.line() == "retention deleted 3 tags, kept 0, 1 failed"


def test_a_repository_that_cannot_be_decided_on_stops_no_other(past: PastRegistry) -> None:
    """Somebody has edited its definition by hand."""
    past.push("a", days=9)
    past.instance.definitions.create(SECOND, "local", {})
    path = past.store.layout.repository_definition(SECOND)
    document = dict(past.store.documents.read(path) or {}) | {"retention": "delete nonsense"}
    documents.replace(path, document)
    past.configure(retention="delete tag=a")
    report = run(past)
    assert deleted(report) == ["a"]
    assert len(report.failed) == 1
    assert report.failed[0].startswith(f"{SECOND}: 'nonsense'")


def test_it_can_be_broken_off_before_each_step(past: PastRegistry) -> None:
    for days, tag in enumerate("abcd"):
        past.push(tag, days=10 + days)
    past.configure(retention="delete pushed>7d")

    class Stopped(Exception):
        pass

    calls: list[int] = []

    def pause() -> None:
        calls.append(len(all_tags(past.repository)))
        if len(calls) == 4:
            raise Stopped

    with pytest.raises(Stopped):
        past.instance.retention.run(NOW, pause=pause)
    # Before the image, before the oldest tag, and so on: what is wanted least has gone.
    assert calls == [4, 4, 3, 2]
    assert all_tags(past.repository) == ["a", "b"]


@pytest.mark.parametrize("text", [None, "{", "{}"])
def test_a_tag_without_a_record_is_as_old_as_its_folder(
    past: PastRegistry, text: str | None
) -> None:
    past.push("a", days=400)
    past.sidecar("a").unlink()
    if text is not None:
        past.sidecar("a").write_text(text)
    past.configure(retention="delete pushed>300d")
    assert said(past) == {"a": "no rule"}


def test_two_runs_at_the_same_time_delete_once(past: PastRegistry) -> None:
    past.push("a", days=9)
    past.configure(retention="delete tag=a")
    decisions = plan(past)
    other = Store(past.store.layout.root)
    assert deleted(run(past)) == ["a"]
    definition = past.instance.definitions.get(KEY)
    late = LocalRepository(other, definition)
    assert late.retire_tag(IMAGE, decisions[0].decision, ALICE) is False
    assert len(list(past.store.trash.entries())) == 1
