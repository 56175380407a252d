"""Pulls are counted: every one once, whatever happens to the processes, and never at their cost."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import threading
from typing import Any

import pytest

from registry.model.names import RepositoryKey, Tag
from registry.storage.pull_counts import Pulled
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY
from tests.storage.faults import in_child
from tests.storage.pulling import (
    DAY,
    LATER,
    ONE,
    OTHER,
    TAG,
    TWO,
    Clock,
    counts,
    names,
    path,
    pull,
    what,
)


@pytest.fixture
def clock(store: Store) -> Clock:
    return Clock(store)


def test_a_pull_is_one_compact_line(store: Store, clock: Clock) -> None:
    pull(store)
    pull(store, ONE)
    first, second = path(store).read_text().splitlines()
    assert json.loads(first) == {
        "time": "2026-11-23T12:00:00Z", "repository": KEY, "image": IMAGE, "digest": ONE,
        "tag": "1.0", "principal": "bob",
    }  # fmt: skip
    assert "tag" not in json.loads(second)
    assert ", " not in first


@pytest.mark.parametrize("name", ['a"b', "a\nb", "a\\", "ü\u2028", "\ud800"])
def test_no_name_makes_a_second_line(store: Store, clock: Clock, name: str) -> None:
    pull(store, who=name)
    (pulled,) = store.pulls.day(DAY).pulls.values()
    assert pulled.principal == name


def test_what_is_told_of_a_tag_and_of_a_digest(store: Store, clock: Clock) -> None:
    pull(store, who="alice")
    clock.pass_by(hours=1)
    pull(store, ONE, who="bob")
    clock.pass_by(days=1)
    pull(store, digest=TWO, who="carol")
    store.pulls.record(RepositoryKey("docker-stage"), IMAGE, TAG, ONE, "eve")
    known = store.pulls.last_pulls(KEY)
    assert known.find(IMAGE, TAG) == Pulled(
        2, "2026-11-23T12:00:00Z", "2026-11-24T13:00:00Z", "carol"
    )
    assert known.find(IMAGE, ONE) == Pulled(
        2, "2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z", "bob"
    )
    assert known.find(OTHER, TAG) is None
    # By its name, or by the digest that it has.
    assert known.last(IMAGE, Tag("same"), ONE) == "2026-11-23T13:00:00Z"
    assert known.last(IMAGE, TAG, ONE) == "2026-11-24T13:00:00Z"
    assert known.last(OTHER, TAG, ONE) is None


def test_each_second_has_its_time_and_each_day_its_file(store: Store, clock: Clock) -> None:
    for _ in range(3):
        pull(store)
        pull(store)
        clock.pass_by(hours=11, seconds=1)
    assert names(store) == [f"{DAY}.jsonl", "2026-11-24.jsonl"]
    times = [json.loads(line)["time"] for line in path(store).read_text().splitlines()]
    assert times == ["2026-11-23T12:00:00Z"] * 2 + ["2026-11-23T23:00:01Z"] * 2


def test_a_removed_file_is_begun_again_a_second_later(store: Store, clock: Clock) -> None:
    pull(store)
    path(store).unlink()
    clock.pass_by(seconds=1)
    pull(store)
    assert counts(store) == {what(): 1}


def test_a_new_day_takes_no_number_of_an_open_file(store: Store, clock: Clock) -> None:
    """A thread may be about to write to the number; it must never be somebody else's file."""
    pull(store)
    number = store.pulls._descriptor
    before = len(os.listdir("/proc/self/fd"))
    clock.pass_by(days=1)
    pull(store)
    assert store.pulls._descriptor == number
    assert os.readlink(f"/proc/self/fd/{number}").endswith("2026-11-24.jsonl")
    assert len(os.listdir("/proc/self/fd")) == before


def test_it_can_be_closed_at_any_time(store: Store, clock: Clock) -> None:
    store.pulls.close()
    pull(store)
    store.pulls.close()
    store.pulls.close()
    pull(store)
    assert counts(store) == {what(): 2}


