from __future__ import annotations

import os

import pytest

from registry.model.digests import Digest
from registry.model.errors import BlobUnknown
from registry.model.names import ImageName, RepositoryKey
from registry.storage import atomic
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY
from tests.storage.faults import Watched
from tests.storage.folders import inode

DATA = b"layer"
DIGEST = Digest.of(DATA)
OTHER = ImageName("team/other")


@pytest.fixture
def shown(store: Store) -> Store:
    store.filestore.store(DATA, DIGEST)
    store.links.add(KEY, IMAGE, DIGEST)
    return store


def test_a_blob_is_shown_by_the_image_that_has_a_link(shown: Store) -> None:
    blob = shown.links.find(KEY, IMAGE, DIGEST)
    assert (blob.digest, blob.size) == (DIGEST, len(DATA))
    assert inode(blob.path) == inode(shown.layout.content(DIGEST))
    assert shown.links.has(KEY, IMAGE, DIGEST)


@pytest.mark.parametrize(
    ("key", "image", "digest"),
    [
        (KEY, OTHER, DIGEST),
        (RepositoryKey("other"), IMAGE, DIGEST),
        (KEY, IMAGE, Digest.of(b"other")),
        (KEY, IMAGE, Digest.of(DATA, "sha512")),
        (KEY, ImageName("team"), DIGEST),
        (KEY, ImageName("team/app/deeper"), DIGEST),
    ],
)
def test_no_other_image_shows_it(
    shown: Store, key: RepositoryKey, image: ImageName, digest: Digest
) -> None:
    assert not shown.links.has(key, image, digest)
    with pytest.raises(BlobUnknown):
        shown.links.find(key, image, digest)


def test_content_that_is_not_there_cannot_be_shown(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.links.add(KEY, IMAGE, DIGEST)
    assert not store.links.has(KEY, IMAGE, DIGEST)


def test_a_mount_costs_no_bytes(shown: Store) -> None:
    blob = shown.links.find(KEY, IMAGE, DIGEST)
    for _ in range(2):
        shown.links.mount(KEY, OTHER, DIGEST, blob)
    assert inode(shown.links.find(KEY, OTHER, DIGEST).path) == inode(blob.path)


def test_a_mount_works_where_the_filestore_lost_its_name(shown: Store) -> None:
    os.unlink(shown.layout.content(DIGEST))
    shown.links.mount(KEY, OTHER, DIGEST, shown.links.find(KEY, IMAGE, DIGEST))
    assert shown.links.has(KEY, OTHER, DIGEST)


def test_an_answer_to_a_pusher_renews_the_lease(shown: Store) -> None:
    path = shown.layout.layer(KEY, IMAGE, DIGEST)
    os.utime(path, (1, 1))
    shown.links.find(KEY, IMAGE, DIGEST)
    assert os.stat(path).st_mtime == 1
    shown.links.find(KEY, IMAGE, DIGEST, renew=True)
    assert os.stat(shown.layout.content(DIGEST)).st_mtime > 1


def test_removing_is_durable_and_says_whether_it_was_there(shown: Store) -> None:
    with Watched() as seen:
        assert shown.links.remove(KEY, IMAGE, DIGEST)
    assert seen.names() == ["unlink", "fsync"]
    assert seen.calls[1].paths == (shown.layout.layers(KEY, IMAGE),)
    assert not shown.links.remove(KEY, IMAGE, DIGEST)
    assert shown.filestore.has(DIGEST)


def test_removing_the_last_link_while_another_removes_the_empty_folder(shown: Store) -> None:
    """Two deletes at once: the one that was first tidies up while the other removes its link."""

    original = os.unlink

    def unlink(path: str) -> None:
        original(path)
        assert atomic.remove_folder(shown.layout.layers(KEY, IMAGE))

    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(os, "unlink", unlink)
        assert shown.links.remove(KEY, IMAGE, DIGEST)
