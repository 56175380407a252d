"""The trash where the disk fails or the process is killed: all is complete, somewhere."""

from __future__ import annotations

import errno
import os

import pytest

from registry.model.digests import Digest
from registry.model.errors import StorageFailed, StorageFull
from registry.model.names import Tag
from registry.storage import open_files
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY, PLACE
from tests.storage.faults import BUILDING, STEPS, Call, Watched, fails, in_child, kills
from tests.storage.folders import files, temporaries
from tests.storage.pushes import image_body
from tests.storage.trashing import (
    ALICE,
    SECOND,
    TAG,
    check_complete,
    delete,
    entries,
    push,
    top,
)
from tests.support.travel import DAY, Travel

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
        store.trash.resolve(entry)


@pytest.mark.parametrize("number_of_tags", [1, 2, 9])
def test_killed_at_every_step_of_a_deletion(
    store: Store, travel: Travel, number_of_tags: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each manifest is in its place or in the trash, completely; never in none, never in both."""
    # A killed process loses nothing that it has written, so that costs time and tells nothing.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(open_files, "sync_filesystem", lambda path: None)
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
    store.trash.resolve(seen)
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
