"""Every state in which a power cut may leave a storage folder keeps what was promised.

With ``REGISTRY_SOAK=1`` in the environment there are at least 100,000 of them.
"""

from __future__ import annotations

import os
from typing import Final

import pytest

from tests.faults.model.conftest import Trials
from tests.faults.model.crashes import LONG, USUAL, Model, Ordered, Weakest
from tests.faults.model.flows import FLOWS
from tests.faults.model.trial import sample

SOAK: Final = os.environ.get("REGISTRY_SOAK") == "1"
EFFORT: Final = LONG if SOAK else USUAL
MOST: Final = None if SOAK else 700
"""States of one flow that are looked at."""
ENOUGH: Final = 100_000 if SOAK else 2_000
REPEATABLE: Final = [name for name, flow in FLOWS.items() if flow.repeatable and flow.lasting]

EVERY_STEP: Final = ("create a repository and push", "first start", "push of a referrer")
EVERY_FIFTH: Final = ("first push", "image to index")
KILLED: Final = REPEATABLE if SOAK else [*EVERY_STEP, *EVERY_FIFTH]


@pytest.mark.parametrize("name", FLOWS)
def test_every_state_is_whole(name: str, trials: Trials) -> None:
    look_at(name, trials)


def look_at(name: str, trials: Trials) -> None:
    for model in (Ordered, Weakest):
        trial = trials.get(name, model)
        crashes = sample(trial.crashes(effort=EFFORT), MOST)
        found = trial.violations(crashes)
        assert [str(violation) for violation in found] == [], model.name


@pytest.mark.parametrize("name", REPEATABLE)
def test_what_was_broken_off_can_be_done_again(name: str, trials: Trials) -> None:
    trial = trials.get(name, Weakest)
    for crash in sample(trial.crashes(), 100 if SOAK else 8):
        assert str(trial.again(crash)) == "None"


@pytest.mark.parametrize("model", [Ordered, Weakest], ids=lambda model: str(model.name))
@pytest.mark.parametrize("name", KILLED)
def test_what_a_killed_process_did_is_made_durable(
    name: str, model: type[Model], trials: Trials
) -> None:
    """Who does the same again finds names that may still be lost, and has to answer for them."""
    steps = range(len(trials.get(name, model).trace.steps))
    for killed_after in steps if SOAK or name in EVERY_STEP else steps[::5]:
        trial = trials.get(name, model, killed_after)
        found = trial.violations(trial.crashes(since=trial.operations))
        assert [str(violation) for violation in found] == [], killed_after
        if SOAK:
            trials.forget(name, model, killed_after)


def test_there_are_enough_states(trials: Trials) -> None:
    if trials.states < ENOUGH:
        for name in FLOWS:
            look_at(name, trials)
    assert trials.states >= ENOUGH
