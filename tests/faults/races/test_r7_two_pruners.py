"""R7: two pruners, of which one acts between a look and a deed of the other."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from registry.model.names import Tag
from registry.repositories.deleting import ManifestDeletion
from registry.services.pruning_report import Report
from registry.services.pruning_steps import TrashSteps
from registry.storage import atomic, held, leases, orphans, upload_sweep
from registry.storage.trash import Trash
from tests.faults.races.gates import at
from tests.faults.races.scenes import LAYER, LEAPS, check_pushed, old_orphan, put
from tests.support.accounts import check_accounts
from tests.support.bench import ALICE, HOLD, IMAGE, Bench
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


PLACES: list[tuple[Any, str]] = [
    (TrashSteps, "expire"),
    (Trash, "remove"),
    (ManifestDeletion, "untagged"),
    (leases, "settle"),
    (leases, "end"),
    (upload_sweep, "remove"),
    (orphans.Orphans, "settle"),
    (orphans.Orphans, "hold"),
    (held, "hold"),
    (held, "is_wanted"),
    (atomic, "move"),
    (atomic, "remove"),
    (atomic, "remove_folder"),
]


@pytest.mark.parametrize(("owner", "function"), PLACES)
def test_r7_each_finds_done_what_it_is_about_to_do(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, owner: Any, function: str
) -> None:
    """The other one makes a whole pass right before it, each time; nobody takes note of that."""
    bodies = [bench.push(f"{n}".encode(), to=None, note=f"{n}") for n in range(3)]
    kept = bench.push(b"kept")
    bench.push(b"deleted", to=Tag("deleted"), note="deleted")
    bench.repository.delete_tag(IMAGE, Tag("deleted"), ALICE)
    for number in range(3):
        bench.repository.start_upload(IMAGE, "sha256", ALICE)
        bench.blob(f"lonely {number}".encode())
    second, original, times = bench.again(), getattr(owner, function), 0
    as_it_was = inspect.getattr_static(owner, function)

    def contested(*arguments: Any, **more: Any) -> Any:
        nonlocal times
        times += 1
        with monkeypatch.context() as patch:
            patch.setattr(owner, function, as_it_was)
            assert second.prune().failed == 0
        return original(*arguments, **more)

    is_static = isinstance(as_it_was, staticmethod)
    monkeypatch.setattr(owner, function, staticmethod(contested) if is_static else contested)
    for leap in (MINUTE, *LEAPS, *LEAPS[-2:]):
        assert bench.prune(after=leap).failed == 0
    assert times > 0
    assert not any(map(bench.has, bodies))
    assert bench.pull() == kept
    check_accounts(bench.root)


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
