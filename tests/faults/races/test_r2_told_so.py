"""R2: blobs of which a pusher has just been told that they are here."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

import pytest

from registry.storage import atomic, held, leases
from registry.storage.layout import HELD_PREFIX
from tests.faults.races.gates import at
from tests.faults.races.scenes import (
    BODY,
    LAYER,
    check_pushed,
    is_layer,
    live_to_the_last_minute,
    old_lease,
    put,
    settle,
    yes,
)
from tests.support.bench import ALICE, CONFIG, GRACE, HOLD, IMAGE, OTHER, TAG, Bench
from tests.support.travel import HOUR, MINUTE


def test_r2_the_yes_comes_between_the_look_at_all_and_that_at_one(bench: Bench) -> None:
    """The name is not even taken for a moment: somebody else could ask for it just then."""
    pruner = old_lease(bench)
    answers: list[bool] = []
    with (
        at(held, "hold", lambda: None, when=is_layer, reached=False),
        at(leases, "end", lambda: answers.append(yes(bench))),
    ):
        pruner.prune()
    assert answers == [True]
    put(bench)
    check_pushed(bench)


def test_r2_the_yes_comes_between_the_look_and_the_rename(bench: Bench) -> None:
    pruner = old_lease(bench)
    answers: list[bool] = []
    with at(held, "hold", lambda: answers.append(yes(bench)), when=is_layer):
        pruner.prune()
    assert answers == [True]
    assert bench.shows(LAYER)
    put(bench)
    check_pushed(bench)


def test_r2_the_rename_comes_between_the_look_and_the_yes(bench: Bench) -> None:
    """The name is brought back before the answer, and as young as any that is renewed."""
    pruner = old_lease(bench)
    with at(atomic, "touch", pruner.prune, when=is_layer):
        assert yes(bench)
    live_to_the_last_minute(bench)
    put(bench)
    check_pushed(bench)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_r2_yes_and_manifest_while_the_pruner_renames(bench: Bench, after: bool) -> None:
    """The "yes" before the rename, the manifest between the rename and the second look."""
    pruner = old_lease(bench)
    bench.blob(CONFIG)

    def look_then_move() -> None:
        assert yes(bench)

    with (
        at(held, "hold", look_then_move, when=is_layer),
        at(atomic, "move", lambda: bench.put(BODY, TAG), after=after, when=is_layer),
    ):
        pruner.prune()
    check_pushed(bench)


def test_r2_asked_between_the_rename_and_the_second_look(bench: Bench) -> None:
    """Whatever the answer is, it holds: after a "no" the client uploads."""
    pruner = old_lease(bench)

    def push() -> None:
        if not yes(bench):
            bench.blob(LAYER)
        put(bench)

    with at(atomic, "move", push, after=True, when=is_layer):
        pruner.prune()
    check_pushed(bench)


def test_r2_the_pruner_is_killed_between_its_rename_and_its_second_look(bench: Bench) -> None:
    pruner = old_lease(bench)

    def killed(path: str, *_: float) -> None:
        assert yes(bench)
        folder, name = os.path.split(path)
        atomic.move(path, f"{folder}/{HELD_PREFIX}{pruner.travel.time_ns()}.{'0' * 8}.{name}")
        raise KeyboardInterrupt

    with mock.patch.object(held, "hold", killed), pytest.raises(KeyboardInterrupt):
        pruner.prune()
    bench.live_for(GRACE - HOUR)
    put(bench)
    check_pushed(bench)


@pytest.mark.parametrize("function", ["bring_back", "is_wanted"])
def test_r2_the_manifest_comes_while_the_pruner_settles(bench: Bench, function: str) -> None:
    pruner = old_lease(bench)
    bench.blob(CONFIG)
    pruner.prune()
    assert not bench.shows(LAYER)
    pruner.prune(after=MINUTE)
    pruner.travel.wait(2 * HOLD)
    arguments: dict[str, Any] = {"when": is_layer}
    if function == "bring_back":
        # Somebody wanted it, so it is about to be brought back.
        bench.blob(LAYER, OTHER)
    with at(held, function, lambda: bench.put(BODY, TAG), **arguments):
        pruner.prune()
    assert bench.pull() == BODY
    bench.repository.delete_image(IMAGE, ALICE)
    settle(bench)


def test_r2_the_manifest_comes_before_the_last_name_on_hold_is_removed(bench: Bench) -> None:
    pruner = old_lease(bench)
    bench.blob(CONFIG)
    pruner.prune()
    pruner.prune(after=MINUTE)
    pruner.travel.wait(2 * HOLD)
    with at(atomic, "remove", lambda: bench.put(BODY, TAG), when=is_layer):
        pruner.prune()
    check_pushed(bench)
