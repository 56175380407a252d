"""What happened to a tag."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.errors import HistoryUnknown, RepositoryUnknown
from registry.model.names import RepositoryKey, Tag
from registry.services.history import Availability, TagHistory
from tests.repositories.pushing import ALICE, IMAGE, KEY, OTHER
from tests.services.past import NOW, PastRegistry, days_ago

TAG = Tag("1.0")
IN_IMAGE, IN_TRASH, GONE = Availability.IMAGE, Availability.TRASH, Availability.GONE


def history(past: PastRegistry, tag: str = TAG) -> TagHistory:
    return past.instance.history.of(KEY, IMAGE, Tag(tag))


def told(past: PastRegistry, tag: str = TAG) -> list[tuple[str, Digest | None, Availability]]:
    return [(c.event, c.digest, c.available) for c in history(past, tag).changes]


def test_what_happened_to_a_tag_the_oldest_first(past: PastRegistry) -> None:
    one = past.push(TAG, days=9, note="one")
    two = past.push(TAG, days=6, note="two")
    past.push("other", days=5)
    past.delete(TAG, days=3)
    assert told(past) == [
        ("push", one, IN_IMAGE),
        ("push", two, IN_TRASH),
        ("delete", None, IN_TRASH),
    ]
    first, second, third = history(past).changes
    assert (first.time, first.previous) == (days_ago(9), None)
    assert (second.principal, second.address) == (ALICE.name, ALICE.address)
    assert (third.time, third.previous, third.rule) == (days_ago(3), two, None)
    assert all(change.recorded for change in history(past).changes)


def test_what_is_gone_for_good_is_said(past: PastRegistry) -> None:
    one = past.push(TAG, note="one")
    past.delete(TAG)
    for entry in past.store.trash.entries():
        past.store.trash.remove(entry)
    assert told(past) == [("push", one, GONE), ("delete", None, GONE)]


def test_the_trash_of_another_image_does_not_count(past: PastRegistry) -> None:
    past.push(TAG, note="one")
    past.push(TAG, note="one", image=OTHER)
    past.delete(TAG)
    past.repository.delete_tag(OTHER, TAG, ALICE)
    for entry in past.store.trash.entries():
        if entry.image == IMAGE:
            past.store.trash.remove(entry)
    assert [change.available for change in history(past).changes] == [GONE, GONE]


def test_a_tag_that_never_was_has_no_history(past: PastRegistry) -> None:
    past.push("2.0")
    with pytest.raises(HistoryUnknown, match=f"{KEY}/{IMAGE}:{TAG}"):
        history(past)
    with pytest.raises(RepositoryUnknown):
        past.instance.history.of(RepositoryKey("none"), IMAGE, TAG)


def test_what_the_journal_lacks_is_told_by_the_tag(past: PastRegistry) -> None:
    one = past.push(TAG, days=9, note="one")
    journal = next(Path(past.store.layout.top("journal")).iterdir())
    kept = journal.read_bytes()
    two = past.push(TAG, days=6, note="two")
    past.forget_journal()
    journal.write_bytes(kept)
    last = history(past).changes[-1]
    assert (last.time, last.previous, last.digest) == (days_ago(6), one, two)
    assert (last.recorded, last.principal) == (False, ALICE.name)
    assert told(past)[-1] == ("unrecorded", two, IN_IMAGE)
    past.forget_journal()
    assert told(past) == [("unrecorded", two, IN_IMAGE)]


def test_a_tag_that_vanished_without_a_line_is_told(past: PastRegistry) -> None:
    one = past.push(TAG, note="one")
    journal = next(Path(past.store.layout.top("journal")).iterdir())
    kept = journal.read_bytes()
    past.delete(TAG)
    past.store.journal.close()
    journal.write_bytes(kept)
    last = history(past).changes[-1]
    assert (last.time, last.previous, last.digest) == (None, one, None)
    assert last.available is IN_TRASH


def test_damaged_lines_are_counted(past: PastRegistry) -> None:
    one = past.push(TAG, note="one")
    journal = next(Path(past.store.layout.top("journal")).iterdir())
    journal.write_bytes(b'{"time": \n' + journal.read_bytes() + b"\0\n")
    assert told(past) == [("push", one, IN_IMAGE)]
    assert history(past).damaged == 2


def test_the_clock_of_the_tests_is_looked_at(past: PastRegistry) -> None:
    past.push(TAG, days=400)
    assert history(past).changes[0].time == NOW - datetime.timedelta(days=400)
