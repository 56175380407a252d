"""Deleting: what each way of it takes away at once, what it leaves, and what a kill leaves."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable

import pytest

from registry.model.digests import Digest
from registry.model.errors import (
    BlobUnknown,
    ImageUnknown,
    ManifestUnknown,
    OperationUnsupported,
    StorageFull,
)
from registry.model.names import ImageName, Tag
from registry.storage.manifest_files import Place
from tests.repositories.pushing import all_tags
from tests.storage.faults import STEPS, Call, Watched, in_child, kills
from tests.support.accounts import check_accounts
from tests.support.bench import ALICE, IMAGE, KEY, TAG, Bench, image, index, referrer
from tests.support.travel import DAY, HOUR

SECOND = Tag("2.0")
BODY = image(b"layer")


def tags_in_trash(bench: Bench) -> list[str]:
    return sorted(str(entry.reference) for entry in bench.entries())


# --- tags --------------------------------------------------------------------------------------


def test_an_untagged_manifest_is_pulled_by_digest(bench: Bench) -> None:
    bench.push(b"layer")
    bench.untag()
    assert not bench.pulls(TAG)
    assert bench.pull(BODY) == BODY
    assert tags_in_trash(bench) == ["1.0"]
    assert all_tags(bench.repository) == []


def test_a_deleted_tag_takes_its_manifest_along(bench: Bench) -> None:
    bench.push(b"layer")
    bench.repository.delete_tag(IMAGE, TAG, ALICE)
    assert not bench.pulls(TAG)
    assert not bench.has(BODY)
    assert tags_in_trash(bench) == ["1.0"]


@pytest.mark.parametrize("other", ["tag", "digest", "index"])
def test_a_deleted_tag_leaves_what_something_else_stands_for(bench: Bench, other: str) -> None:
    bench.push(b"layer")
    if other == "tag":
        bench.put(BODY, SECOND)
    elif other == "digest":
        bench.put(BODY)
    else:
        bench.put(index(BODY), SECOND)
    bench.repository.delete_tag(IMAGE, TAG, ALICE)
    assert bench.pull(BODY) == BODY
    if other != "digest":
        bench.settle()
        bench.pull(SECOND)
        check_accounts(bench.root)


def test_two_tags_lose_their_manifest_with_the_second(bench: Bench) -> None:
    bench.push(b"layer")
    bench.put(BODY, SECOND)
    bench.repository.delete_tag(IMAGE, TAG, ALICE)
    assert bench.pull(SECOND) == BODY
    bench.repository.delete_tag(IMAGE, SECOND, ALICE)
    assert not bench.has(BODY)
    assert tags_in_trash(bench) == ["1.0", "2.0"]


@pytest.mark.parametrize("name", [IMAGE, ImageName("no/such")])
def test_what_is_not_there_cannot_be_deleted(bench: Bench, name: ImageName) -> None:
    bench.push(b"layer")
    repository = bench.repository
    with pytest.raises(ManifestUnknown):
        repository.delete_tag(name, SECOND, ALICE)
    with pytest.raises(ManifestUnknown):
        repository.delete_manifest(name, SECOND, ALICE)
    with pytest.raises(ManifestUnknown):
        repository.delete_manifest(name, Digest.of(b"no such"), ALICE)
    with pytest.raises(BlobUnknown):
        repository.delete_blob(name, Digest.of(b"no such"), ALICE)
    with pytest.raises(ImageUnknown):
        repository.delete_image(ImageName("no/such"), ALICE)
    assert bench.entries() == []
    bench.pull()
    assert not os.path.exists(bench.layout.image(KEY, ImageName("no/such")))


# --- manifests ---------------------------------------------------------------------------------


def test_a_deleted_manifest_takes_its_tags_along(bench: Bench) -> None:
    bench.push(b"layer")
    bench.put(BODY, SECOND)
    bench.push(b"other", to=Tag("other"), note="other")
    bench.delete(BODY)
    assert not bench.has(BODY)
    assert all_tags(bench.repository) == ["other"]
    assert tags_in_trash(bench) == ["1.0", "2.0"]
    assert len({entry.act for entry in bench.entries()}) == 1


def test_a_deleted_manifest_is_no_longer_a_referrer(bench: Bench) -> None:
    bench.push(b"layer")
    bench.put(referrer(BODY))
    assert len(bench.repository.referrers(IMAGE, Digest.of(BODY))) == 1
    bench.delete(referrer(BODY))
    assert bench.repository.referrers(IMAGE, Digest.of(BODY)) == []
    bench.settle()
    check_accounts(bench.root)


@pytest.mark.parametrize("tagged", [True, False])
def test_a_child_cannot_be_deleted_before_its_index(bench: Bench, tagged: bool) -> None:
    bench.push(b"layer", to=None)
    bench.put(index(BODY), TAG if tagged else None)
    with pytest.raises(OperationUnsupported, match="part of the index"):
        bench.delete(BODY)
    assert bench.entries() == []
    bench.delete(index(BODY))
    bench.delete(BODY)
    assert not bench.has(BODY)


def test_where_sparse_indexes_are_allowed_a_child_can_be_deleted(bench: Bench) -> None:
    bench.configure(allowSparseIndexes=True)
    bench.push(b"layer", to=None)
    bench.put(index(BODY), TAG)
    bench.delete(BODY)
    assert not bench.has(BODY)
    assert bench.repository.manifest(IMAGE, TAG).body == index(BODY)


# --- images and blobs --------------------------------------------------------------------------


def test_a_deleted_image_leaves_others_alone(bench: Bench) -> None:
    inner = ImageName(f"{IMAGE}/inner")
    bench.push(b"layer")
    bench.put(index(BODY), SECOND)
    bench.put(referrer(BODY))
    bench.push(b"inner", at=inner, note="inner")
    bench.repository.delete_image(IMAGE, ALICE)
    assert bench.repository.images_below(IMAGE) == [inner]
    assert not any(map(bench.has, (BODY, index(BODY), referrer(BODY))))
    assert len(bench.entries()) == 3
    bench.settle()
    assert bench.pull(TAG, inner) == image(b"inner", note="inner")
    check_accounts(bench.root)


def test_a_blob_that_a_manifest_needs_cannot_be_deleted(bench: Bench) -> None:
    bench.push(b"layer")
    bench.blob(b"lonely")
    with pytest.raises(OperationUnsupported, match=r"part of '1\.0'"):
        bench.repository.delete_blob(IMAGE, Digest.of(b"layer"), ALICE)
    bench.repository.delete_blob(IMAGE, Digest.of(b"lonely"), ALICE)
    assert not bench.shows(b"lonely")
    bench.pull()


def test_deleted_means_gone_on_every_process(bench: Bench) -> None:
    other = bench.again()
    bench.push(b"layer")
    assert other.pull() == BODY
    bench.delete(BODY)
    assert not other.pulls()
    assert not other.has(BODY)
    other.push(b"layer")
    assert bench.pull() == BODY


def test_without_a_trash_it_is_gone_for_good(bench: Bench) -> None:
    bare = Bench(bench.root, bench.travel, keeps_trash=False)
    for way in ("untag", "manifest", "tag", "image"):
        bare.push(b"layer")
        WAYS[way](bare)
        assert not bare.pulls(TAG)
        assert os.listdir(bare.layout.top("trash")) == []
    bare.live_for(3 * DAY)
    check_accounts(bench.root)


def test_a_push_right_after_a_deletion(bench: Bench) -> None:
    for _ in range(5):
        bench.push(b"layer")
        bench.repository.delete_image(IMAGE, ALICE)
    bench.push(b"layer")
    assert len(bench.entries()) == 5
    bench.settle()
    assert bench.pull() == BODY
    check_accounts(bench.root)


# --- a full disk -------------------------------------------------------------------------------

WAYS: dict[str, Callable[[Bench], object]] = {
    "untag": lambda bench: bench.untag(),
    "tag": lambda bench: bench.repository.delete_tag(IMAGE, TAG, ALICE),
    "child": lambda bench: bench.repository.delete_tag(IMAGE, Tag("child"), ALICE),
    "manifest": lambda bench: bench.delete(BODY),
    "referrer": lambda bench: bench.delete(referrer(BODY)),
    "index": lambda bench: bench.delete(index(image(b"child", note="child"))),
    "image": lambda bench: bench.repository.delete_image(IMAGE, ALICE),
}


def fill(bench: Bench) -> list[bytes]:
    """Push something for each way of deleting; return all manifests."""
    child = bench.push(b"child", to=Tag("child"), note="child")
    bench.push(b"layer")
    bodies = [BODY, child, index(child), referrer(BODY)]
    bench.put(BODY, SECOND)
    bench.put(bodies[2], Tag("index"))
    bench.put(bodies[3])
    return bodies


def state(bench: Bench) -> dict[str, object]:
    """Return what the image shows: all that can be pulled must be pulled completely."""
    repository, place = bench.repository, Place(KEY, IMAGE)
    found: dict[str, object] = {}
    for reference in bench.store.manifests.folders(place):
        found[str(reference)] = bench.pull(reference)
    for digest in bench.store.manifests.digests(place):
        found[f"digest {digest}"] = bench.pull(digest)
    found["tags"] = all_tags(repository) if found else []
    return found


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


# --- killed ------------------------------------------------------------------------------------


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
        bench.live_for(2 * DAY, every=12 * HOUR)
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
