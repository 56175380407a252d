"""R12: uploads that are swept while somebody goes on with them."""

from __future__ import annotations

import contextlib
import os
from contextlib import closing
from typing import Any

import pytest

from registry.model.digests import Digest
from registry.model.errors import UploadUnknown
from registry.storage import atomic, open_files, upload_sweep
from tests.faults.races.gates import at
from tests.faults.races.scenes import LAYER, settle
from tests.support.bench import ALICE, CONFIG, IMAGE, TAG, UPLOADS, Bench, image
from tests.support.travel import DAY, HOUR, MINUTE


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
        repository.settle_upload(IMAGE, writer)


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
        bench.again().live_for(3 * UPLOADS, every=3 * DAY)
        writer.write(b"yer")
        repository.settle_upload(IMAGE, writer)
    finish(bench, upload.id)


@pytest.mark.parametrize(
    ("owner", "function", "after"),
    [(open_files, "copy_range", False), (open_files, "copy_range", True),
     (atomic, "rename", False), (atomic, "rename", True)],
)  # fmt: skip
def test_r12_a_dead_connection_is_slowly_taken_over_from(
    bench: Bench, owner: Any, function: str, after: bool
) -> None:
    """The bytes so far are copied to a half-done file, which is swept when nobody works on it."""
    repository, pruner = bench.repository, bench.again()
    bench.prune()
    upload = repository.start_upload(IMAGE, "sha256", ALICE).id
    with closing(repository.open_upload(IMAGE, upload, ALICE)) as dead:
        dead.write(b"la")
        with at(owner, function, lambda: pruner.live_for(2 * UPLOADS, every=UPLOADS), after=after):
            go_on(bench, upload, b"yer")
    finish(bench, upload)
    settle(bench)


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
        bench.live_for(UPLOADS + 2 * DAY, every=3 * DAY)
        assert os.listdir(bench.layout.top("uploads")) == []


def test_r12_an_upload_between_two_requests_has_its_days(bench: Bench) -> None:
    upload = bench.repository.start_upload(IMAGE, "sha256", ALICE).id
    bench.live_for(UPLOADS - HOUR, every=3 * DAY)
    go_on(bench, upload, b"la")
    bench.live_for(UPLOADS - HOUR, every=3 * DAY)
    go_on(bench, upload, b"yer")
    bench.live_for(UPLOADS - HOUR, every=3 * DAY)
    finish(bench, upload)
