"""Deleting: what each way of it takes away at once, and what it leaves."""

from __future__ import annotations

import os

import pytest

from registry.model.digests import Digest
from registry.model.errors import (
    BlobUnknown,
    ImageUnknown,
    ManifestUnknown,
    OperationUnsupported,
)
from registry.model.names import ImageName, Tag
from registry.model.paging import PageRequest
from tests.repositories.deletions import BODY, SECOND, WAYS
from tests.repositories.pushing import all_tags
from tests.support.accounts import check_accounts
from tests.support.bench import ALICE, IMAGE, KEY, TAG, Bench, image, index, referrer
from tests.support.travel import DAY


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
    assert list(bench.repository.images(PageRequest()).names) == [inner]
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
