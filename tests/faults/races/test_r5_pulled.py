"""R5 and R6: images that are pulled while their tags are deleted, overwritten or moved."""

from __future__ import annotations

from typing import Any

import pytest

from registry.model.digests import Digest
from registry.storage import atomic, held, image_scan, leases
from registry.storage.manifests import Manifests
from tests.faults.races.gates import at
from tests.faults.races.images import BODY, LAYERS, LOSSES, old_image
from tests.faults.races.scenes import settle
from tests.support.bench import ALICE, GRACE, IMAGE, OTHER, TAG, UNTAGGED, Bench
from tests.support.travel import DAY, HOUR, MINUTE

# --- R5: deleted or overwritten during a pull --------------------------------------------------


@pytest.mark.parametrize("passes", [GRACE - HOUR, 0.0], ids=["a long pull", "one pass"])
@pytest.mark.parametrize("loss", LOSSES)
def test_r5_a_pull_goes_on_when_its_tag_goes(bench: Bench, loss: str, passes: float) -> None:
    pruner = old_image(bench)

    def lose() -> None:
        LOSSES[loss](bench)
        pruner.live_for(passes, every=2 * HOUR)

    assert bench.pull(between=lose) == BODY


@pytest.mark.parametrize("keeps_trash", [True, False])
def test_r5_a_pull_goes_on_without_a_trash(bench: Bench, keeps_trash: bool) -> None:
    bench = Bench(bench.root, bench.travel, keeps_trash=keeps_trash)
    pruner = old_image(bench)

    def lose() -> None:
        bench.delete(BODY)
        pruner.live_for(GRACE - HOUR)

    assert bench.pull(between=lose) == BODY


def test_r5_a_pull_goes_on_when_the_pruner_deletes_the_manifest(bench: Bench) -> None:
    pruner = old_image(bench)
    bench.untag()
    bench.live_for(UNTAGGED - HOUR, every=DAY)

    def lose() -> None:
        pruner.live_for(2 * HOUR, every=HOUR)
        assert not bench.has(BODY)
        pruner.live_for(GRACE - 3 * HOUR)

    assert bench.pull(BODY, between=lose) == BODY


@pytest.mark.parametrize("loss", ["overwritten", "overwritten by an index", "untagged"])
@pytest.mark.parametrize(
    ("owner", "function", "after"),
    [(image_scan, "listed", True), (image_scan.ImageScanner, "_scan_folder", False),
     (image_scan.ImageScanner, "_scan_folder", True), (image_scan.ImageScanner, "scan", True),
     (leases, "end", False), (held, "hold", False), (atomic, "move", False)],
)  # fmt: skip
def test_r5_what_loses_its_tag_under_the_pruners_eyes_keeps_its_blobs(
    bench: Bench, loss: str, owner: Any, function: str, after: bool
) -> None:
    """The pruner has listed the image, and does not see where the manifest moves to."""
    pruner = old_image(bench)
    bench.blob(b"lonely")
    bench.live_for(GRACE - MINUTE, every=DAY / 2)
    bench.travel.wait(HOUR)
    with at(owner, function, lambda: LOSSES[loss](bench), after=after):
        pruner.prune()
    pruner.live_for(3 * HOUR, every=HOUR)
    bench.pull(BODY)
    bench.pull(BODY, between=lambda: pruner.live_for(UNTAGGED - 5 * HOUR, every=2 * DAY))


STEPS = {
    "overwritten": ["prepare", "commit"],
    "overwritten by an index": ["prepare", "commit"],
    "untagged": ["prepare", "commit", "remove_folders"],
    "tag deleted": ["remove_folders", "unregister"],
    "manifest deleted": ["remove_folders", "unregister"],
    "image deleted": ["remove_folders", "unregister"],
}


@pytest.mark.parametrize("name", ["remove_folders", "unregister", "prepare", "commit"])
@pytest.mark.parametrize("loss", LOSSES)
def test_r5_a_pass_in_the_middle_of_a_deletion(bench: Bench, loss: str, name: str) -> None:
    """Where the loss comes to it; not every one does all of it."""
    pruner = old_image(bench)

    def lose() -> None:
        with at(Manifests, name, pruner.prune, reached=name in STEPS[loss]):
            LOSSES[loss](bench)

    assert bench.pull(between=lose) == BODY
    settle(pruner)


# --- R6: moved during a pull -------------------------------------------------------------------


def test_r6_a_pull_goes_on_when_the_image_moves_to_another_repository(bench: Bench) -> None:
    pruner = old_image(bench)

    def move() -> None:
        for data in (*LAYERS, b"{}"):
            blob = bench.repository.blob(IMAGE, Digest.of(data), renew=True)
            bench.repository.mount_blob(OTHER, blob, ALICE)
        bench.put(BODY, TAG, at=OTHER)
        bench.repository.delete_image(IMAGE, ALICE)
        pruner.live_for(GRACE - HOUR)

    assert bench.pull(between=move) == BODY
    assert bench.pull(TAG, OTHER) == BODY
    settle(pruner)
    assert bench.pull(TAG, OTHER) == BODY
