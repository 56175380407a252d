"""The trash: what its entries are, how they are found, and how they go."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from registry.model.digests import Digest
from registry.storage.deletions import Deletion
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY, PLACE
from tests.storage.faults import STEPS, Watched, in_child, kills
from tests.storage.folders import files, inode
from tests.storage.pushes import image_body, index_body, put
from tests.storage.trashing import (
    ALICE,
    SECOND,
    TAG,
    check_complete,
    delete,
    entries,
    folder_of,
    push,
    top,
)
from tests.support.travel import DAY, Travel

# --- what an entry is --------------------------------------------------------------------------


def test_an_entry_has_what_the_folder_had_and_costs_no_bytes(store: Store) -> None:
    digest = push(store)
    inodes = {name: inode(f"{folder_of(store)}/{name}") for name in os.listdir(folder_of(store))}
    delete(store, (TAG, digest))
    assert not os.path.exists(folder_of(store))
    (entry,) = entries(store)
    check_complete(store, entry, digest)
    for name, number in inodes.items():
        assert inode(f"{store.trash.path(entry)}/{name}") == number


def test_an_entry_says_who_deleted_what_and_when(store: Store, travel: Travel) -> None:
    digest = push(store)
    delete(store, (TAG, digest))
    (entry,) = entries(store)
    assert (entry.principal, entry.repository, entry.image) == ("alice", KEY, IMAGE)
    assert (entry.reference, entry.digest, entry.is_repository) == (TAG, digest, False)
    assert entry.moment == pytest.approx(travel.time(), abs=60)
    with open(f"{store.trash.path(entry)}/deletion.json", encoding="utf-8") as file:
        note = json.load(file)
    assert note["address"] == "192.0.2.1"
    assert (note["image"], note["reference"], note["digest"]) == (IMAGE, TAG, digest)


def test_entries_of_one_request_have_one_act(store: Store) -> None:
    first, second = push(store), push(store, SECOND, note="second")
    delete(store, (TAG, first), (SECOND, second))
    third = push(store)
    delete(store, (TAG, third))
    acts = [entry.act for entry in entries(store)]
    assert acts[0] == acts[1] != acts[2]


def test_entries_come_oldest_first(store: Store, travel: Travel) -> None:
    for number in range(5):
        delete(store, (TAG, push(store, note=str(number))))
        travel.wait(DAY)
    times = [entry.time for entry in entries(store)]
    assert times == sorted(times)
    assert len(set(times)) == 5


def test_a_digest_and_an_index(store: Store) -> None:
    child = push(store, Digest.of(image_body(b"layer")))
    body = index_body(image_body(b"layer"))
    digest = put(store, TAG, body)
    delete(store, (TAG, digest), (child, child))
    tag, untagged = entries(store)
    assert (tag.reference, untagged.reference) == (TAG, child)
    assert files(store.trash.path(tag))["list.manifest.json"] == body
    check_complete(store, untagged, child)


def test_half_done_work_of_the_folder_is_not_taken_along(store: Store) -> None:
    digest = push(store)
    for name in ("_tmp.0123456789abcdef", "stranger.txt"):
        with open(f"{folder_of(store)}/{name}", "w", encoding="ascii"):
            pass
    delete(store, (TAG, digest))
    check_complete(store, entries(store)[0], digest)
    os.unlink(f"{folder_of(store)}/stranger.txt")


def test_content_in_the_trash_has_its_names(store: Store) -> None:
    delete(store, (TAG, push(store)))
    assert os.stat(store.layout.content(Digest.of(b"layer"))).st_nlink == 3


def test_what_the_trash_alone_keeps(store: Store) -> None:
    delete(store, (TAG, push(store)), (SECOND, push(store, SECOND)))
    store.links.remove(KEY, IMAGE, Digest.of(b"layer"))
    assert sorted(store.trash.alone()) == [len(b"layer")]


def test_without_a_trash_nothing_is_staged(store: Store) -> None:
    bare = Store(store.layout.root, keeps_trash=False)
    delete(bare, (TAG, push(bare)))
    assert top(store) == []


# --- removing ----------------------------------------------------------------------------------


def test_removing_an_entry(store: Store) -> None:
    delete(store, (TAG, push(store)))
    (entry,) = entries(store)
    store.trash.remove(entry)
    assert top(store) == []
    store.trash.remove(entry)
    assert os.path.exists(store.layout.content(Digest.of(b"layer")))


def test_killed_while_an_entry_is_removed(store: Store, travel: Travel) -> None:
    for number in range(1, 20):
        delete(store, (TAG, push(store)))
        (entry,) = entries(store)

        def remove(entry: Deletion = entry, number: int = number) -> None:
            with Watched(kills(number), STEPS):
                store.trash.remove(entry)

        code = in_child(remove)
        for left in entries(store):
            check_complete(store, left, Digest.of(image_body(b"layer")))
            store.trash.remove(left)
        travel.wait(2 * DAY)
        store.trash.sweep(travel.time() - DAY, travel.time() - DAY)
        assert top(store) == []
        if code == 0:
            break
    assert number > 5


def test_what_is_half_done_stays_for_a_while(store: Store, travel: Travel) -> None:
    store.trash.stage(PLACE, [(TAG, push(store))], ALICE)
    os.mkdir(f"{store.layout.top('trash')}/_staged.damaged")
    os.mkdir(f"{store.layout.top('trash')}/_tmp.damaged")
    os.mkdir(f"{store.layout.top('trash')}/damaged")
    staged = [name for name in top(store) if not name.endswith("damaged")]
    assert store.trash.sweep(travel.time() - DAY, travel.time() - 2 * DAY) == 0
    travel.wait(DAY + 1)
    assert store.trash.sweep(travel.time() - DAY, travel.time() - 2 * DAY) == 2
    assert top(store) == sorted([*staged, "damaged"])
    travel.wait(DAY)
    assert store.trash.sweep(travel.time() - DAY, travel.time() - 2 * DAY) == 1
    assert top(store) == staged


# --- notes that cannot be read -----------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [lambda path: os.unlink(path), lambda path: open(path, "wb").close(),
     lambda path: os.truncate(path, 20)],
    ids=["missing", "empty", "torn"],
)  # fmt: skip
def test_an_entry_without_a_readable_note_is_none(
    store: Store, change: Callable[[str], Any]
) -> None:
    delete(store, (TAG, push(store)))
    delete(store, (TAG, push(store, note="second")))
    damaged, whole = entries(store)
    path = f"{store.trash.path(damaged)}/deletion.json"
    os.chmod(path, 0o644)
    change(path)
    assert entries(store) == [whole]
    assert store.trash.entry(damaged.id) is None
