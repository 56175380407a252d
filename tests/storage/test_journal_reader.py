"""The journal read back: all that is whole, in order, and how much is not."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.storage import journal as module
from registry.storage.journal import parse_timestamp, timestamp
from registry.storage.journal_reader import TagEvent
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY

ACTOR = Actor("alice", "192.0.2.1")
NOON = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
ONE, TWO = Digest.of(b"one"), Digest.of(b"two")
TAG = Tag("1.0")


def push(
    store: Store,
    digest: Digest = ONE,
    tag: str | None = TAG,
    image: ImageName = IMAGE,
    key: RepositoryKey = KEY,
) -> None:
    store.journal.record("push", key, image, ACTOR, tag=tag, digest=digest)


def path(store: Store) -> Path:
    (found,) = Path(store.layout.top("journal")).iterdir()
    return found


def found(store: Store) -> list[tuple[str, str, Digest | None]]:
    events = store.journal_reader.tag_events(KEY).events
    return [(event.event, event.tag, event.digest) for event in events]


def test_events_of_all_days_come_in_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for day, act in ((3, "c"), (1, "a"), (2, "b")):
        moment = NOON + datetime.timedelta(days=day)
        monkeypatch.setattr(module, "now", lambda moment=moment: moment)
        store.journal.record(act, KEY, IMAGE, ACTOR, tag=TAG, digest=ONE, previous=TWO)
    first, *_ = events = store.journal_reader.tag_events(KEY).events
    assert [event.event for event in events] == ["a", "b", "c"]
    assert first == TagEvent(
        NOON + datetime.timedelta(days=1), "a", IMAGE, TAG, ONE, TWO, "alice", "192.0.2.1"
    )


def test_what_was_deleted_has_no_digest_and_maybe_a_rule(store: Store) -> None:
    store.journal.record("delete", KEY, IMAGE, ACTOR, tag=TAG, previous=ONE, rule="delete tag=*")
    (event,) = store.journal_reader.tag_events(KEY).events
    assert (event.digest, event.previous, event.rule) == (None, ONE, "delete tag=*")


def test_only_what_was_asked_for(store: Store) -> None:
    push(store)
    push(store, tag="1.0.1")
    push(store, tag=None)
    push(store, image=ImageName("team/app/sub"))
    push(store, image=ImageName("app"))
    push(store, key=RepositoryKey("docker"))
    store.journal.record("push", KEY, ImageName("x"), Actor("team/app", "1.0"), tag="y", digest=ONE)
    reader = store.journal_reader
    assert len(reader.tag_events(KEY).events) == 5
    assert len(reader.tag_events(KEY, IMAGE).events) == 2
    assert [event.tag for event in reader.tag_events(KEY, IMAGE, TAG).events] == [TAG]
    assert reader.tag_events(KEY, IMAGE, Tag("app")).events == []
    assert reader.tag_events(RepositoryKey("none")).events == []
    assert reader.tag_events(KEY).damaged == 0


def test_without_a_journal_there_is_nothing(store: Store) -> None:
    assert store.journal_reader.tag_events(KEY).events == []


WHOLE = b'{"time": "2026-11-23T12:00:00.000Z", "event": "push", "repository": "docker-local", '
DAMAGED = [
    b"", b"{}", b"null", b"\x00\xff\xfe", WHOLE, WHOLE[:30], b'["time"]', b"x" + WHOLE + b'"a": 1}',
    WHOLE + b'"image": "team/app", "tag": "1.0"',
]  # fmt: skip


@pytest.mark.parametrize("line", DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_lines_are_skipped_and_counted(store: Store, line: bytes) -> None:
    push(store)
    with path(store).open("ab") as file:
        file.write(line + b"\n" + line + b"\n")
    push(store, TWO)
    assert found(store) == [("push", TAG, ONE), ("push", TAG, TWO)]
    assert store.journal_reader.tag_events(KEY).damaged == 2
    assert store.journal_reader.tag_events(KEY, IMAGE, Tag("other")).damaged == 2


@pytest.mark.parametrize(
    "change",
    [
        {"time": "yesterday"}, {"time": "2026-11-23T12:00:00"}, {"time": 5}, {"time": None},
        {"digest": "sha256:12"}, {"digest": 5}, {"digest": ["x"]}, {"previous": "x"},
        {"image": "../x"}, {"image": 5}, {"tag": ".x"}, {"tag": {}}, {"principal": None},
    ],
    ids=range(13),
)  # fmt: skip
def test_events_of_nonsense_are_left_out(store: Store, change: dict[str, object]) -> None:
    push(store)
    line = json.loads(path(store).read_text()) | change
    if change.get("principal", "") is None:
        del line["principal"]
    path(store).write_text(f"{json.dumps(line)}\n")
    push(store, TWO)
    assert found(store) == [("push", TAG, TWO)]
    assert store.journal_reader.tag_events(KEY).damaged == 1


def test_a_line_that_follows_a_torn_one_is_whole(store: Store) -> None:
    """Another process cannot know that the line before has no end."""
    push(store)
    whole = path(store).read_bytes()
    path(store).write_bytes(whole + whole[:50])
    store.journal.close()
    push(store, TWO)
    assert found(store) == [("push", TAG, ONE), ("push", TAG, TWO)]
    assert store.journal_reader.tag_events(KEY).damaged == 1


def test_moments_are_read_as_they_were_written() -> None:
    assert parse_timestamp(timestamp(NOON)) == NOON
    for text in ("2026-11-23", "2026-11-23T12:00:00", "", "x"):
        with pytest.raises(ValueError, match=r"."):
            parse_timestamp(text)
