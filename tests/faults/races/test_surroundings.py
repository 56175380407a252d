"""R11 to R16: folders, uploads, locks, clocks, copies, files being sent."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Response

from registry.model.content import Blob
from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, ManifestPartsMissing, TrashUnknown, UploadUnknown
from registry.model.names import ImageName, Tag
from registry.repositories.restoring import Restoration
from registry.services.pruning_steps import ContentSteps, ImageSteps, TrashSteps
from registry.storage import atomic, held, image_scan, leases, orphans, upload_sweep
from registry.storage.layout import content_name
from registry.storage.trash import Trash
from registry.web import sending
from registry.web.v2 import blobs
from tests.conftest import Client
from tests.faults.races.gates import at
from tests.support.accounts import check_accounts
from tests.support.bench import (
    ALICE,
    CONFIG,
    EVERYTHING,
    GRACE,
    IMAGE,
    KEY,
    TAG,
    TRASH,
    UPLOADS,
    Bench,
    image,
    index,
    referrer,
)
from tests.support.travel import DAY, HOUR, MINUTE

LAYER = b"layer"

# --- R11: empty folders ------------------------------------------------------------------------


@contextlib.contextmanager
def sweeping_every_new_folder(bench: Bench) -> Iterator[list[str]]:
    """Let a pruner find each folder right after it was made for the first time, as if old."""
    pruner, make, made = bench.again(), os.mkdir, list[str]()

    def making(path: Any, *arguments: Any, **more: Any) -> None:
        make(path, *arguments, **more)
        ours = "/artifacts/" in str(path) or "/trash/" in str(path)
        if ours and str(path) not in made:
            made.append(str(path))
            bench.travel.wait(10 * MINUTE)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "mkdir", make)
                pruner.prune()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "mkdir", making)
        yield made


def chunked(bench: Bench) -> None:
    repository = bench.repository
    upload = repository.start_upload(IMAGE, "sha256", ALICE)
    with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        writer.write(LAYER)
        repository.settle_upload(writer)
    with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        repository.finish_upload(IMAGE, writer, Digest.of(LAYER))


def everything(bench: Bench) -> None:
    """Push, mount, refer, retag, delete and restore."""
    chunked(bench)
    body = bench.push(LAYER)
    bench.put(index(body), Tag("index"))
    bench.put(referrer(body))
    deep = ImageName("a/b/c")
    bench.repository.mount_blob(deep, bench.repository.blob(IMAGE, Digest.of(LAYER)), ALICE)
    bench.push(LAYER, at=deep)
    bench.push(b"new", note="new")
    bench.untag()
    bench.restore()


def test_r11_a_folder_is_removed_between_its_making_and_its_use(bench: Bench) -> None:
    bench.prune()
    with sweeping_every_new_folder(bench) as made:
        everything(bench)
    assert len(made) > 15
    assert bench.pull() == image(b"new", note="new")
    assert bench.pull(Tag("index")) == index(image(LAYER))
    assert bench.pull(TAG, ImageName("a/b/c")) == image(LAYER)
    bench.settle()
    check_accounts(bench.root)


def test_r11_a_folder_that_vanishes_again_and_again_is_made_again(bench: Bench) -> None:
    """A writer that misses its folder makes it and tries once more, some times."""
    bench.blob(CONFIG)
    link, left = os.link, iter(range(3))

    def losing(source: Any, target: Any, **more: Any) -> None:
        folder = os.path.dirname(str(target))
        if "/1.0" in str(target) and next(left, None) is not None:
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                os.unlink(f"{folder}/{name}")
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(folder)
        link(source, target, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "link", losing)
        bench.put(image(), TAG)
    assert next(left, None) is None
    bench.pull()


def test_r11_a_folder_in_use_is_not_removed(bench: Bench) -> None:
    """``rmdir`` is the check: whoever has just put something there is not disturbed."""
    folder = f"{bench.layout.repository(KEY)}/team/app/1.0"
    os.makedirs(folder)
    bench.prune(after=HOUR)
    os.makedirs(folder, exist_ok=True)
    bench.travel.wait(HOUR)
    with at(atomic, "remove_folder", lambda: bench.push(LAYER)):
        bench.prune()
    bench.pull()


# --- R12: uploads ------------------------------------------------------------------------------


def begin(bench: Bench) -> str:
    """Begin an upload, long ago."""
    upload = bench.repository.start_upload(IMAGE, "sha256", ALICE)
    go_on(bench, upload.id, b"la")
    bench.prune(after=MINUTE)
    bench.travel.wait(UPLOADS + HOUR)
    return upload.id


def go_on(bench: Bench, upload: str, data: bytes) -> None:
    repository = bench.repository
    with closing(repository.open_upload(IMAGE, upload, ALICE)) as writer:
        writer.write(data)
        repository.settle_upload(writer)


def finish(bench: Bench, upload: str) -> None:
    repository = bench.repository
    with closing(repository.open_upload(IMAGE, upload, ALICE)) as writer:
        repository.finish_upload(IMAGE, writer, Digest.of(LAYER))
    bench.blob(CONFIG)
    bench.put(image(LAYER), TAG)
    bench.pull()


def test_r12_a_slow_body_is_not_purged(bench: Bench) -> None:
    """However long nothing has come: somebody has it open."""
    repository = bench.repository
    upload = repository.start_upload(IMAGE, "sha256", ALICE)
    with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        writer.write(b"la")
        bench.again().live_for(3 * UPLOADS, every=DAY)
        writer.write(b"yer")
        repository.settle_upload(writer)
    finish(bench, upload.id)


@pytest.mark.parametrize("function", ["abandoned", "remove"])
def test_r12_an_upload_that_is_gone_on_with_under_the_pruners_eyes(
    bench: Bench, function: str
) -> None:
    upload = begin(bench)
    party = at(
        upload_sweep, function, lambda: go_on(bench, upload, b"yer"), after=function == "abandoned"
    )
    with party:
        assert bench.again().prune().uploads_removed == 0
    finish(bench, upload)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", ["jsonl", "data"])
def test_r12_a_request_while_the_upload_is_removed(bench: Bench, name: str, after: bool) -> None:
    """It has come too late: the upload is unknown, or goes on; it is never half there."""
    upload = begin(bench)
    gate = at(
        atomic,
        "remove",
        lambda: go_on(bench, upload, b"yer"),
        after=after,
        when=lambda path: path.endswith(f"{upload}.{name}"),
    )
    with contextlib.suppress(UploadUnknown), gate:
        bench.again().prune()
    try:
        finish(bench, upload)
    except UploadUnknown:
        bench.live_for(UPLOADS + 2 * DAY, every=DAY)
        assert os.listdir(bench.layout.top("uploads")) == []


def test_r12_an_upload_between_two_requests_has_its_days(bench: Bench) -> None:
    upload = bench.repository.start_upload(IMAGE, "sha256", ALICE).id
    bench.live_for(UPLOADS - HOUR, every=DAY)
    go_on(bench, upload, b"la")
    bench.live_for(UPLOADS - HOUR, every=DAY)
    go_on(bench, upload, b"yer")
    bench.live_for(UPLOADS - HOUR, every=DAY)
    finish(bench, upload)


# --- R13: locks --------------------------------------------------------------------------------


def test_r13_no_lock_of_an_image_is_held_while_a_body_arrives(bench: Bench) -> None:
    repository = bench.repository
    upload = repository.start_upload(IMAGE, "sha256", ALICE)
    with (
        closing(repository.open_upload(IMAGE, upload.id, ALICE)) as chunk,
        closing(repository.open_whole_upload(IMAGE, "sha256", ALICE, 5)) as whole,
    ):
        for writer in (chunk, whole):
            writer.write(b"la")
        with bench.again().store.locks.try_image(KEY, IMAGE) as free:
            assert free
        other = bench.again()
        other.live_for(2 * GRACE)
        body = other.push(b"other", note="other")
        other.untag()
        assert other.pull(body) == body


PLACES: list[tuple[Any, str]] = [
    (TrashSteps, "resolve"),
    (TrashSteps, "expire"),
    (TrashSteps, "sweep"),
    (ImageSteps, "run"),
    (image_scan.ImageScanner, "scan"),
    (upload_sweep, "abandoned"),
    (ContentSteps, "run"),
    (orphans.Orphans, "scan"),
    (orphans.Orphans, "hold"),
    (orphans.Orphans, "settle"),
    (Trash, "alone"),
]


@pytest.mark.parametrize(("owner", "function"), PLACES)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_r13_a_pruner_that_is_stopped_stops_nobody(
    bench: Bench, owner: Any, function: str, after: bool
) -> None:
    """At all these places it holds no lock that a push, pull or deletion waits for."""
    bench.push(b"old")
    # One orphan to be freed, and one to be set on hold.
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    bench.prune(after=MINUTE)
    bench.prune(after=GRACE + HOUR)
    bench.store.filestore.store(b"second", Digest.of(b"second"))
    bench.prune(after=MINUTE)
    bench.travel.wait(GRACE + HOUR)
    other = bench.again()
    with at(owner, function, lambda: everything(other), after=after) as party:
        pruner = threading.Thread(target=bench.prune)
        pruner.start()
        pruner.join()
        assert party.acted
    assert bench.pull() == image(b"new", note="new")


def test_r13_a_pruner_does_not_wait_for_an_image_that_is_in_use(bench: Bench) -> None:
    bench.blob(b"lonely")
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    bench.prune(after=MINUTE)
    bench.travel.wait(2 * DAY)
    with bench.again().store.locks.image(KEY, IMAGE):
        report = bench.prune()
        assert report.leases_ended == 0
        assert report.set_on_hold.names == 1
    assert bench.prune(after=MINUTE).leases_ended == 1


# --- R14: clocks, R15: copies; more of both in the tests of the pruner's guards ----------------


@pytest.mark.parametrize("jump", [HOUR, DAY, 3650 * DAY, -HOUR, -3650 * DAY])
@pytest.mark.parametrize("place", [(leases, "end"), (held, "hold"), (orphans.Orphans, "scan")])
def test_r14_the_clock_jumps_in_the_middle_of_a_pass(
    bench: Bench, jump: float, place: tuple[Any, str]
) -> None:
    """What a pass believes of the time is fixed at its beginning."""
    bench.blob(b"old")
    bench.prune(after=MINUTE)
    bench.travel.wait(GRACE + HOUR)
    bench.blob(LAYER)
    bench.blob(CONFIG)
    owner, function = place
    with at(owner, function, lambda: bench.travel.jump(jump)):
        bench.prune()
    for _ in range(5):
        bench.prune(after=10 * MINUTE)
    bench.put(image(LAYER), TAG)
    bench.pull()


def test_r15_a_restored_copy_is_not_emptied(bench: Bench, tmp_path: Path) -> None:
    bodies = {Tag(f"{n}"): bench.push(f"{n}".encode(), to=Tag(f"{n}")) for n in range(4)}
    shutil.copytree(bench.root, tmp_path / "copy", copy_function=shutil.copyfile)
    copy = Bench(str(tmp_path / "copy"), bench.travel)
    before = {name for _, _, names in os.walk(copy.layout.top("filestore")) for name in names}
    report = copy.live_for(EVERYTHING, every=DAY)
    assert report.skipped is not None
    after = {name for _, _, names in os.walk(copy.layout.top("filestore")) for name in names}
    assert after == before
    for tag, body in bodies.items():
        assert copy.pull(tag) == body


# --- R16: a file that is being sent ------------------------------------------------------------


def test_r16_what_is_being_sent_is_sent_to_the_end(bench: Bench) -> None:
    """The file is opened before the answer begins; what becomes of its names does not matter."""
    data = bytes(300_000)
    bench.push(data)
    with open(bench.repository.blob(IMAGE, Digest.of(data)).path, "rb") as sent:
        bench.repository.delete_image(IMAGE, ALICE)
        bench.settle()
        check_accounts(bench.root)
        assert not bench.stores(data)
        assert sent.read() == data


def test_r16_no_name_of_a_file_leaves_the_registry(client: Client) -> None:
    """Nobody else opens files by a name that he was told: a name may be gone by then."""
    data = bytes(300_000)
    path = "/v2/docker-local/team/app/blobs"
    client.request("POST", f"{path}/uploads/", query={"digest": Digest.of(data)}, body=data)
    answer = client.get(f"{path}/{Digest.of(data)}")
    assert answer.data == data
    assert not [
        name for name, _ in answer.headers if name.lower().startswith(("x-accel", "x-send"))
    ]
    assert content_name(Digest.of(data)) not in str(answer.headers)


def test_r16_a_file_that_has_just_gone_is_an_unknown_blob(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the opening: no error of the server."""
    data = bytes(300_000)
    path = "/v2/docker-local/team/app/blobs"
    client.request("POST", f"{path}/uploads/", query={"digest": Digest.of(data)}, body=data)
    send = sending.send_blob

    def late(blob: Blob) -> Response:
        os.unlink(blob.path)
        return send(blob)

    monkeypatch.setattr(blobs, "send_blob", late)
    answer = client.get(f"{path}/{Digest.of(data)}")
    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["errors"][0]["code"] == "BLOB_UNKNOWN"


