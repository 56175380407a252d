"""R14: clocks that jump; more of that in the tests of the pruner's guards."""

from __future__ import annotations

from typing import Any

import pytest

from registry.storage import held, leases, orphans
from tests.faults.races.gates import at
from tests.faults.races.scenes import LAYER
from tests.support.bench import CONFIG, GRACE, TAG, Bench, image
from tests.support.travel import DAY, HOUR, MINUTE


@pytest.mark.parametrize("jump", [HOUR, DAY, 3650 * DAY, -HOUR, -3650 * DAY])
@pytest.mark.parametrize("place", [(leases, "end"), (held, "hold"), (orphans.Orphans, "scan")])
def test_r14_the_clock_jumps_in_the_middle_of_a_pass(
    bench: Bench, jump: float, place: tuple[Any, str]
) -> None:
    """What a pass believes of the time is fixed at its beginning."""
    bench.blob(b"old")
    bench.prune(after=MINUTE)
    bench.travel.wait(GRACE + HOUR)
    bench.blob(LAYER)
    bench.blob(CONFIG)
    owner, function = place
    with at(owner, function, lambda: bench.travel.jump(jump)):
        bench.prune()
    for _ in range(5):
        bench.prune(after=10 * MINUTE)
    bench.put(image(LAYER), TAG)
    bench.pull()
