"""From an upload to a blob: what may come between."""

from __future__ import annotations

import errno
import os

import pytest

from registry.model.digests import Digest
from registry.model.errors import (
    BlobUnknown,
    DigestMismatch,
    RegistryError,
    StorageFailed,
    StorageFull,
    UploadRangeInvalid,
    UploadUnknown,
)
from registry.repositories.local import LocalRepository
from registry.storage import atomic, open_files
from registry.storage.links import Links
from registry.storage.store import Store
from registry.storage.upload_writer import UploadWriter
from tests.repositories.pushing import ALICE, IMAGE, push_blob
from tests.storage.faults import Call, Watched, fails
from tests.storage.folders import files, mode


def begin(repository: LocalRepository, data: bytes) -> UploadWriter:
    upload = repository.start_upload(IMAGE, "sha256", ALICE)
    writer = repository.open_upload(IMAGE, upload.id, ALICE)
    writer.write(data)
    return writer


def check_content(store: Store) -> None:
    for path, data in files(store.layout.top("filestore")).items():
        assert Digest.of(data).encoded == os.path.basename(path)


def test_a_finished_upload_is_a_read_only_blob(repository: LocalRepository, store: Store) -> None:
    writer = begin(repository, b"data")
    repository.finish_upload(IMAGE, writer, Digest.of(b"data"))
    writer.close()
    blob = repository.blob(IMAGE, Digest.of(b"data"))
    assert mode(blob.path) == 0o444
    assert os.stat(blob.path).st_nlink == 2
    assert files(store.layout.top("uploads")) == {}
    with pytest.raises(UploadUnknown):
        repository.upload(IMAGE, writer.upload.id, ALICE)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_wrong_bytes_become_nothing_and_the_upload_is_as_before(
    repository: LocalRepository, algorithm: str
) -> None:
    first = begin(repository, b"begun")
    repository.settle_upload(IMAGE, first)
    first.close()
    second = repository.open_upload(IMAGE, first.upload.id, ALICE, start=5)
    second.write(b" wrong")
    with pytest.raises(DigestMismatch):
        repository.finish_upload(IMAGE, second, Digest.of(b"begun right", algorithm))
    second.close()
    third = repository.open_upload(IMAGE, first.upload.id, ALICE, start=5)
    third.write(b" right")
    repository.finish_upload(IMAGE, third, Digest.of(b"begun right", algorithm))
    third.close()
    assert repository.blob(IMAGE, Digest.of(b"begun right", algorithm)).size == 11


def test_only_the_present_owner_finishes(repository: LocalRepository, store: Store) -> None:
    old = begin(repository, b"begun")
    new = repository.open_upload(IMAGE, old.upload.id, ALICE, start=5)
    with pytest.raises(UploadRangeInvalid):
        repository.finish_upload(IMAGE, old, Digest.of(b"begun"))
    repository.finish_upload(IMAGE, new, Digest.of(b"begun"))
    old.write(b" and changed")
    for writer in (old, new):
        writer.close()
    check_content(store)
    assert repository.blob(IMAGE, Digest.of(b"begun")).size == 5