# --- the trash, from both sides ----------------------------------------------------------------


RESTORING: list[tuple[Any, str, bool]] = [
    (Restoration, "run", False),
    (Restoration, "_put", False),
    (Restoration, "_read", True),
    (atomic, "link", False),
    (atomic, "link", True),
    (Trash, "remove", False),
]


@pytest.mark.parametrize("passes", [0.0, 3 * GRACE], ids=["one pass", "all passes"])
@pytest.mark.parametrize(("owner", "function", "after"), RESTORING)
def test_an_entry_expires_while_it_is_restored(
    bench: Bench, owner: Any, function: str, after: bool, passes: float
) -> None:
    """It is restored completely, or the answer is that it is gone; never half."""
    body = bench.push(LAYER)
    bench.prune()
    bench.repository.delete_tag(IMAGE, TAG, ALICE)
    bench.live_for(TRASH - HOUR, every=DAY)
    bench.travel.wait(2 * HOUR)
    pruner = bench.again()
    try:
        with at(owner, function, lambda: pruner.live_for(passes), after=after):
            bench.restore()
    except (TrashUnknown, ManifestPartsMissing):
        assert not bench.has(body)
    else:
        assert bench.pull() == body
    bench.settle()
    check_accounts(bench.root)


def test_an_entry_is_restored_while_it_expires(bench: Bench) -> None:
    body = bench.push(LAYER)
    bench.prune()
    bench.repository.delete_tag(IMAGE, TAG, ALICE)
    bench.live_for(TRASH - HOUR, every=DAY)
    bench.travel.wait(2 * HOUR)
    with at(Trash, "remove", bench.again().restore):
        bench.prune()
    assert bench.pull() == body
    bench.settle()
    assert bench.pull() == body
    check_accounts(bench.root)


def test_a_blob_that_nothing_protects_is_unknown_at_last(bench: Bench) -> None:
    """All the tests above would pass with a pruner that frees nothing."""
    bench.blob(LAYER)
    bench.settle()
    with pytest.raises(BlobUnknown):
        bench.repository.blob(IMAGE, Digest.of(LAYER))
    check_accounts(bench.root)
