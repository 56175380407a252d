from __future__ import annotations

import json
import os

import pytest

from registry.model.digests import Digest
from registry.model.errors import StorageFailed, StorageFull, UploadRangeInvalid, UploadUnknown
from registry.model.names import ImageName, RepositoryKey
from registry.storage import uploads as module
from registry.storage.store import Store
from registry.storage.upload_writer import Upload
from registry.storage.uploads import Uploads
from tests.storage.conftest import IMAGE, KEY
from tests.storage.folders import files, mode, open_files

DATA = bytes(range(256)) * 3


def start(uploads: Uploads, algorithm: str = "sha256") -> Upload:
    return uploads.start(KEY, IMAGE, "alice", algorithm)


def append(uploads: Uploads, upload: Upload, data: bytes, at: int | None = None) -> int:
    """Append like a whole request: open, write, settle, close."""
    writer = uploads.open_writer(upload, at)
    try:
        writer.write(data)
        return uploads.settle(writer)
    finally:
        writer.close()


def digest(uploads: Uploads, upload: Upload, algorithm: str = "sha256") -> Digest:
    writer = uploads.open_writer(upload)
    try:
        return uploads.digest(writer, algorithm)
    finally:
        writer.close()


def never_read(descriptor: int, algorithm: str) -> Digest:
    raise AssertionError("the bytes were read again")


def test_an_upload_is_two_private_files(store: Store) -> None:
    upload = start(store.uploads)
    assert set(files(store.layout.top("uploads"))) == {f"{upload.id}.data", f"{upload.id}.jsonl"}
    assert mode(upload.data) == mode(upload.record) == 0o600
    assert upload.size == 0


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_an_upload_goes_on_at_every_offset(store: Store, algorithm: str) -> None:
    for cut in (0, 1, 255, 256, len(DATA) - 1, len(DATA)):
        upload = start(store.uploads, algorithm)
        assert append(store.uploads, upload, DATA[:cut], at=0) == cut
        assert store.uploads.find(upload.id, KEY, IMAGE, "alice").size == cut
        assert append(store.uploads, upload, DATA[cut:], at=cut) == len(DATA)
        for asked in ("sha256", "sha512"):
            assert digest(store.uploads, upload, asked) == Digest.of(DATA, asked)
        assert store.uploads.remove(upload)


@pytest.mark.parametrize("at", [0, 1, 9, 11, 2**62])
def test_a_wrong_start_is_refused_with_the_right_one(store: Store, at: int) -> None:
    upload = start(store.uploads)
    append(store.uploads, upload, b"0123456789")
    before = open_files()
    with pytest.raises(UploadRangeInvalid) as caught:
        store.uploads.open_writer(upload, at)
    assert caught.value.size == 10
    assert open_files() == before
    assert append(store.uploads, upload, b"x", at=10) == 11


@pytest.mark.parametrize(
    ("upload_id", "key", "image", "owner"),
    [
        ("", KEY, IMAGE, "alice"),
        ("../../etc/keys", KEY, IMAGE, "alice"),
        ("0" * 32, KEY, IMAGE, "alice"),
        ("0" * 31, KEY, IMAGE, "alice"),
        ("A" * 32, KEY, IMAGE, "alice"),
        ("\n", KEY, IMAGE, "alice"),
        (None, RepositoryKey("other"), IMAGE, "alice"),
        (None, KEY, ImageName("team/other"), "alice"),
        (None, KEY, IMAGE, "bob"),
        (None, KEY, IMAGE, ""),
    ],
)
def test_an_upload_is_found_by_its_owner_only(
    store: Store, upload_id: str | None, key: RepositoryKey, image: ImageName, owner: str
) -> None:
    upload = start(store.uploads)
    with pytest.raises(UploadUnknown) as caught:
        store.uploads.find(upload.id if upload_id is None else upload_id, key, image, owner)
    assert caught.value.message.startswith("there is no such upload")
    assert store.uploads.find(upload.id, KEY, IMAGE, "alice") == upload


def test_an_upload_whose_start_was_killed_is_unknown(store: Store) -> None:
    upload = start(store.uploads)
    for damaged in (b"", b"{", b"[]"[:1], b'{"repository": "docker'):
        with open(upload.record, "wb") as file:
            file.write(damaged)
        with pytest.raises(UploadUnknown):
            store.uploads.find(upload.id, KEY, IMAGE, "alice")


def test_hashing_on_the_way_spares_reading_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.storage.uploads.read_digest", never_read)
    upload = start(store.uploads)
    for n in range(0, len(DATA), 100):
        append(store.uploads, upload, DATA[n : n + 100])
    assert digest(store.uploads, upload) == Digest.of(DATA)


def test_two_workers_take_turns(store: Store) -> None:
    """Each has hashed only some of the chunks, and must not believe what it remembers of others."""
    workers = [Uploads(store.layout), Uploads(store.layout), Uploads(store.layout)]
    for order in ([0, 1, 0, 1], [0, 1, 1, 0], [0, 0, 1, 0], [1, 0, 2, 0], [0, 1, 2, 2]):
        upload = start(workers[2])
        for turn, number in enumerate(order):
            data = DATA[turn * 100 : turn * 100 + 100]
            assert append(workers[number], upload, data, at=turn * 100) == turn * 100 + 100
        for worker in workers:
            assert digest(worker, upload) == Digest.of(DATA[:400])


