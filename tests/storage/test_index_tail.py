"""The tail of the journal, and the folders of repositories: each look finds what is new."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from registry.storage.index import folders as index_folders
from registry.storage.index.folders import FolderWatch
from registry.storage.index.tail import JournalTail
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY
from tests.support.bench import ALICE

DIGEST, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def followed(tail: JournalTail) -> list[str]:
    return [str(change.image) for change in tail.changes()]


def append(store: Store, day: str, image_name: str, end: str = "\n") -> None:
    line = {"time": "2026-11-23T00:00:00.000Z", "event": "push", "repository": KEY}
    with open(store.layout.journal(day), "a") as file:
        file.write(json.dumps(line | {"image": image_name, "tag": "1.0"}) + end)


def test_the_tail_is_read_from_where_it_ended(store: Store) -> None:
    append(store, "2026-11-23", "before")
    tail = JournalTail(store.layout)
    tail.skip()
    assert followed(tail) == []
    append(store, "2026-11-23", "a")
    append(store, "2026-11-23", "b")
    append(store, "2026-11-23", "a")
    assert followed(tail) == ["a", "b"]
    assert followed(tail) == []


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"tag": "1.0"}, {"1.0"}),
        ({"tag": "1.0", "digest": DIGEST, "previous": OTHER}, {"1.0", DIGEST, OTHER}),
        ({"folder": "1.0"}, {"1.0"}),
        ({"folder": DIGEST}, {DIGEST}),
        ({}, None),
        ({"tag": "../x"}, None),
    ],
)
def test_a_line_says_which_folders_to_read_again(
    store: Store, facts: dict[str, str], expected: set[str] | None
) -> None:
    tail = JournalTail(store.layout)
    store.journal.record("whatever", KEY, IMAGE, ALICE, **facts)
    (change,) = tail.changes()
    assert (change.key, change.image, change.references) == (KEY, IMAGE, expected)
    store.journal.record("delete", KEY, IMAGE, ALICE, blob=DIGEST)
    assert list(tail.changes()) == []


def test_the_tail_goes_over_midnight_and_back(store: Store) -> None:
    append(store, "2026-11-23", "before")
    tail = JournalTail(store.layout)
    tail.skip()
    append(store, "2026-11-24", "new-day")
    assert followed(tail) == ["new-day"]
    append(store, "2026-11-23", "late")
    append(store, "2026-11-24", "next")
    assert followed(tail) == ["late", "next"]


def test_a_journal_that_is_replaced_is_read_anew(store: Store) -> None:
    append(store, "2026-11-23", "before")
    tail = JournalTail(store.layout)
    tail.skip()
    path = store.layout.journal("2026-11-23")
    os.rename(path, f"{path}.old")
    append(store, "2026-11-23", "other-file")
    assert followed(tail) == ["other-file"]
    with open(path, "w"):
        pass
    assert followed(tail) == []
    append(store, "2026-11-23", "short")
    assert followed(tail) == ["short"]


def test_half_a_line_waits_for_its_other_half(store: Store) -> None:
    tail = JournalTail(store.layout)
    append(store, "2026-11-23", "torn", end="")
    assert followed(tail) == []
    append(store, "2026-11-23", "whole")
    assert followed(tail) == ["whole"]


def test_lines_that_are_nonsense_are_left_out(store: Store) -> None:
    tail = JournalTail(store.layout)
    with open(store.layout.journal("2026-11-23"), "w") as file:
        file.write('\n{}\n[]\n{"time": \n{"time": 1, "repository": []}\n{"time": "", "image": 1}\n')
    append(store, "2026-11-23", "good")
    assert followed(tail) == ["good"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still until it is moved."""
    made = SimpleNamespace(now=100.0)
    made.monotonic = lambda: made.now
    monkeypatch.setattr(index_folders, "time", made)
    return made


def test_a_folder_is_looked_at_until_it_can_no_longer_have_changed_unseen(
    tmp_path: Path, clock: SimpleNamespace
) -> None:
    """Two changes within one tick of the file system's clock bear the same time."""
    watch = FolderWatch(str(tmp_path))
    assert watch.has_changed()
    clock.now += 0.01
    assert watch.has_changed()
    clock.now += 1
    assert watch.has_changed()
    clock.now += 1
    assert not watch.has_changed()
    os.utime(tmp_path, ns=(1, 1))
    assert watch.has_changed()
    clock.now += 1
    assert watch.has_changed()
    assert not watch.has_changed()


def test_a_folder_that_is_not_there_is_looked_for_each_time(
    tmp_path: Path, clock: SimpleNamespace
) -> None:
    watch = FolderWatch(str(tmp_path / "missing"))
    for _ in range(3):
        clock.now += 1
        assert watch.has_changed()
