"""An old image, and all the ways in which it loses its tag."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.bench import ALICE, IMAGE, TAG, Bench, image, index
from tests.support.travel import DAY, MINUTE

LAYERS = (b"first", b"second")
BODY = image(*LAYERS)

LOSSES: dict[str, Callable[[Bench], object]] = {
    "overwritten": lambda bench: bench.push(b"new", note="new"),
    "overwritten by an index": lambda bench: bench.put(index(BODY), TAG),
    "untagged": lambda bench: bench.untag(),
    "tag deleted": lambda bench: bench.repository.delete_tag(IMAGE, TAG, ALICE),
    "manifest deleted": lambda bench: bench.delete(BODY),
    "image deleted": lambda bench: bench.repository.delete_image(IMAGE, ALICE),
}


def old_image(bench: Bench, body: bytes = BODY) -> Bench:
    """Push an image, long ago; return the pruner."""
    bench.push(*LAYERS)
    assert bench.pull() == body
    bench.prune(after=MINUTE)
    bench.live_for(30 * DAY, every=15 * DAY)
    return bench.again()
