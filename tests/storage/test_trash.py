"""The trash: entries are complete before anything vanishes, whatever happens in between."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import RestoreConflict, StorageFailed, StorageFull, TrashUnknown
from registry.model.names import Reference, Tag
from registry.storage.deletions import Deletion
from registry.storage.layout import content_name
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY, PLACE
from tests.storage.faults import BUILDING, STEPS, Call, Watched, fails, in_child, kills
from tests.storage.folders import files, inode, temporaries
from tests.storage.pushes import add_blob, image_body, index_body, put
from tests.support.travel import DAY, Travel

ALICE = Actor("alice", "192.0.2.1")
TAG, SECOND = Tag("1.0"), Tag("2.0")


def push(store: Store, reference: Reference = TAG, note: str = "") -> Digest:
    """Put an image of two blobs under a reference."""
    blobs = tuple(add_blob(store, data) for data in (b"{}", b"layer"))
    return put(store, reference, image_body(b"layer", note=note), blobs)


def delete(store: Store, *deletions: tuple[Reference, Digest]) -> None:
    """Delete manifest folders, in the order of `ManifestDeletion`."""
    with store.locks.image(KEY, IMAGE):
        staged = store.trash.stage(PLACE, deletions, ALICE)
        store.manifests.remove_folders(PLACE, [reference for reference, _ in deletions])
        store.trash.finish(staged)


def entries(store: Store) -> list[Deletion]:
    return list(store.trash.entries())


def top(store: Store) -> list[str]:
    return sorted(os.listdir(store.layout.top("trash")))


def folder_of(store: Store, reference: Reference = TAG) -> str:
    return store.layout.manifest_folder(KEY, IMAGE, reference)


def check_complete(store: Store, entry: Deletion, digest: Digest) -> None:
    found = files(store.trash.path(entry))
    assert sorted(found) == sorted(
        ["deletion.json", "manifest.json", "manifest.json.properties.json",
         content_name(Digest.of(b"{}")), content_name(Digest.of(b"layer"))]
    )  # fmt: skip
    assert Digest.of(found["manifest.json"]) == digest


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


# --- failing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "failed"])
def test_the_disk_fails_while_an_entry_is_staged(store: Store, code: int) -> None:
    """Nothing is left in the trash, and nothing has been deleted."""
    first, second = push(store), push(store, SECOND, note="second")
    before = files(store.layout.image(KEY, IMAGE))
    for number in range(1, 100):
        with Watched(fails(number, code), BUILDING) as seen:
            try:
                store.trash.stage(PLACE, [(TAG, first), (SECOND, second)], ALICE)
            except (StorageFull, StorageFailed) as error:
                assert isinstance(error, StorageFull) == (code == errno.ENOSPC)  # noqa: PT017
            else:
                break
        assert top(store) == [], seen.calls[-1]
        assert files(store.layout.image(KEY, IMAGE)) == before
    assert number > 10


def test_an_inode_without_links_to_give_is_copied(store: Store) -> None:
    digest = push(store)

    def exhausted(number: int, call: Call) -> None:
        if call.name == "link" and "/trash/" in call.paths[1] and IMAGE in call.paths[0]:
            raise OSError(errno.EMLINK, "Too many links")

    with Watched(exhausted):
        delete(store, (TAG, digest))
    (entry,) = entries(store)
    check_complete(store, entry, digest)
    assert temporaries(store.layout.root) == []


# --- killed ------------------------------------------------------------------------------------


def resolve(store: Store) -> None:
    """Do what the pruner does with what is staged."""
    for entry in store.trash.entries(staged=True):
        store.trash.resolve(entry, PLACE)


@pytest.mark.parametrize("number_of_tags", [1, 2, 9])
def test_killed_at_every_step_of_a_deletion(
    store: Store, travel: Travel, number_of_tags: int
) -> None:
    """Each manifest is in its place or in the trash, completely; never in none, never in both."""
    tags = [Tag(f"{n}") for n in range(number_of_tags)]
    digest = Digest.of(image_body(b"layer"))
    reached = 0
    for number in range(1, 400):
        for tag in tags:
            push(store, tag)

        def run(number: int = number) -> None:
            with Watched(kills(number), STEPS):
                delete(store, *((tag, digest) for tag in tags))

        code = in_child(run)
        resolve(Store(store.layout.root))
        deleted = {entry.reference for entry in entries(store)}
        reached = max(reached, len(deleted))
        for tag in tags:
            assert store.manifests.has_folder(PLACE, tag) is (tag not in deleted)
            if tag not in deleted:
                assert store.manifests.holds(PLACE, tag, Digest.of(b"layer"))
        for entry in entries(store):
            check_complete(store, entry, digest)
            store.trash.remove(entry)
        travel.wait(2 * DAY)
        store.trash.sweep(travel.time() - DAY, travel.time() - DAY)
        assert top(store) == []
        if code == 0:
            break
    else:
        raise AssertionError("the deletion never came to its end")
    assert reached == number_of_tags
    for name in temporaries(store.layout.root):
        os.unlink(f"{store.layout.root}/{name}")


def test_resolving_what_is_over_already_does_nothing(store: Store) -> None:
    digest = push(store)
    staged = store.trash.stage(PLACE, [(TAG, digest)], ALICE)
    (seen,) = store.trash.entries(staged=True)
    store.manifests.remove_folders(PLACE, [TAG])
    store.trash.finish(staged)
    store.trash.resolve(seen, PLACE)
    assert len(entries(store)) == 1


def test_another_manifest_under_the_same_tag_is_no_reason_to_give_up(store: Store) -> None:
    """Killed after the removal; then somebody pushed the tag again."""
    digest = push(store)
    store.trash.stage(PLACE, [(TAG, digest)], ALICE)
    store.manifests.remove_folders(PLACE, [TAG])
    push(store, note="another")
    resolve(store)
    (entry,) = entries(store)
    check_complete(store, entry, digest)


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


# --- whole repositories ------------------------------------------------------------------------


def define(store: Store) -> str:
    path = store.layout.repository_definition(KEY)
    with open(path, "w", encoding="ascii") as file:
        file.write("{}")
    return path


def test_a_repository_goes_and_comes_back(store: Store) -> None:
    push(store)
    before = files(store.layout.repository(KEY))
    definition = define(store)
    store.trash.take_repository(KEY, definition, ALICE)
    assert not os.path.exists(definition)
    assert not os.path.exists(store.layout.repository(KEY))
    (entry,) = entries(store)
    assert entry.is_repository
    store.trash.give_back_repository(entry)
    assert files(store.layout.repository(KEY)) == before
    assert os.path.exists(definition)
    assert top(store) == []


def test_a_repository_does_not_come_back_over_another_one(store: Store) -> None:
    push(store)
    store.trash.take_repository(KEY, define(store), ALICE)
    (entry,) = entries(store)
    define(store)
    with pytest.raises(RestoreConflict):
        store.trash.give_back_repository(entry)
    os.unlink(store.layout.repository_definition(KEY))
    push(store)
    with pytest.raises(RestoreConflict):
        store.trash.give_back_repository(entry)
    assert entries(store) == [entry]


def test_a_lost_repository_has_no_definition_to_come_back_with(store: Store) -> None:
    push(store)
    store.trash.take_lost(KEY, ALICE)
    (entry,) = entries(store)
    with pytest.raises(TrashUnknown):
        store.trash.give_back_repository(entry)


@pytest.mark.parametrize("way", ["delete", "restore"])
def test_killed_at_every_step_of_a_whole_repository(store: Store, way: str) -> None:
    """It is there or in the trash, with all that it has; what is done again is done."""
    push(store)
    before = files(store.layout.repository(KEY))
    definition = define(store)

    def go() -> None:
        if way == "delete":
            store.trash.take_repository(KEY, definition, ALICE)
        else:
            store.trash.give_back_repository(entries(store)[0])

    for number in range(1, 60):
        if way == "restore" and os.path.exists(definition):
            store.trash.take_repository(KEY, definition, ALICE)

        def run(number: int = number) -> None:
            with Watched(kills(number), STEPS):
                go()

        code = in_child(run)
        again = Store(store.layout.root)
        for entry in again.trash.entries(staged=True):
            again.trash.resolve_repository(entry)
        if os.path.exists(definition):
            assert files(store.layout.repository(KEY)) == before
        else:
            (entry,) = entries(store)
            again.trash.give_back_repository(entry)
        assert files(store.layout.repository(KEY)) == before
        assert os.path.exists(definition)
        if code == 0:
            break
        for left in entries(store):
            store.trash.remove(left)
    assert number > 5
    for name in temporaries(store.layout.root):
        os.unlink(f"{store.layout.root}/{name}")
