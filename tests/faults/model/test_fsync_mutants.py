"""Each fsync is left out once: the model has to miss it, or the fsync does nothing.

A site is a call in the registry that leads to one or more fsyncs. The sets below are exact: what is
not needed is left out all together without harm, and each one that is, left out besides, is missed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import pytest

from tests.faults.model.conftest import Trials
from tests.faults.model.crashes import Model, Ordered, Weakest
from tests.faults.model.flows import FLOWS
from tests.faults.model.trace import Site
from tests.faults.model.trial import Trial, Violation, sample

SUPERFLUOUS: Final[dict[type[Model], dict[str, str]]] = {
    Weakest: {
        "Filestore.publish: if atomic.link_open(descriptor, target):":
            "the folder of an algorithm, once: a name lost there costs a copy, never an image",
        "Trash._take_tree: syncing.barrier(self._layout.top(\"artifacts\"))":
            "the other folder of the same rename is synced, and the model takes renames as atomic",
        "_try: temporary = atomic.write_temporary(layout.top(\"uploads\"), b\"probe\")":
            "a trial whether files can be written durably; the file is removed",
    },
    Ordered: {
        "_try: temporary = atomic.write_temporary(layout.top(\"uploads\"), b\"probe\")":
            "a trial whether files can be written durably; the file is removed",
    },
}  # fmt: skip
"""What is not needed, with the reason."""

KILLED: Final = {
    "create a repository and push": range(1, 12),
    "first push": range(1, 100, 3),
    "first start": range(1, 100, 3),
    "push of a referrer": range(1, 100, 3),
}
"""Flows that are also done after a process that was killed in the middle of the same, and after
which steps."""

MOST: Final = 500
"""States of one trial that are looked at for one mutant."""


class Laboratory:
    """All trials of a model without a violation, and the sites in them."""

    def __init__(self, trials: Trials, model: type[Model]) -> None:
        whole = [trials.get(name, model) for name in FLOWS]
        self._killed = [
            trials.get(name, model, killed_after=steps)
            for name, chosen in KILLED.items()
            for steps in chosen
            if steps < len(trials.get(name, model).trace.steps)
        ]
        # A trial that finds something while no fsync is left out could tell nothing.
        clean = [trial for trial in whole if self._violation(trial, ()) is None]
        self._trials = [*sorted(clean, key=lambda t: len(t.trace.steps)), *self._killed]
        self.sites = {str(site): site for trial in self._trials for site in trial.trace.sites()}

    def _violation(self, trial: Trial, without: Collection[Site]) -> Violation | None:
        since = trial.operations if trial in self._killed else 0
        crashes = sample(trial.crashes(without, since=since), MOST)
        return next(trial.violations(crashes), None)

    def violation(self, names: Collection[str]) -> Violation | None:
        """Return what goes wrong in any trial without the sites of these names."""
        without = {self.sites[name] for name in names}
        for trial in self._trials:
            if not without.isdisjoint(trial.trace.sites()):
                found = self._violation(trial, without)
                if found is not None:
                    return found
        return None

    def unmissed(self, superfluous: Collection[str]) -> list[str]:
        """Return which of the needed sites can be left out with all that are not needed."""
        return [
            f"{self.sites[name].place} {name}"
            for name in sorted(set(self.sites) - set(superfluous))
            if self.violation({name, *superfluous}) is None
        ]


@pytest.fixture(scope="package", params=[Weakest, Ordered], ids=lambda model: str(model.name))
def laboratory(request: pytest.FixtureRequest, trials: Trials) -> tuple[Laboratory, list[str]]:
    """Return a laboratory, and what is not needed there."""
    return Laboratory(trials, request.param), list(SUPERFLUOUS[request.param])


def test_the_sites_are_known(laboratory: tuple[Laboratory, list[str]]) -> None:
    """A site that has gone is struck off the list."""
    assert set(laboratory[1]) - set(laboratory[0].sites) == set()


def test_every_fsync_is_missed(laboratory: tuple[Laboratory, list[str]]) -> None:
    assert laboratory[0].unmissed(laboratory[1]) == []


def test_the_superfluous_are_not_missed(laboratory: tuple[Laboratory, list[str]]) -> None:
    assert str(laboratory[0].violation(laboratory[1])) == "None"
