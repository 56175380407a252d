from __future__ import annotations

import errno
import os

import pytest

from registry.model.digests import Digest
from registry.model.errors import StorageFailed, StorageFull
from registry.storage import atomic
from registry.storage import open_files as bytes_of
from registry.storage.filestore import LEASE_RENEWAL
from registry.storage.store import Store
from tests.storage.faults import BUILDING, Watched, fails
from tests.storage.folders import files, inode, mode, open_files, temporaries

DATA = b"content" * 1000
DIGEST = Digest.of(DATA)


def make_upload(store: Store, name: str = "up", data: bytes = DATA) -> tuple[str, int]:
    path = f"{store.layout.top('uploads')}/{name}"
    descriptor = atomic.create_file(path)
    bytes_of.write_all(descriptor, data)
    return path, descriptor


def publish(store: Store, data: bytes = DATA, digest: Digest = DIGEST) -> None:
    path, descriptor = make_upload(store, data=data)
    try:
        store.filestore.publish(descriptor, digest)
    finally:
        os.close(descriptor)
        atomic.remove(path)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_published_content_stands_under_its_digest_and_is_read_only(
    store: Store, algorithm: str
) -> None:
    digest = Digest.of(DATA, algorithm)
    assert not store.filestore.has(digest)
    publish(store, DATA, digest)
    path = store.layout.content(digest)
    assert files(store.layout.top("filestore")) == {
        f"{algorithm}/{digest.encoded[:2]}/{digest.encoded}": DATA
    }
    assert mode(path) == 0o444
    assert os.stat(path).st_nlink == 1
    assert store.filestore.has(digest)


def test_bytes_are_durable_before_they_have_a_name(store: Store) -> None:
    with Watched(names=["write", "fchmod", "fsync", "link"]) as seen:
        publish(store)
    names = [c.name for c in seen.calls if c.name != "fsync" or "uploads/up" in c.paths[0]]
    assert names[:4] == ["write", "fchmod", "fsync", "link"]


def test_the_same_content_is_kept_once_and_renewed(store: Store) -> None:
    publish(store)
    path = store.layout.content(DIGEST)
    before = inode(path)
    os.utime(path, (1, 1))
    publish(store)
    store.filestore.store(DATA, DIGEST)
    assert inode(path) == before
    assert os.stat(path).st_mtime > 1
    assert len(files(store.layout.top("filestore"))) == 1


def test_whoever_loses_the_race_to_publish_keeps_the_winners_file(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find nothing; the second link fails because the name is there by then."""
    publish(store)
    path = store.layout.content(DIGEST)
    before = inode(path)
    answers = iter([False])
    touch = atomic.touch
    monkeypatch.setattr(atomic, "touch", lambda path: next(answers, None) is None and touch(path))
    publish(store)
    assert inode(path) == before


def test_given_names_are_one_inode(store: Store) -> None:
    store.filestore.store(DATA, DIGEST)
    targets = [f"{store.layout.top('artifacts')}/deep/{n}/x" for n in range(3)]
    for target in targets * 2:
        store.filestore.give(DIGEST, target)
    content = store.layout.content(DIGEST)
    assert {inode(target) for target in targets} == {inode(content)}
    assert os.stat(content).st_nlink == 4


def test_giving_what_is_not_there_is_an_answer(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.filestore.give(DIGEST, f"{store.layout.top('artifacts')}/x")


def test_another_name_serves_where_the_filestore_lost_its_own(store: Store) -> None:
    first, second = (f"{store.layout.top('artifacts')}/{n}" for n in "12")
    store.filestore.store(DATA, DIGEST)
    store.filestore.give(DIGEST, first)
    os.unlink(store.layout.content(DIGEST))
    store.filestore.give(DIGEST, second, first)
    assert inode(first) == inode(second)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_an_inode_without_links_to_give_is_split(store: Store, umask: int) -> None:
    """ext4 has 65,000 names for a file; base layers of a busy registry get there."""
    store.filestore.store(DATA, DIGEST)
    content = store.layout.content(DIGEST)
    old, new = (f"{store.layout.top('artifacts')}/{n}" for n in ("old", "new"))
    store.filestore.give(DIGEST, old)
    full = inode(content)

    def exhausted(number: int, call: object) -> None:
        if inode(content) == full:
            raise OSError(errno.EMLINK, "Too many links")

    mask = os.umask(umask)
    try:
        with Watched(exhausted, ["link"]):
            store.filestore.give(DIGEST, new)
    finally:
        os.umask(mask)
    assert inode(old) == full
    assert inode(new) == inode(content) != full
    assert files(store.layout.top("artifacts")) == {"old": DATA, "new": DATA}
    assert mode(content) == mode(new) == 0o444


def test_a_split_that_fails_leaves_everything_as_it_was(store: Store) -> None:
    store.filestore.store(DATA, DIGEST)
    content, new = store.layout.content(DIGEST), f"{store.layout.top('artifacts')}/new"
    before, count = inode(content), open_files()
    for name in ("open", "fsync", "rename"):

        def react(number: int, call: object, name: str = name) -> None:
            code = errno.EMLINK if getattr(call, "name", "") == "link" else errno.ENOSPC
            raise OSError(code, "injected")

        with Watched(react, ["link", name]), pytest.raises(StorageFull):
            store.filestore.give(DIGEST, new)
        assert inode(content) == before
        assert files(store.layout.top("artifacts")) == {}
        assert open_files() == count


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_storing_that_fails_at_any_step_leaves_nothing(store: Store, code: int) -> None:
    expected = StorageFull if code == errno.ENOSPC else StorageFailed
    failures = 0
    for number in range(1, 100):
        data = str(number).encode()
        digest = Digest.of(data)
        with Watched(fails(number, code), BUILDING) as seen:
            try:
                store.filestore.store(data, digest)
            except expected:
                failures += 1
                assert not store.filestore.has(digest)
        assert temporaries(store.layout.root) == []
        store.filestore.store(data, digest)
        with open(store.layout.content(digest), "rb") as file:
            assert file.read() == data
        if len(seen.calls) < number:
            break
    assert failures >= 6


@pytest.mark.parametrize(("age", "renewed"), [(LEASE_RENEWAL + 60, True), (0, False)])
def test_only_an_old_lease_is_renewed(store: Store, age: float, renewed: bool) -> None:
    store.filestore.store(DATA, DIGEST)
    path = store.layout.content(DIGEST)
    moment = os.stat(path).st_mtime - age
    os.utime(path, (moment, moment))
    store.filestore.renew(path, os.stat(path))
    assert (os.stat(path).st_mtime > moment + 1) is renewed
