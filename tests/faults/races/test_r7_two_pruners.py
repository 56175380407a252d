"""R7: two pruners, of which one acts between a look and a deed of the other."""

from __future__ import annotations

import pytest

from registry.services.pruning_report import Report
from registry.storage import orphans
from tests.faults.races.gates import at
from tests.faults.races.scenes import LAYER, check_pushed, old_orphan, put
from tests.support.accounts import check_accounts
from tests.support.bench import HOLD, Bench
from tests.support.travel import DAY, HOUR, MINUTE


@pytest.mark.parametrize("function", ["hold", "settle"])
def test_r7_the_slower_of_two_pruners_does_not_take_the_new_content(
    bench: Bench, function: str
) -> None:
    """One has looked; the other one frees the content, and a client uploads it again."""
    pruner, second = old_orphan(bench), bench.again()
    if function == "settle":
        pruner.prune()
        pruner.prune(after=MINUTE)
        pruner.travel.wait(2 * HOLD)

    def meanwhile() -> None:
        second.live_for(4 * HOUR, every=HOUR)
        assert not bench.stores(LAYER)
        bench.blob(LAYER)

    with at(orphans.Orphans, function, meanwhile):
        pruner.prune()
    assert bench.stores(LAYER)
    put(bench)
    check_pushed(bench)


def void(_report: Report) -> None:
    """Do nothing."""


def test_r7_two_pruners_all_along(bench: Bench) -> None:
    """Each acts at every step of the other one; together they do no more than one alone."""
    bodies = [bench.push(f"{n}".encode(), to=None, note=f"{n}") for n in range(3)]
    kept = bench.push(b"kept")
    second = bench.again()
    for _ in range(12):
        bench.travel.wait(3 * DAY)
        bench.pruning.run(pause=lambda: void(second.prune()))
        second.pruning.run(pause=lambda: void(bench.prune()))
    assert not any(map(bench.has, bodies))
    assert bench.pull() == kept
    check_accounts(bench.root)
