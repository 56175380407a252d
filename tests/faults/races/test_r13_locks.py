"""R13: locks that somebody holds who is slow, or stopped."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any

import pytest

from registry.model.digests import Digest
from registry.services.pruning_steps import ContentSteps, ImageSteps, TrashSteps
from registry.storage import image_scan, orphans, upload_sweep
from registry.storage.trash import Trash
from tests.faults.races.everything import everything
from tests.faults.races.gates import at
from tests.support.bench import ALICE, GRACE, IMAGE, KEY, Bench, image
from tests.support.travel import DAY, HOUR, MINUTE


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
