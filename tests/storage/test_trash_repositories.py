"""Whole repositories in the trash: each is there or in its place, with all that it has."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import pytest

from registry.model.errors import RegistryError, RestoreConflict, TrashUnknown
from registry.storage import documents
from registry.storage.store import Store
from tests.storage.conftest import KEY
from tests.storage.faults import STEPS, Call, Watched, fails, in_child, kills
from tests.storage.folders import files, temporaries
from tests.storage.trashing import ALICE, entries, push, top


def define(store: Store, text: str = "defined") -> str:
    """Define the repository; return the path of its definition."""
    path = store.layout.repository_definition(KEY)
    documents.replace(path, {"key": KEY, "description": text})
    return path


def take(store: Store) -> None:
    store.trash.take_repository(KEY, store.layout.repository_definition(KEY), ALICE)


def give_back(store: Store) -> None:
    store.trash.give_back_repository(entries(store)[0])


def resolve(store: Store) -> None:
    """Do what the pruner does with what is staged."""
    for entry in store.trash.entries(staged=True):
        store.trash.resolve_repository(entry)


def place_of(store: Store, expected: dict[str, bytes]) -> str:
    """Return whether the repository is in its place or in the trash; there it must be whole."""
    folder, definition = store.layout.repository(KEY), store.layout.repository_definition(KEY)
    assert list(store.trash.entries(staged=True)) == []
    if os.path.exists(definition):
        assert files(folder) == expected
        assert entries(store) == []
        return "place"
    assert not os.path.exists(folder)
    (entry,) = entries(store)
    path = store.trash.path(entry)
    assert files(f"{path}/artifacts") == expected
    assert sorted(os.listdir(path)) == ["artifacts", "deletion.json", "repository.json"]
    return "trash"


@pytest.fixture
def whole(store: Store) -> dict[str, bytes]:
    """What the repository has."""
    push(store)
    define(store)
    return files(store.layout.repository(KEY))


# --- there and back ----------------------------------------------------------------------------


def test_a_repository_goes_and_comes_back(store: Store, whole: dict[str, bytes]) -> None:
    take(store)
    assert place_of(store, whole) == "trash"
    assert entries(store)[0].is_repository
    give_back(store)
    assert place_of(store, whole) == "place"
    assert top(store) == []


def test_a_repository_does_not_come_back_over_another_one(
    store: Store, whole: dict[str, bytes]
) -> None:
    take(store)
    (entry,) = entries(store)
    define(store, "another")
    with pytest.raises(RestoreConflict):
        store.trash.give_back_repository(entry)
    os.unlink(store.layout.repository_definition(KEY))
    push(store)
    with pytest.raises(RestoreConflict):
        store.trash.give_back_repository(entry)
    assert entries(store) == [entry]
    assert files(f"{store.trash.path(entry)}/artifacts") == whole


def test_a_lost_repository_has_no_definition_to_come_back_with(store: Store) -> None:
    push(store)
    store.trash.take_lost(KEY, ALICE)
    (entry,) = entries(store)
    with pytest.raises(TrashUnknown):
        store.trash.give_back_repository(entry)
    assert entries(store) == [entry]


def test_an_entry_that_is_removed_at_the_last_moment_is_not_given_back(
    store: Store, whole: dict[str, bytes]
) -> None:
    """Its time was over: the pruner came between the look and the first step."""
    take(store)
    (entry,) = entries(store)

    def expire(number: int, call: Call) -> None:
        if number == 1:
            Store(store.layout.root).trash.remove(entry)

    with Watched(expire, ["rename"]), pytest.raises(TrashUnknown):
        store.trash.give_back_repository(entry)
    assert top(store) == []
    assert os.listdir(store.layout.top("artifacts")) == []
    assert os.listdir(store.layout.top("etc/repositories")) == []


# --- killed and failing ------------------------------------------------------------------------

WAYS: dict[str, Callable[[Store], None]] = {"delete": take, "restore": give_back}


def begin(store: Store, way: str) -> None:
    """Let the repository be where the way begins."""
    if way == "restore" and not entries(store):
        take(store)
    if way == "delete" and entries(store):
        give_back(store)


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_every_step_of_a_whole_repository(
    store: Store, whole: dict[str, bytes], way: str
) -> None:
    """Whoever comes next completes it or takes it back; and so does who comes after that one.

    For each step, the one who comes next is killed at each of its own steps as well.
    """
    seen = set()
    for number in range(1, 60):
        for second in range(1, 60):
            begin(store, way)

            def run(number: int = number) -> None:
                with Watched(kills(number), STEPS):
                    WAYS[way](store)

            def run_resolve(second: int = second) -> None:
                with Watched(kills(second), STEPS):
                    resolve(Store(store.layout.root))

            code, again = in_child(run), in_child(run_resolve)
            resolve(Store(store.layout.root))
            seen.add(place_of(store, whole))
            if again == 0:
                break
        if code == 0:
            break
    assert (code, again) == (0, 0)
    assert number > 5
    assert seen == {"place", "trash"}
    for name in temporaries(store.layout.root):
        os.unlink(f"{store.layout.root}/{name}")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "failed"])
@pytest.mark.parametrize("way", WAYS)
def test_the_disk_fails_at_every_step_of_a_whole_repository(
    store: Store, whole: dict[str, bytes], way: str, code: int
) -> None:
    """Who is told so has changed nothing, or all; what is staged then waits for the pruner."""
    seen = set()
    for number in range(1, 60):
        begin(store, way)
        definition = store.layout.repository_definition(KEY)
        with Watched(fails(number, code), STEPS) as watched:
            try:
                WAYS[way](store)
            except RegistryError:
                failed = True
            else:
                failed = False
        if way == "restore" and not os.path.exists(definition):
            # At once, and not only after the pruner.
            assert place_of(store, whole) == "trash"
        resolve(store)
        seen.add(place_of(store, whole))
        if not failed and len(watched.calls) < number:
            break
    assert number > 5
    assert seen == {"place", "trash"}
    for name in temporaries(store.layout.root):
        os.unlink(f"{store.layout.root}/{name}")


# --- what comes in between ---------------------------------------------------------------------


def stop_at(store: Store, way: str, name: str, place: str) -> None:
    """Go the way up to the call of that name on a path that has ``place`` in it, and no further."""

    def stop(number: int, call: Call) -> None:
        if call.name == name and place in call.paths[-1]:
            raise KeyboardInterrupt

    def run() -> None:
        with Watched(stop, STEPS):
            WAYS[way](store)

    assert in_child(run) != 0


def test_what_a_push_left_behind_a_deletion_does_not_stop_the_pruner(
    store: Store, whole: dict[str, bytes]
) -> None:
    """It makes the folder anew whose tree is in the trash already."""
    stopped = f"{store.layout.top('trash')}/2"
    stop_at(store, "delete", "rename", stopped)
    assert entries(store) == []
    push(store)
    left = files(store.layout.repository(KEY))
    resolve(store)
    (entry,) = entries(store)
    assert files(f"{store.trash.path(entry)}/artifacts") == whole
    assert files(store.layout.repository(KEY)) == left


@pytest.mark.parametrize(("way", "name"), [("delete", "unlink"), ("restore", "fsync")])
def test_a_repository_that_has_been_changed_meanwhile_leaves_nothing_in_the_trash(
    store: Store, whole: dict[str, bytes], way: str, name: str
) -> None:
    """It is in its place, and its definition is another file than before."""
    begin(store, way)
    stop_at(store, way, name, store.layout.top("etc/repositories"))
    assert len(list(store.trash.entries(staged=True))) == 1
    define(store, "changed")
    resolve(store)
    assert place_of(store, whole) == "place"
    assert top(store) == []


def test_a_key_that_has_been_given_away_leaves_the_deleted_one_in_the_trash(
    store: Store, whole: dict[str, bytes]
) -> None:
    stop_at(store, "delete", "rename", f"{store.layout.top('trash')}/2")
    define(store, "another")
    push(store, note="another")
    another = files(store.layout.repository(KEY))
    resolve(store)
    (entry,) = entries(store)
    assert files(f"{store.trash.path(entry)}/artifacts") == whole
    assert files(store.layout.repository(KEY)) == another


def test_a_staged_entry_whose_note_has_lost_the_reference_takes_nothing_along(
    store: Store, whole: dict[str, bytes]
) -> None:
    """Nobody can say what it is: it is shown in the trash, and the repository stays."""
    path = f"{store.layout.top('trash')}/_staged.20260101T000000.000000Z-0"
    os.mkdir(path)
    note = {"act": "a", "time": "2026-01-01T00:00:00Z", "principal": "alice", "image": "team/app"}
    documents.replace(f"{path}/deletion.json", note | {"repository": KEY})
    resolve(store)
    assert files(store.layout.repository(KEY)) == whole
    assert len(entries(store)) == 1
