"""A client that comes back while its dead connection still holds the upload."""

from __future__ import annotations

import errno
import os

import pytest

from registry.model.digests import Digest
from registry.model.errors import StorageFull, UploadRangeInvalid, UploadUnknown
from registry.storage.store import Store
from registry.storage.upload_writer import Upload, UploadWriter
from tests.storage.conftest import IMAGE, KEY
from tests.storage.folders import files, inode, open_files


def begin(store: Store, data: bytes) -> tuple[Upload, UploadWriter]:
    upload = store.uploads.start(KEY, IMAGE, "alice")
    writer = store.uploads.open_writer(upload)
    writer.write(data)
    return upload, writer


def test_the_old_writer_ends_without_effect(store: Store) -> None:
    upload, old = begin(store, b"begun")
    new = store.uploads.open_writer(upload, start=5)
    old.write(b" by the dead")
    new.write(b" and ended")
    with pytest.raises(UploadRangeInvalid) as caught:
        store.uploads.settle(old)
    assert caught.value.size == 15
    assert store.uploads.settle(new) == upload.size == 15
    old.undo()
    old.close()
    assert store.uploads.digest(new, "sha256") == Digest.of(b"begun and ended")
    new.close()
    assert files(store.layout.top("uploads"))[f"{upload.id}.data"] == b"begun and ended"


def test_a_later_write_of_the_old_writer_never_reaches_published_content(store: Store) -> None:
    upload, old = begin(store, b"begun")
    new = store.uploads.open_writer(upload)
    digest = store.uploads.digest(new, "sha256")
    store.filestore.publish(new.descriptor, digest)
    old.write(b" by the dead")
    old.undo()
    for writer in (old, new):
        writer.close()
    with open(store.layout.content(digest), "rb") as file:
        assert file.read() == b"begun"


def test_three_in_a_row_take_over_from_each_other(store: Store) -> None:
    upload, first = begin(store, b"1")
    second = store.uploads.open_writer(upload)
    second.write(b"2")
    third = store.uploads.open_writer(upload)
    third.write(b"3")
    assert store.uploads.settle(third) == 3
    for writer in (first, second):
        with pytest.raises(UploadRangeInvalid):
            store.uploads.settle(writer)
    assert store.uploads.digest(third, "sha256") == Digest.of(b"123")
    for writer in (first, second, third):
        writer.close()
    assert len({inode(upload.data)}) == 1


@pytest.mark.parametrize("start", [0, 4, 6])
def test_who_starts_wrong_takes_nothing_over(store: Store, start: int) -> None:
    upload, old = begin(store, b"begun")
    before = inode(upload.data)
    with pytest.raises(UploadRangeInvalid):
        store.uploads.open_writer(upload, start=start)
    assert inode(upload.data) == before
    assert store.uploads.settle(old) == 5
    old.close()


def test_an_ended_upload_is_not_taken_over(store: Store) -> None:
    upload, old = begin(store, b"x")
    before = open_files()
    os.unlink(upload.record)
    with pytest.raises(UploadUnknown):
        store.uploads.open_writer(upload)
    assert open_files() == before
    old.close()
    store.uploads.remove(upload)
    assert files(store.layout.top("uploads")) == {}


def test_taking_over_on_a_full_disk_leaves_everything_as_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, old = begin(store, b"begun")

    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = open_files()
    monkeypatch.setattr(os, "copy_file_range", full)
    with pytest.raises(StorageFull):
        store.uploads.open_writer(upload)
    assert set(files(store.layout.top("uploads"))) == {f"{upload.id}.data", f"{upload.id}.jsonl"}
    assert open_files() == before
    assert store.uploads.settle(old) == 5
    old.close()
