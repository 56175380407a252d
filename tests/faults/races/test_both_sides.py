"""The same tag, and the same entry of the trash, from both sides at once."""

from __future__ import annotations

from typing import Any

import pytest

from registry.model.digests import Digest
from registry.model.errors import (
    BlobUnknown,
    ManifestPartsMissing,
    ManifestUnknown,
    TrashUnknown,
)
from registry.model.names import Tag
from registry.repositories.restoring import Restoration
from registry.storage import atomic
from registry.storage.manifests import Manifests
from registry.storage.trash import Trash
from tests.faults.races.gates import at
from tests.faults.races.images import LAYERS, LOSSES, old_image
from tests.faults.races.scenes import LAYER, settle
from tests.support.bench import ALICE, GRACE, IMAGE, TAG, TRASH, Bench, image
from tests.support.travel import DAY, HOUR

# --- a tag that is pushed and deleted ----------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "function"),
    [(Trash, "stage"), (Manifests, "remove_folders"), (Trash, "finish"),
     (Manifests, "unregister")],
)  # fmt: skip
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("loss", ["tag deleted", "manifest deleted", "untagged"])
def test_a_tag_is_pushed_while_it_is_deleted(
    bench: Bench, owner: Any, function: str, after: bool, loss: str
) -> None:
    """Whoever comes second has the last word, and the tag is whole or not there."""
    pruner = old_image(bench)
    # A manifest that has lost no more than its tag is still shown by digest.
    reached = (function, loss) != ("unregister", "untagged")

    def push() -> None:
        bench.push(*LAYERS, b"more", note="new")

    with at(owner, function, push, after=after, reached=reached):
        LOSSES[loss](bench)
    if reached:
        assert bench.pull() == image(*LAYERS, b"more", note="new")
    settle(pruner)


@pytest.mark.parametrize("function", ["prepare", "register", "stage", "commit", "settle"])
@pytest.mark.parametrize("loss", ["tag deleted", "manifest deleted", "image deleted"])
def test_a_tag_is_deleted_while_it_is_pushed(bench: Bench, function: str, loss: str) -> None:
    pruner = old_image(bench)
    try:
        with at(Manifests, function, lambda: LOSSES[loss](bench)):
            bench.push(*LAYERS, b"more", note="new")
    except ManifestUnknown:
        assert bench.pulls(TAG)
    pruner.prune()
    if bench.store.manifests.has_folder(bench.repository._place(IMAGE), Tag("1.0")):
        bench.pull()
    settle(pruner)


# --- an entry of the trash that is restored and expires -----------------------------------------


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
    bench.live_for(TRASH - HOUR, every=7 * DAY)
    bench.travel.wait(2 * HOUR)
    pruner = bench.again()
    try:
        with at(owner, function, lambda: pruner.live_for(passes, every=DAY / 2), after=after):
            bench.restore()
    except (TrashUnknown, ManifestPartsMissing):
        assert not bench.has(body)
    else:
        assert bench.pull() == body
    settle(bench)


def test_an_entry_is_restored_while_it_expires(bench: Bench) -> None:
    body = bench.push(LAYER)
    bench.prune()
    bench.repository.delete_tag(IMAGE, TAG, ALICE)
    bench.live_for(TRASH - HOUR, every=7 * DAY)
    bench.travel.wait(2 * HOUR)
    with at(Trash, "remove", bench.again().restore):
        bench.prune()
    assert bench.pull() == body
    settle(bench)
    assert bench.pull() == body


def test_a_blob_that_nothing_protects_is_unknown_at_last(bench: Bench) -> None:
    """All the tests above would pass with a pruner that frees nothing."""
    bench.blob(LAYER)
    settle(bench)
    with pytest.raises(BlobUnknown):
        bench.repository.blob(IMAGE, Digest.of(LAYER))
