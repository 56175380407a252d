"""What the soak has found in services, each as the one order of steps that it takes."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from registry.model.errors import RestoreConflict, TrashUnknown
from registry.services.pruning_steps import TrashSteps
from registry.storage.layout import TREE_FOLDER
from tests.faults.races import gates
from tests.repositories.pushing import push_blob
from tests.support.bench import ALICE, IMAGE, KEY, Bench
from tests.support.travel import DAY, HOUR


def restore_repository(bench: Bench) -> None:
    """Restore the repository with its images."""
    bench.restore(None, None)


def test_a_pass_beside_the_deletion_of_a_repository_takes_nothing_to_the_trash(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The definition has gone, the tree has not, and the pass has to wait for the lock."""
    body = bench.push(b"layer")
    bench.live_for(2 * DAY)
    other = bench.again()
    half_done, goes_on = threading.Event(), threading.Event()
    take_tree, lock = other.store.trash._take_tree, bench.store.locks.definitions
    deletion = threading.Thread(target=other.definitions.delete, args=(KEY, ALICE))

    def take_tree_later(*arguments: Any) -> None:
        half_done.set()
        assert goes_on.wait(gates.DEADLINE)
        take_tree(*arguments)

    def wait_for_lock() -> object:
        goes_on.set()
        deletion.join(gates.DEADLINE)
        return lock()

    def delete_by_half() -> None:
        deletion.start()
        assert half_done.wait(gates.DEADLINE)

    monkeypatch.setattr(other.store.trash, "_take_tree", take_tree_later)
    monkeypatch.setattr(bench.store.locks, "definitions", wait_for_lock)
    with gates.at(TrashSteps, "take_lost_repositories", delete_by_half):
        bench.prune()
    monkeypatch.undo()
    (entry,) = bench.entries()
    assert os.path.isdir(f"{bench.store.trash.path(entry)}/{TREE_FOLDER}")
    restore_repository(bench)
    assert bench.pull() == body


def test_a_pass_goes_on_where_the_tree_of_a_repository_has_just_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.store.catalog, "repositories", lambda: ["gone"])
    report = bench.prune()
    assert report.failed == 0
    assert bench.entries() == []


@pytest.mark.parametrize("passes", [True, False], ids=["in the trash", "in the way"])
def test_what_a_push_leaves_does_not_keep_a_deleted_repository_from_coming_back(
    bench: Bench, passes: bool
) -> None:
    body = bench.push(b"layer")
    late = bench.repository
    bench.definitions.delete(KEY, ALICE)
    bench.travel.wait(HOUR)
    push_blob(late, b"late", IMAGE)
    if passes:
        bench.live_for(3 * DAY)
        assert len(bench.entries()) == 2
    restore_repository(bench)
    assert bench.pull() == body


def test_what_a_push_has_left_is_in_the_trash_and_is_no_repository(bench: Bench) -> None:
    late = bench.repository
    bench.definitions.delete(KEY, ALICE)
    push_blob(late, b"late", IMAGE)
    restore_repository(bench)
    assert not bench.shows(b"late")
    (left,) = bench.entries()
    assert left.is_repository
    bench.definitions.delete(KEY, ALICE)
    bench.store.trash.remove(bench.entries()[-1])
    with pytest.raises(TrashUnknown):
        restore_repository(bench)


def test_a_repository_does_not_come_back_over_one_of_the_same_key(bench: Bench) -> None:
    bench.push(b"layer")
    bench.definitions.delete(KEY, ALICE)
    bench.definitions.create(KEY, "local", {})
    body = bench.push(b"new layer")
    with pytest.raises(RestoreConflict):
        restore_repository(bench)
    assert bench.pull() == body