@pytest.mark.parametrize("function", ["set_mode", "sync_file", "link_open"])
def test_invariant_4_a_take_over_while_finishing_does_not_change_content(
    repository: LocalRepository,
    store: Store,
    function: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fsync of a large blob takes seconds; an impatient client comes back within them."""
    first = begin(repository, b"begun")
    later: list[UploadWriter] = []
    module = atomic if function == "link_open" else open_files
    original = getattr(module, function)

    def slow(*args: object) -> object:
        if not later:
            later.append(repository.open_upload(IMAGE, first.upload.id, ALICE))
        return original(*args)

    monkeypatch.setattr(module, function, slow)
    try:
        repository.finish_upload(IMAGE, first, Digest.of(b"begun"))
    except (UploadRangeInvalid, UploadUnknown):
        # To give up is right as well: the upload is the other writer's now.
        with pytest.raises(BlobUnknown):
            repository.blob(IMAGE, Digest.of(b"begun"))
    assert later
    later[0].write(b" and changed")
    for writer in (first, *later):
        writer.close()
    check_content(store)


@pytest.mark.parametrize("number", [1, 2])
def test_invariant_4_a_failed_finish_does_not_open_content_for_writing(
    repository: LocalRepository, store: Store, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full at the first or second name: the upload is still there, and the client goes on."""
    first = begin(repository, b"begun")
    name = {1: "link_open", 2: "link"}[number]

    def full(source: str, target: str) -> bool:
        raise StorageFull("full")

    with monkeypatch.context() as context:
        context.setattr(atomic, name, full)
        with pytest.raises(StorageFull):
            repository.finish_upload(IMAGE, first, Digest.of(b"begun"))
    first.close()
    assert mode(first.upload.data) & 0o200 or number == 2
    second = repository.open_upload(IMAGE, first.upload.id, ALICE, start=5)
    second.write(b" and changed")
    check_content(store)
    repository.finish_upload(IMAGE, second, Digest.of(b"begun and changed"))
    second.close()
    check_content(store)
    assert repository.blob(IMAGE, Digest.of(b"begun and changed")).size == 17


def test_a_failed_finish_leaves_a_file_that_a_server_without_root_may_write(
    repository: LocalRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = begin(repository, b"begun")

    def full(*args: object) -> None:
        raise StorageFull("full")

    with monkeypatch.context() as context:
        context.setattr(atomic, "link_open", full)
        with pytest.raises(StorageFull):
            repository.finish_upload(IMAGE, writer, Digest.of(b"begun"))
    writer.close()
    again = repository.open_upload(IMAGE, writer.upload.id, ALICE, start=5)
    assert os.fstat(again.descriptor).st_mode & 0o200
    repository.finish_upload(IMAGE, again, Digest.of(b"begun"))
    again.close()


@pytest.mark.parametrize(
    ("code", "expected"), [(errno.EIO, StorageFailed), (errno.ENOSPC, StorageFull)]
)
def test_an_upload_whose_bytes_could_not_be_made_durable_is_given_up(
    repository: LocalRepository, store: Store, code: int, expected: type[RegistryError]
) -> None:
    """The kernel takes them for written now: a second fsync would promise bytes that are lost."""
    writer = begin(repository, b"begun")
    with Watched(fails(1, code), ["fsync"]) as seen, pytest.raises(expected):
        repository.finish_upload(IMAGE, writer, Digest.of(b"begun"))
    assert seen.calls == [Call("fsync", (writer.upload.data,))]
    writer.close()
    assert files(store.layout.top("uploads")) == files(store.layout.top("filestore")) == {}
    with pytest.raises(UploadUnknown):
        repository.open_upload(IMAGE, writer.upload.id, ALICE, start=5)
    with pytest.raises(BlobUnknown):
        repository.blob(IMAGE, Digest.of(b"begun"))
    # The client sends the bytes again.
    push_blob(repository, b"begun")
    check_content(store)
    assert repository.blob(IMAGE, Digest.of(b"begun")).size == 5


@pytest.mark.parametrize("times", [1, 2, 1000])
def test_invariant_3_success_means_that_the_image_shows_the_blob(
    repository: LocalRepository, store: Store, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content may be pruned between its publication and its link; then again and again."""
    add = Links.add
    calls: list[object] = []

    def pruned(self: Links, *args: object) -> None:
        calls.append(args)
        if len(calls) <= times:
            raise FileNotFoundError
        add(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Links, "add", pruned)
    writer = begin(repository, b"data")
    try:
        repository.finish_upload(IMAGE, writer, Digest.of(b"data"))
    except RegistryError:
        assert times > 2
    else:
        assert repository.blob(IMAGE, Digest.of(b"data")).size == 4
    finally:
        writer.close()
