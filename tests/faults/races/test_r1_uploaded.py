"""R1: blobs that have been uploaded, and the pruner comes before their manifest."""

from __future__ import annotations

from registry.storage import links
from tests.faults.races.gates import at
from tests.faults.races.scenes import BODY, LAYER, check_pushed, put
from tests.support.bench import CONFIG, GRACE, HOLD, TAG, Bench
from tests.support.travel import HOUR, MINUTE


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
    bench.live_for(GRACE + HOLD - MINUTE, every=30 * MINUTE)
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
