"""The PUT of a manifest that is stopped at any place, until nothing is left of what it relied on.

The same with real processes is in the tests of stopped workers, for fewer places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from registry.model.errors import ManifestPartsMissing
from registry.repositories.pushing import ManifestPush
from registry.services.pruning import Limits
from registry.storage import atomic
from registry.storage.locks import Locks
from registry.storage.manifests import Manifests
from tests.faults.races.gates import at
from tests.faults.races.scenes import BODY, LAYER, live_to_the_last_minute, settle
from tests.support.bench import CONFIG, GRACE, HOLD, TAG, Bench, index
from tests.support.travel import HOUR, MINUTE

PLACES: Final[list[tuple[Any, str, bool, bool]]] = [
    (ManifestPush, "_require_parts", False, False),
    (ManifestPush, "_require_parts", True, False),
    (atomic, "write_temporary", True, False),
    (Manifests, "store", True, False),
    (Locks, "image", False, False),
    (Manifests, "prepare", False, True),
    (Manifests, "prepare", True, True),
    (Manifests, "register", False, True),
    (Manifests, "register", True, True),
    (Manifests, "stage", True, True),
    (Manifests, "commit", True, True),
    (Manifests, "settle", True, True),
]
"""Where it is stopped, and whether it has the lock by then, so that nobody takes its parts."""


def parts(bench: Bench) -> None:
    """Push what an image needs."""
    for data in (LAYER, CONFIG):
        bench.blob(data)


def child(bench: Bench) -> None:
    """Push what an index needs."""
    parts(bench)
    bench.put(BODY)


KINDS: Final[dict[str, tuple[bytes, Callable[[Bench], None]]]] = {
    "image": (BODY, parts),
    "index": (index(BODY), child),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("owner", "function", "after", "is_safe"), PLACES)
def test_a_push_is_stopped_until_nothing_is_left_of_what_it_relied_on(
    bench: Bench, owner: Any, function: str, after: bool, is_safe: bool, kind: str
) -> None:
    """It is refused because of what is missing, and a client that sends that again is not."""
    bench.configure(untaggedRetentionDays=0)
    body, push_parts = KINDS[kind]
    bench.prune()
    push_parts(bench)
    process = bench.again(Limits(GRACE, HOLD, trash=HOUR))

    def stop() -> None:
        process.live_for(3 * (GRACE + 2 * HOUR), every=GRACE + 2 * HOUR)

    try:
        with at(owner, function, stop, after=after):
            bench.put(body, TAG)
    except ManifestPartsMissing:
        assert not is_safe
        assert not bench.pulls(TAG)
        push_parts(bench)
        bench.put(body, TAG)
    else:
        assert is_safe
    assert bench.pull() == body
    settle(bench)
    assert bench.pull() == body


@pytest.mark.parametrize("kind", KINDS)
def test_a_push_is_stopped_for_as_long_as_what_it_has_found_is_kept(
    bench: Bench, kind: str
) -> None:
    """It has found what was about to go; from then on that is good for the grace and the hold."""
    bench.configure(untaggedRetentionDays=0)
    body, push_parts = KINDS[kind]
    push_parts(bench)
    bench.prune(after=MINUTE)
    bench.travel.wait(GRACE + HOUR)
    process = bench.again()
    with at(ManifestPush, "_require_parts", lambda: live_to_the_last_minute(process), after=True):
        bench.put(body, TAG)
    assert bench.pull() == body
    settle(bench)
    assert bench.pull() == body