def test_a_checkpoint_is_good_for_another_worker(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = start(store.uploads)
    append(store.uploads, upload, DATA)
    monkeypatch.setattr("registry.storage.uploads.read_digest", never_read)
    assert digest(Uploads(store.layout), upload) == Digest.of(DATA)


@pytest.mark.parametrize("field", ["boot", "size"])
def test_a_checkpoint_of_another_run_or_size_is_not_believed(
    store: Store, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut the file may have the right size and the wrong bytes."""
    upload = start(store.uploads)
    append(store.uploads, upload, b"right")
    with open(upload.data, "r+b") as file:
        file.write(b"wrong")
    if field == "boot":
        monkeypatch.setattr(module, "boot_id", lambda: "another")
    else:
        with open(upload.data, "ab") as file:
            file.write(b"er")
    other = Uploads(store.layout)
    expected = b"wrong" if field == "boot" else b"wronger"
    assert digest(other, upload) == Digest.of(expected)


@pytest.mark.parametrize("line", [b"{", b"{}", b'{"size": 5, "boot": 1}', b"\xff"])
def test_a_damaged_checkpoint_costs_one_reading(store: Store, line: bytes) -> None:
    upload = start(store.uploads)
    append(store.uploads, upload, b"right")
    with open(upload.record, "ab") as file:
        file.write(line)
    assert digest(Uploads(store.layout), upload) == Digest.of(b"right")


def test_what_is_undone_can_be_sent_again(store: Store) -> None:
    upload = start(store.uploads)
    append(store.uploads, upload, b"first")
    writer = store.uploads.open_writer(upload)
    writer.write(b" second")
    writer.undo()
    assert upload.size == writer.size == 5
    assert store.uploads.digest(writer, "sha256") == Digest.of(b"first")
    writer.close()
    assert append(store.uploads, upload, b" third", at=5) == 11
    assert digest(store.uploads, upload) == Digest.of(b"first third")


def test_a_broken_connection_keeps_its_bytes(store: Store) -> None:
    upload = start(store.uploads)
    writer = store.uploads.open_writer(upload)
    writer.write(b"so far")
    writer.close()
    writer.close()
    assert upload.size == 6
    append(store.uploads, upload, b" and on", at=6)
    assert digest(store.uploads, upload) == Digest.of(b"so far and on")


def test_a_whole_upload_that_is_not_finished_leaves_nothing(store: Store) -> None:
    writer = store.uploads.open_whole(KEY, IMAGE, "alice", "sha512", 3)
    writer.write(b"abc")
    assert store.uploads.digest(writer, "sha512") == Digest.of(b"abc", "sha512")
    writer.close()
    assert files(store.layout.top("uploads")) == {}


def test_a_body_that_would_not_fit_is_refused_before_its_first_byte(store: Store) -> None:
    before = open_files()
    with pytest.raises(StorageFull):
        store.uploads.open_whole(KEY, IMAGE, "alice", "sha256", 2**60)
    assert files(store.layout.top("uploads")) == {}
    upload = start(store.uploads)
    with pytest.raises(StorageFull):
        store.uploads.open_writer(upload, length=2**60)
    assert open_files() == before


def test_a_removed_upload_is_gone_for_everybody(store: Store) -> None:
    upload = start(store.uploads)
    append(store.uploads, upload, b"x")
    writer = store.uploads.open_writer(upload)
    assert store.uploads.remove(upload)
    assert not store.uploads.remove(upload)
    writer.write(b"late")
    with pytest.raises(UploadUnknown):
        store.uploads.settle(writer)
    writer.close()
    with pytest.raises(UploadUnknown):
        store.uploads.open_writer(upload)
    with pytest.raises(UploadUnknown):
        _ = upload.size
    assert files(store.layout.top("uploads")) == {}


def test_the_memory_of_hashes_is_bounded(store: Store) -> None:
    for _ in range(module._REMEMBERED + 5):
        append(store.uploads, start(store.uploads), b"x")
    assert len(store.uploads._hashers) == module._REMEMBERED


def test_the_record_names_whose_upload_it_is(store: Store) -> None:
    upload = start(store.uploads)
    append(store.uploads, upload, b"x")
    with open(upload.record, encoding="utf-8") as file:
        first, second = map(json.loads, file)
    assert first == {"repository": KEY, "image": IMAGE, "owner": "alice", "algorithm": "sha256"}
    assert second["digest"] == Digest.of(b"x")


def test_a_start_on_a_full_disk_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, line: bytes) -> None:
        raise StorageFull("full")

    monkeypatch.setattr("registry.storage.open_files.write_all", refuse)
    before = open_files()
    with pytest.raises(StorageFull):
        start(store.uploads)
    assert files(store.layout.top("uploads")) == {}
    assert open_files() == before


def test_a_planted_symbolic_link_is_not_written_through(store: Store) -> None:
    upload = start(store.uploads)
    victim = f"{store.layout.root}/victim"
    with open(victim, "wb") as file:
        file.write(b"safe")
    os.unlink(upload.data)
    os.symlink(victim, upload.data)
    with pytest.raises(StorageFailed):
        append(store.uploads, upload, b"evil")
    with open(victim, "rb") as file:
        assert file.read() == b"safe"
