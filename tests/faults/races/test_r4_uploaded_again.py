"""R4 and R8: content that is here already, and that is uploaded again while it goes."""

from __future__ import annotations

import os
from typing import Any

import pytest

from registry.storage import atomic, filestore, held, links, orphans
from registry.storage.layout import HELD_PREFIX
from tests.faults.races.gates import at
from tests.faults.races.scenes import (
    DIGEST,
    LAYER,
    check_pushed,
    is_layer,
    old_lease,
    old_orphan,
    put,
)
from tests.support.bench import GRACE, HOLD, IMAGE, KEY, Bench
from tests.support.travel import HOUR, MINUTE

# --- R4: an old name ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "function"),
    [(filestore.Filestore, "publish"), (links.Links, "add"), (filestore.Filestore, "give")],
)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("wait", [0.0, 3 * HOUR], ids=["prune", "free"])
def test_r4_old_content_is_uploaded_again_while_it_is_pruned(
    bench: Bench, owner: Any, function: str, after: bool, wait: float
) -> None:
    pruner = old_orphan(bench)
    with at(owner, function, lambda: pruner.live_for(wait, every=HOUR), after=after):
        bench.blob(LAYER)
    bench.live_for(GRACE - 4 * HOUR)
    put(bench)
    check_pushed(bench)


@pytest.mark.parametrize(
    ("owner", "function", "after"),
    [(orphans.Orphans, "hold", False), (atomic, "move", False), (atomic, "move", True)],
)
def test_r4_old_content_is_uploaded_again_while_it_is_set_on_hold(
    bench: Bench, owner: Any, function: str, after: bool
) -> None:
    pruner = old_orphan(bench)
    with at(owner, function, lambda: bench.blob(LAYER), after=after):
        pruner.prune()
    assert bench.shows(LAYER)
    put(bench)
    check_pushed(bench)


@pytest.mark.parametrize(
    ("owner", "function", "after"),
    [(orphans.Orphans, "settle", False), (held, "is_over", True), (held, "is_wanted", True),
     (atomic, "remove", False), (atomic, "remove", True)],
)  # fmt: skip
def test_r4_old_content_is_uploaded_again_while_it_is_freed(
    bench: Bench, owner: Any, function: str, after: bool
) -> None:
    pruner = old_orphan(bench)
    pruner.prune()
    assert not bench.stores(LAYER)
    pruner.prune(after=MINUTE)
    pruner.travel.wait(2 * HOLD)
    with at(owner, function, lambda: bench.blob(LAYER), after=after):
        pruner.prune()
    assert bench.shows(LAYER)
    put(bench)
    check_pushed(bench)


def test_r4_old_content_gets_a_name_while_it_is_set_on_hold(bench: Bench) -> None:
    """By a request that was stopped right before that, so that it is not renewed either."""
    pruner = old_orphan(bench)
    path = bench.layout.layer(KEY, IMAGE, DIGEST)
    with at(atomic, "move", lambda: bench.store.filestore.give(DIGEST, path), when=is_layer):
        pruner.prune()
    assert not bench.store.filestore.has(DIGEST)
    bench.prune(after=MINUTE)
    bench.prune(after=2 * HOLD)
    assert bench.store.filestore.has(DIGEST)


def test_r4_what_is_brought_back_finds_that_it_has_been_uploaded_again(bench: Bench) -> None:
    """Two clients: one has renewed the name right before it went, the other one misses it."""
    pruner = old_orphan(bench)
    content = bench.layout.content(DIGEST)
    with (
        at(atomic, "move", lambda: atomic.touch(content), when=is_layer),
        at(held, "bring_back", lambda: bench.blob(LAYER)),
    ):
        pruner.prune()
    assert os.path.samefile(content, bench.layout.layer(KEY, IMAGE, DIGEST))
    put(bench)
    check_pushed(bench)


def test_r4_content_that_has_just_lost_its_last_name_has_its_grace(bench: Bench) -> None:
    """However old it is: the age begins with that."""
    pruner = old_lease(bench)
    pruner.prune()
    pruner.live_for(2 * HOLD, every=HOLD)
    assert not os.path.exists(bench.layout.layers(KEY, IMAGE))
    pruner.live_for(GRACE - 3 * HOUR)
    assert bench.stores(LAYER)


# --- R8: uploaded again while the old one goes -------------------------------------------------


def test_r8_content_on_hold_does_not_keep_it_from_being_uploaded(bench: Bench) -> None:
    pruner = old_orphan(bench)
    pruner.prune()
    with open(find_held(bench), "rb") as old:
        bench.blob(LAYER)
        put(bench)
        pruner.live_for(3 * HOLD, every=HOUR)
        assert os.fstat(old.fileno()).st_nlink == 0
    check_pushed(bench)


def find_held(bench: Bench) -> str:
    folder = os.path.dirname(bench.layout.content(DIGEST))
    (name,) = [name for name in os.listdir(folder) if name.startswith(HELD_PREFIX)]
    return f"{folder}/{name}"


def test_r8_the_lease_is_on_hold_when_the_blob_is_uploaded_again(bench: Bench) -> None:
    pruner = old_lease(bench)
    pruner.prune()
    assert not bench.shows(LAYER)
    bench.blob(LAYER)
    pruner.live_for(3 * HOLD, every=HOUR)
    put(bench)
    check_pushed(bench)
