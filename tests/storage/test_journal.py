from __future__ import annotations

import datetime
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from registry.model.content import Actor
from registry.model.errors import StorageFull
from registry.storage import journal as module
from registry.storage.journal import Journal, timestamp
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY
from tests.storage.faults import in_child

ACTOR = Actor("alice", "192.0.2.1")
NOON = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)


def lines(store: Store) -> list[dict[str, Any]]:
    folder = Path(store.layout.top("journal"))
    found = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    assert found.endswith(b"\n")
    return [json.loads(line) for line in found.split(b"\n")[:-1]]


def test_an_event_is_one_line(store: Store) -> None:
    store.journal.record("push", KEY, IMAGE, ACTOR, tag="1.0", digest="d", previous=None)
    (line,) = lines(store)
    assert datetime.datetime.fromisoformat(line.pop("time")).utcoffset() == datetime.timedelta(0)
    assert line == {
        "event": "push", "repository": KEY, "image": IMAGE, "principal": "alice",
        "address": "192.0.2.1", "tag": "1.0", "digest": "d",
    }  # fmt: skip


@pytest.mark.parametrize("name", ['a"b\n', "ü\u2028", "a\\n"])
def test_no_name_makes_a_second_line(store: Store, name: str) -> None:
    store.journal.record("push", KEY, IMAGE, Actor(name, "::1"))
    (line,) = lines(store)
    assert line["principal"] == name


def test_lines_of_four_processes_do_not_mix(store: Store) -> None:
    """The parent's open file is inherited, and must not be shared by mistake."""
    store.journal.record("first", KEY, IMAGE, ACTOR)

    def write() -> None:
        for n in range(200):
            store.journal.record("push", KEY, IMAGE, ACTOR, n=n, p=os.getpid(), x="x" * (n * 7))

    def fork_three() -> None:
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                write()
                os._exit(0)
            children.append(child)
        write()
        for child in children:
            assert os.waitpid(child, 0)[1] == 0

    assert in_child(fork_three) == 0
    events = [line for line in lines(store) if line["event"] == "push"]
    assert len(events) == 800
    by_process: dict[int, list[int]] = {}
    for event in events:
        by_process.setdefault(event["p"], []).append(event["n"])
    assert [sorted(v) == v == list(range(200)) for v in by_process.values()] == [True] * 4


def test_each_day_has_its_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(3):
        moment = NOON + datetime.timedelta(days=day)
        monkeypatch.setattr(module, "now", lambda moment=moment: moment)
        store.journal.record("push", KEY, IMAGE, ACTOR, day=day)
    names = sorted(os.listdir(store.layout.top("journal")))
    assert names == ["2026-11-23.jsonl", "2026-11-24.jsonl", "2026-11-25.jsonl"]
    assert [line["day"] for line in lines(store)] == [0, 1, 2]


def test_a_removed_file_is_begun_again(store: Store) -> None:
    store.journal.record("push", KEY, IMAGE, ACTOR, n=1)
    (path,) = Path(store.layout.top("journal")).iterdir()
    path.unlink()
    store.journal.record("push", KEY, IMAGE, ACTOR, n=2)
    assert [line["n"] for line in lines(store)] == [2]


def test_it_can_be_closed_at_any_time(store: Store) -> None:
    journal = Journal(store.layout)
    journal.close()
    journal.record("push", KEY, IMAGE, ACTOR)
    journal.close()
    journal.close()
    journal.record("push", KEY, IMAGE, ACTOR)
    journal.close()
    assert len(lines(store)) == 2


def test_a_day_that_cannot_be_begun_does_no_harm(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file's number is somebody else's file by then, and must not be closed again."""
    monkeypatch.setattr(module, "now", lambda: NOON)
    store.journal.record("push", KEY, IMAGE, ACTOR, n=1)
    monkeypatch.setattr(module, "now", lambda: NOON + datetime.timedelta(days=1))

    def full(path: str, **options: bool) -> int:
        raise StorageFull("full")

    with monkeypatch.context() as context:
        context.setattr("registry.storage.atomic.open_append", full)
        # What happened has happened: the line goes to the log instead.
        store.journal.record("push", KEY, IMAGE, ACTOR, n=2)
    others = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
    store.journal.record("push", KEY, IMAGE, ACTOR, n=3)
    for descriptor in others:
        assert os.readlink(f"/proc/self/fd/{descriptor}") == "/dev/null"
        os.close(descriptor)
    assert [line["n"] for line in lines(store)] == [1, 3]


def test_a_torn_line_does_not_spoil_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    calls: list[int] = []

    def tearing(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:10])

    with monkeypatch.context() as context:
        context.setattr(os, "write", tearing)
        store.journal.record("push", KEY, IMAGE, ACTOR, n=1)
    store.journal.record("push", KEY, IMAGE, ACTOR, n=2)
    (path,) = Path(store.layout.top("journal")).iterdir()
    assert json.loads(path.read_bytes().splitlines()[-1])["n"] == 2


def test_moments_are_written_in_utc_with_milliseconds() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    moment = datetime.datetime(2026, 1, 1, 1, 2, 3, 4999, tzinfo=zone)
    assert timestamp(moment) == "2025-12-31T19:32:03.004Z"
    assert module.now().utcoffset() == datetime.timedelta(0)
