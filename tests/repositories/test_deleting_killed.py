"""Deleting on a full disk, and killed: all that can be seen is whole, at every moment."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from registry.model.digests import Digest
from registry.model.errors import StorageFull
from registry.model.names import Tag
from registry.storage.manifest_files import Place
from tests.repositories.deletions import WAYS, fill, state
from tests.storage.faults import STEPS, Call, Watched, in_child, kills
from tests.support.accounts import check_accounts
from tests.support.bench import ALICE, IMAGE, KEY, TAG, UNTAGGED, Bench, index
from tests.support.travel import HOUR


@pytest.mark.parametrize("way", WAYS)
def test_a_disk_without_room_for_the_trash(bench: Bench, way: str) -> None:
    """The deletion is refused, and has changed nothing."""
    fill(bench)
    before = state(bench)

    def full(number: int, call: Call) -> None:
        if call.name == "mkdir" and "/trash/" in call.paths[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), call.paths[0])

    with Watched(full), pytest.raises(StorageFull):
        WAYS[way](bench)
    after = state(bench)
    if way in ("untag", "child"):
        # The folder that keeps it by digest may be there already.
        after = {name: body for name, body in after.items() if name in before}
    assert after == before
    assert bench.entries() == []


def test_no_index_is_shown_longer_than_its_children(bench: Bench) -> None:
    """While an image with indexes of indexes is deleted, whoever comes in between."""
    children: dict[bytes, bytes] = {}
    for number in range(8):
        body = bench.push(b"layer", to=None, note=f"{number}")
        for depth in range(3):
            children[index(body, note=f"{depth}")] = body
            body = index(body, note=f"{depth}")
            bench.put(body, Tag(f"{number}-{depth}"))
    place, manifests = Place(KEY, IMAGE), bench.store.manifests
    seen: set[int] = set()

    def check(number: int, call: Call) -> None:
        for body, child in children.items():
            if manifests.has(place, Digest.of(body)):
                assert manifests.has(place, Digest.of(child)), call
        seen.add(len(manifests.digests(place)))

    with Watched(check, ["unlink"]):
        bench.repository.delete_image(IMAGE, ALICE)
    assert seen == set(range(1, 1 + 4 * 8))
    assert len(bench.entries()) == 4 * 8


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_every_step(bench: Bench, way: str) -> None:
    """What can be seen is whole; after some passes every file has a reason, and it is there or
    in the trash, from where it comes back.
    """
    bodies = fill(bench)
    first = state(bench)
    WAYS[way](bench)
    last = state(bench)
    bench.repository.delete_image(IMAGE, ALICE) if last["tags"] else None
    bench.trashcan.empty()
    for number in range(1, 400):
        assert fill(bench) == bodies

        def run(number: int = number) -> None:
            with Watched(kills(number), STEPS):
                WAYS[way](bench)

        code = in_child(run)
        seen = state(bench)
        assert first.keys() >= seen.keys() - last.keys()
        bench.live_for(UNTAGGED - 12 * HOUR, every=12 * HOUR)
        seen = state(bench)
        deleted = {str(entry.reference) for entry in bench.entries()}
        for name in first:
            # Each tag is in its place or in the trash.
            if name in ("1.0", "2.0", "child", "index"):
                assert (name in seen) is (name not in deleted), name
        check_accounts(bench.root)
        if code == 0:
            assert seen.keys() == last.keys()
            break
        assert code == -signal.SIGKILL
        for entry in bench.entries():
            if isinstance(entry.reference, Tag):
                bench.restore(entry.reference)
        bench.pull(TAG)
        bench.pull(Tag("index"))
        bench.repository.delete_image(IMAGE, ALICE)
        bench.trashcan.empty()
    else:
        raise AssertionError("the deletion never came to its end")
    assert number > 5
