"""What a pass does where the world is not as it should be: clocks, copies, a full disk."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.names import Tag
from registry.services.pruning_steps import SPLIT
from tests.storage.faults import Call, Watched
from tests.support.accounts import check_accounts
from tests.support.bench import (
    ALICE,
    EVERYTHING,
    GRACE,
    HOLD,
    IMAGE,
    KEY,
    UNTAGGED,
    Bench,
    image,
)
from tests.support.travel import DAY, HOUR, MINUTE, Travel

YEARS = 3650 * DAY


# --- clocks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [YEARS, -YEARS, 2 * DAY, -2 * DAY, 3 * HOUR, -3 * HOUR])
def test_a_jump_of_the_clock_frees_nothing(bench: Bench, jump: float) -> None:
    """Leases, manifests without a tag, the trash: nothing goes because of the jump alone."""
    bench.push(b"first", note="1")
    bench.push(b"second", note="2")
    bench.push(b"deleted", to=Tag("deleted"))
    bench.live_for(2 * HOUR, every=HOUR)
    bench.repository.delete_tag(IMAGE, Tag("deleted"), ALICE)
    bench.blob(b"lonely")
    bench.travel.jump(jump)
    for _ in range(11):
        report = bench.prune(after=5 * MINUTE)
        assert report.trash_expired == report.manifests_deleted == report.leases_ended == 0
    bench.pull(image(b"first", note="1"))
    assert bench.shows(b"lonely")
    bench.restore(Tag("deleted"))
    bench.pull(Tag("deleted"))


@pytest.mark.parametrize("jump", [YEARS, -YEARS])
def test_the_pass_after_a_jump_is_not_made(bench: Bench, jump: float) -> None:
    bench.prune()
    bench.travel.jump(jump)
    skipped = bench.prune(after=MINUTE)
    assert skipped.skipped is not None
    assert "clock" in skipped.skipped
    assert bench.prune(after=MINUTE).skipped is None


@pytest.mark.parametrize("jump", [YEARS, -YEARS, 2 * DAY, -2 * DAY])
def test_what_is_on_hold_stays_on_hold_over_a_jump(bench: Bench, jump: float) -> None:
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    bench.blob(b"lonely")
    bench.prune()
    assert bench.prune(after=2 * DAY).set_on_hold.names == 1
    bench.travel.jump(jump)
    for _ in range(11):
        assert bench.prune(after=5 * MINUTE).freed.names == 0
    assert bench.repository.blob(IMAGE, bench.blob(b"lonely")) is not None
    bench.store.filestore.give(Digest.of(b"alone"), f"{bench.layout.top('uploads')}/taken")
    os.unlink(f"{bench.layout.top('uploads')}/taken")


@pytest.mark.parametrize("jump", [YEARS, 2 * DAY])
def test_after_a_jump_forward_everything_goes_its_way(bench: Bench, jump: float) -> None:
    bench.delete(bench.push(b"layer"))
    bench.blob(b"lonely")
    bench.live_for(2 * DAY)
    bench.travel.jump(jump)
    bench.settle()
    check_accounts(bench.root)


def test_after_a_correction_backwards_nothing_is_held_for_ever(bench: Bench) -> None:
    """The clock was two days ahead when everything was made, and is right again."""
    bench.travel.jump(2 * DAY)
    bench.delete(bench.push(b"layer"))
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    bench.blob(b"lonely")
    bench.live_for(2 * DAY)
    bench.travel.jump(-2 * DAY)
    bench.live_for(2 * DAY + EVERYTHING, every=DAY)
    check_accounts(bench.root)


# --- copies without hard links -----------------------------------------------------------------


def copied(bench: Bench, target: Path) -> Bench:
    """Return a copy of the store in which every name is a file of its own."""
    shutil.copytree(bench.root, target, copy_function=shutil.copyfile)
    return Bench(str(target), bench.travel)


def test_of_a_copy_without_hard_links_nothing_is_freed(bench: Bench, tmp_path: Path) -> None:
    for number in range(5):
        bench.push(f"{number}".encode(), to=Tag(f"{number}"), note=f"{number}")
    copy = copied(bench, tmp_path / "copy")
    report = copy.live_for(5 * DAY)
    assert report.skipped == SPLIT
    assert "relink" in SPLIT
    assert report.freed.names == report.set_on_hold.names == 0
    for number in range(5):
        copy.pull(Tag(f"{number}"))
        assert copy.stores(f"{number}".encode())


def test_a_copy_without_hard_links_goes_on_being_pushed_to_and_deleted_from(
    bench: Bench, tmp_path: Path
) -> None:
    gone = bench.push(b"gone", to=Tag("gone"), note="gone")
    kept = bench.push(b"kept")
    copy = copied(bench, tmp_path / "copy")
    copy.live_for(2 * DAY)
    copy.delete(gone)
    new = copy.push(b"new", b"kept", to=Tag("new"))
    copy.settle()
    assert not copy.has(gone)
    assert copy.pull() == kept
    assert copy.pull(Tag("new")) == new


def test_one_image_without_hard_links_does_not_stop_the_pruner(bench: Bench) -> None:
    """Most of the store is well: content that the image has elsewhere waits, the rest goes."""
    for number in range(8):
        bench.push(f"{number}".encode(), to=Tag(f"{number}"), note=f"{number}")
    path = bench.layout.layer(KEY, IMAGE, Digest.of(b"7"))
    folder = bench.layout.manifest_folder(KEY, IMAGE, Tag("7"))
    for name in (path, f"{folder}/{os.path.basename(path)}"):
        os.unlink(name)
        with open(name, "wb") as file:
            file.write(b"7")
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    report = bench.live_for(3 * DAY)
    assert report.skipped is None
    assert not bench.stores(b"alone")
    assert bench.stores(b"7")
    bench.pull(Tag("7"))


# --- a full disk -------------------------------------------------------------------------------


def full(number: int, call: Call) -> None:
    """Take away all room; names can be removed and renamed within a folder."""
    if call.name in ("open", "mkdir", "write", "link"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *call.paths[:1])


def test_a_pass_frees_on_a_full_disk(bench: Bench) -> None:
    """Whatever it cannot do: a manifest whose time is over has no room in the trash."""
    bench.push(b"first", note="1")
    bench.push(b"second", note="2")
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    bench.prune(after=MINUTE)
    bench.travel.wait(UNTAGGED + DAY)
    with Watched(full):
        bench.prune()
        assert not bench.stores(b"alone")
    bench.pull()
    bench.settle()
    check_accounts(bench.root)


@pytest.mark.usefixtures("bench")
def test_freeing_needs_no_room_at_all(bench: Bench, travel: Travel) -> None:
    for number in range(3):
        data = f"alone {number}".encode()
        bench.store.filestore.store(data, Digest.of(data))
    bench.prune()
    bench.prune(after=GRACE + HOUR)
    travel.wait(HOLD)
    bench.prune(after=2 * HOUR)
    with Watched(full):
        bench.prune(after=2 * HOUR)
    names = [name for _, _, names in os.walk(bench.layout.top("filestore")) for name in names]
    assert names == []