def test_lines_of_threads_and_processes_do_not_mix(store: Store) -> None:
    pull(store)

    def pull_often(tag: Tag) -> None:
        for _ in range(200):
            pull(store, tag)

    def pull_many() -> None:
        threads = [
            threading.Thread(target=pull_often, args=[Tag("t" * length)]) for length in (1, 30, 60)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def fork_three() -> None:
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                pull_many()
                os._exit(0)
            children.append(child)
        pull_many()
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]

    assert in_child(fork_three) == 0
    found = counts(store)
    assert found.pop(what()) == 1
    assert sorted(found.values()) == [800, 800, 800]


def test_a_killed_process_loses_none_of_what_it_has_counted(store: Store) -> None:
    """Each child says how many pulls it has answered, and is killed while it goes on."""
    answered = 0
    for _ in range(4):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            while True:
                pull(store)
                os.write(writer, b".")
        os.close(writer)
        before = answered
        while answered < before + 100:
            answered += len(os.read(reader, 100))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while left := os.read(reader, 65536):
            answered += len(left)
        os.close(reader)
    found = sum(counts(store).values())
    # A pull may have been counted whose answer was never sent, one for each killed process.
    assert answered <= found <= answered + 4
    assert sum(store.pulls.day(day).damaged for day in store.pulls.days()) == 0


def test_a_failing_disk_fails_no_pull_and_is_told_once_a_minute(
    store: Store,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pull(store)

    def full(*arguments: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with caplog.at_level(logging.DEBUG), monkeypatch.context() as context:
        context.setattr(os, "write", full)
        for _ in range(30):
            clock.pass_by(seconds=3.9)
            pull(store)
    assert len(caplog.records) == 2
    assert "No space left" in caplog.text
    pull(store)
    assert counts(store) == {what(): 2}


def test_a_day_that_cannot_be_begun_fails_no_pull(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pull(store)
    clock.pass_by(days=1)
    real = os.open

    def refusing(name: Any, flags: int, *more: Any, **options: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(name, flags, *more, **options)

    with monkeypatch.context() as context:
        context.setattr(os, "open", refusing)
        for _ in range(5):
            pull(store)
    assert len(caplog.records) == 1
    pull(store)
    assert names(store) == [f"{DAY}.jsonl", "2026-11-24.jsonl"]
    assert counts(store) == {what(): 2}


def test_a_torn_line_does_not_spoil_the_next(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The next line may be that of another process, which does not know."""
    write = os.write
    with monkeypatch.context() as context:
        context.setattr(os, "write", lambda number, data: write(number, data[:40]))
        pull(store)
    assert "cut off" in caplog.text
    pull(store)
    pull(store, TWO, TWO)
    assert store.pulls.day(DAY).damaged == 1
    assert counts(store) == {what(): 1, what(TWO, None): 1}


GOOD = b'{"time":"2026-11-23T12:00:00Z","repository":"docker-local","image":"team/app",'
DAMAGED = [
    b"", b"{}", b"null", b"[1]", b"\x00\xff", GOOD, GOOD + b'"digest":"sha256:00"}',
    GOOD + b'"digest":5,"principal":"x"}',
    b'{"time":"2026-11-23T12:00:00Z"}', b'{"time":"yesterday at noon...","repository":"x"}',
    GOOD.replace(b"team/app", b"Team") + b'"digest":"%s","principal":"x"}' % ONE.encode(),
    GOOD.replace(b"T12", b"T\xff2") + b'"digest":"%s","principal":"x"}' % ONE.encode(),
    GOOD.replace(b"Z", b"!") + b'"digest":"%s","principal":"x"}' % ONE.encode(),
]  # fmt: skip


@pytest.mark.parametrize("line", DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_lines_are_left_out_and_counted(store: Store, clock: Clock, line: bytes) -> None:
    pull(store)
    with path(store).open("ab") as file:
        file.write(line + b"\n" + line + b"\n")
    pull(store)
    assert store.pulls.day(DAY).damaged == 2
    assert counts(store) == {what(): 2}
    store.pulls.compact(LATER)
    assert store.pulls.day(DAY).damaged == 2
    assert counts(store) == {what(): 2}
