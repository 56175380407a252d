"""R3: blobs that are mounted from another image while the pruner takes them from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry.model.errors import BlobUnknown
from registry.model.names import ImageName
from registry.storage import filestore, held
from tests.faults.races.gates import at
from tests.faults.races.scenes import DIGEST, LAYER, check_pushed, put
from tests.support.bench import ALICE, GRACE, IMAGE, KEY, OTHER, Bench
from tests.support.travel import HOUR, MINUTE


def mount(bench: Bench, between: Callable[[], object] = lambda: None) -> None:
    """Mount the layer from another image, as a client does; upload it where that fails."""
    repository = bench.repository
    try:
        found = repository.blob(OTHER, DIGEST)
        between()
        repository.mount_blob(IMAGE, found, ALICE)
    except BlobUnknown:
        bench.blob(LAYER)


def other_has_an_old_one(bench: Bench) -> Bench:
    bench.blob(LAYER, OTHER)
    bench.prune(after=MINUTE)
    bench.travel.wait(GRACE + HOUR)
    return bench.again()


def free(pruner: Bench) -> None:
    """Let the pruner do all that it can, until nobody has the layer."""
    pruner.live_for(2 * GRACE + 12 * HOUR, every=6 * HOUR)


def test_r3_the_source_is_pruned_between_the_look_and_the_mount(bench: Bench) -> None:
    pruner = other_has_an_old_one(bench)
    mount(bench, between=lambda: free(pruner))
    put(bench)
    check_pushed(bench)


@pytest.mark.parametrize("action", ["prune", "free"])
@pytest.mark.parametrize(
    ("owner", "function", "after"),
    [(filestore.Filestore, "give", False), (filestore.Filestore, "give", True),
     (filestore.Filestore, "renew", False), (filestore.Filestore, "renew", True),
     (held, "resurrect", False), (held, "resurrect", True)],
)  # fmt: skip
def test_r3_the_source_is_pruned_during_the_mount(
    bench: Bench, owner: Any, function: str, after: bool, action: str
) -> None:
    pruner = other_has_an_old_one(bench)
    if owner is held:
        # The source is on hold, with its content, when the mount comes.
        pruner.prune()
        pruner.live_for(GRACE + 2 * HOUR, every=HOUR)
        assert not bench.shows(LAYER, OTHER)
        assert bench.store.filestore.has(DIGEST) is False
        hold_again(bench, OTHER)

    def prune() -> None:
        (free if action == "free" and not after else Bench.prune)(pruner)

    with at(owner, function, prune, after=after):
        mount(bench)
        if owner is held:
            held.resurrect(bench.layout.layer(KEY, OTHER, DIGEST))
    put(bench)
    check_pushed(bench)


def hold_again(bench: Bench, image_name: ImageName) -> None:
    """Let the layer be on hold in the filestore, and shown by an image from another inode."""
    bench.blob(LAYER, image_name)
    taken = held.hold(bench.layout.content(DIGEST), bench.travel.time() + HOUR)
    assert taken is not None


def test_r3_the_target_is_pruned_during_the_mount(bench: Bench) -> None:
    """The mounted blob is as old as its source, and no manifest names it yet."""
    pruner = other_has_an_old_one(bench)
    with at(filestore.Filestore, "renew", pruner.prune):
        mount(bench)
    assert bench.shows(LAYER)
    bench.live_for(GRACE - HOUR)
    put(bench)
    check_pushed(bench)
