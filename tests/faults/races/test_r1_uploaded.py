"""R1: blobs that have been uploaded, and the pruner comes before their manifest."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from registry.storage import filestore, links
from tests.faults.races.gates import at
from tests.faults.races.scenes import (
    BODY,
    DIGEST,
    LAYER,
    check_pushed,
    live_to_the_last_minute,
    put,
)
from tests.support.bench import ALICE, CONFIG, GRACE, IMAGE, TAG, Bench
from tests.support.travel import DAY, HOUR, MINUTE


def test_r1_passes_between_the_upload_and_the_manifest(bench: Bench) -> None:
    bench.blob(LAYER)
    bench.live_for(GRACE - 10 * MINUTE, every=2 * HOUR)
    put(bench)
    check_pushed(bench)


def test_r1_a_pusher_that_is_stopped_for_longer_than_the_grace(bench: Bench) -> None:
    """But not for longer than grace and hold: the blob rises from its hold."""
    bench.prune()
    bench.blob(LAYER)
    bench.blob(CONFIG)
    live_to_the_last_minute(bench)
    assert not bench.shows(LAYER)
    bench.put(BODY, TAG)
    check_pushed(bench)


def test_r1_a_pusher_that_is_stopped_before_the_image_has_its_blob(bench: Bench) -> None:
    """Until then the name that the upload has keeps the content."""
    bench.prune()
    process = bench.again()
    with at(links.Links, "add", lambda: process.live_for(5 * GRACE)):
        bench.blob(LAYER)
    put(bench)
    check_pushed(bench)


@pytest.mark.parametrize(
    ("stored", "owner", "function", "after"),
    [
        (False, filestore.Filestore, "publish", False),
        (False, filestore.Filestore, "publish", True),
        (False, links.Links, "add", False),
        (True, filestore.Filestore, "publish", False),
        (True, filestore.Filestore, "publish", True),
        (True, links.Links, "add", False),
    ],
)
def test_r1_the_answer_comes_long_after_the_bytes(
    bench: Bench, stored: bool, owner: Any, function: str, after: bool
) -> None:
    """What was promised begins with the answer, not when a worker was stopped on its way to it."""
    if stored:
        bench.store.filestore.store(LAYER, DIGEST)
    bench.prune()
    process = bench.again()
    with at(owner, function, lambda: process.live_for(5 * GRACE, every=DAY / 2), after=after):
        bench.blob(LAYER)
    live_to_the_last_minute(bench)
    put(bench)
    check_pushed(bench)


def test_r1_an_upload_is_closed_long_after_its_last_byte(bench: Bench) -> None:
    """A closing request without a body is the "yes", too."""
    bench.prune()
    repository = bench.repository
    upload = repository.start_upload(IMAGE, "sha256", ALICE).id
    with closing(repository.open_upload(IMAGE, upload, ALICE)) as writer:
        writer.write(LAYER)
        repository.settle_upload(IMAGE, writer)
    bench.live_for(3 * GRACE, every=DAY)
    with closing(repository.open_upload(IMAGE, upload, ALICE)) as writer:
        repository.finish_upload(IMAGE, writer, DIGEST)
    live_to_the_last_minute(bench)
    put(bench)
    check_pushed(bench)
