"""Bringing back whole repositories."""

from __future__ import annotations

import os

import pytest

from registry.model.digests import Digest
from registry.model.errors import RestoreConflict, TrashUnknown
from registry.model.names import ImageName
from tests.repositories.losing import BODY, push_index
from tests.storage.faults import STEPS, Watched, in_child, kills
from tests.support.accounts import check_accounts
from tests.support.bench import ALICE, IMAGE, KEY, TAG, TRASH, Bench
from tests.support.travel import DAY, HOUR


def test_a_repository_comes_back(bench: Bench) -> None:
    bodies = push_index(bench)
    bench.push(b"layer", at=ImageName("other/image"))
    bench.definitions.delete(KEY, ALICE)
    assert bench.definitions.find(KEY) is None
    bench.live_for(TRASH - HOUR, every=DAY)
    bench.restore(None, None)
    assert bench.pull() == bodies[-1]
    assert bench.pull(TAG, ImageName("other/image")) == BODY
    bench.settle()
    check_accounts(bench.root)


def test_a_repository_goes_when_its_time_is_over(bench: Bench) -> None:
    bench.push(b"layer")
    bench.definitions.delete(KEY, ALICE)
    bench.live_for(TRASH + 3 * DAY, every=DAY)
    with pytest.raises(TrashUnknown):
        bench.restore(None, None)
    assert os.listdir(bench.layout.top("artifacts")) == []
    bench.settle()
    check_accounts(bench.root)


def test_what_a_late_push_left_does_not_hide_the_repository(bench: Bench) -> None:
    """A push that was under way makes the folder of a deleted repository anew."""
    body = bench.push(b"layer")
    repository = bench.repository
    bench.definitions.delete(KEY, ALICE)
    writer = repository.open_whole_upload(IMAGE, "sha256", ALICE)
    writer.write(b"late")
    repository.finish_upload(IMAGE, writer, Digest.of(b"late"))
    writer.close()
    bench.live_for(3 * DAY)
    assert os.listdir(bench.layout.top("artifacts")) == []
    assert len(bench.entries()) == 2
    bench.restore(None, None)
    assert bench.pull() == body


def test_a_repository_is_not_restored_over_another_one(bench: Bench) -> None:
    bench.push(b"layer")
    bench.definitions.delete(KEY, ALICE)
    bench.definitions.create(KEY, "local", {})
    new = bench.push(b"new", note="new")
    with pytest.raises(RestoreConflict):
        bench.restore(None, None)
    assert bench.pull() == new


# --- killed ------------------------------------------------------------------------------------


def restore_killed_at(bench: Bench, number: int) -> int:
    """Kill the process that restores the repository instead of its call of that number."""

    def run() -> None:
        with Watched(kills(number), STEPS):
            bench.restore(None, None)

    return in_child(run)


@pytest.mark.parametrize("after", [0.0, HOUR, 3 * DAY], ids=["at once", "an hour", "days"])
def test_killed_at_every_step_it_is_brought_back_by_doing_it_again(
    bench: Bench, after: float
) -> None:
    """Whether the pruner has come by in between or not."""
    bodies = push_index(bench)
    for number in range(1, 60):
        bench.definitions.delete(KEY, ALICE)
        code = restore_killed_at(bench, number)
        if after:
            bench.live_for(after, every=DAY)
        if bench.definitions.find(KEY) is None:
            assert not bench.pulls()
            bench.restore(None, None)
        assert bench.pull() == bodies[-1]
        bench.prune()
        assert bench.entries() == []
        if code == 0:
            break
    assert code == 0
    assert number > 5
    bench.settle()
    assert bench.pull() == bodies[-1]
    check_accounts(bench.root)


def test_killed_at_every_step_it_goes_when_its_time_is_over(bench: Bench) -> None:
    """Nothing of it stays, however far the restoration has come; or it is there, and stays."""
    for number in range(1, 60):
        body = bench.push(b"layer")
        bench.definitions.delete(KEY, ALICE)
        code = restore_killed_at(bench, number)
        bench.settle()
        assert bench.entries() == []
        if bench.definitions.find(KEY) is None:
            assert os.listdir(bench.layout.top("artifacts")) == []
            bench.definitions.create(KEY, "local", {})
        else:
            assert bench.pull() == body
        check_accounts(bench.root)
        if code == 0:
            break
    assert code == 0
    assert number > 5


def test_killed_at_every_step_it_leaves_its_key_free_or_taken(bench: Bench) -> None:
    """A repository made under the key is a new one, and the other stays in the trash."""
    for number in range(1, 60):
        body = bench.push(b"layer")
        bench.definitions.delete(KEY, ALICE)
        code = restore_killed_at(bench, number)
        if bench.definitions.find(KEY) is None:
            bench.definitions.create(KEY, "local", {})
            assert not bench.pulls()
            assert len(bench.entries()) == 1
            bench.definitions.remove(KEY)
            bench.restore(None, None)
        assert bench.pull() == body
        if code == 0:
            break
    assert code == 0
    assert number > 5
