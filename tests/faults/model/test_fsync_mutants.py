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

SUPERFLUOUS: Final = {
    "Filestore.publish: if not atomic.link_open(descriptor, target):":
        "the folder of an algorithm, once: a name lost there costs a copy, never an image",
    "Trash._take_tree: atomic.sync_folder(self._layout.top(\"artifacts\"))":
        "the other folder of the same rename is synced, and the model takes renames as atomic",
    "probe: temporary = atomic.write_temporary(layout.top(\"uploads\"), b\"probe\")":
        "a trial whether files can be written durably; the file is removed",
}  # fmt: skip
"""What the weakest filesystem does not need, with the reason."""

ORDERED: Final = {
    # Bytes.
    "Filestore.publish: open_files.sync_file(descriptor)",
    "Filestore.store: temporary = atomic.write_temporary(folder, data)",
    "Manifests.stage: written = atomic.write_temporary("
    "folder, documents.encode(sidecar), atomic.DOCUMENT_MODE)",
    "Trash._describe: written = atomic.write_temporary("
    "path, data, atomic.DOCUMENT_MODE, durable=durable)",
    "create_bytes: temporary = atomic.write_temporary(folder, data, mode)",
    "replace_bytes: atomic.put_in_place(atomic.write_temporary(folder, data, mode), path)",
    # Of many entries at once: their notes, whose bytes are not synced one by one.
    "Trash.stage: atomic.sync_each([*paths, self._layout.top(\"trash\")])",
    # The last step of an operation, after which it is acknowledged.
    "Definitions.remove: atomic.sync_folder(self._store.layout.top(\"etc/repositories\"))",
    "Links.remove: atomic.sync_folder(self._layout.layers(key, image))",
    "Manifests.remove_folders: atomic.sync_each(folders)",
    "Manifests.settle: atomic.sync_folder(folder)",
    "Manifests.unregister: atomic.sync_folder(os.path.dirname(path))",
    "Trash.give_back_repository: atomic.sync_folder(os.path.dirname(definition))",
    "Trash.take_repository: atomic.sync_folder(os.path.dirname(definition))",
    "Users.remove: atomic.sync_folder(self._store.layout.top(\"etc/users\"))",
    "create_bytes: atomic.sync_folder(folder)",
    "replace_bytes: atomic.sync_folder(folder)",
}  # fmt: skip
"""What a filesystem with one journal needs; everything else can be left out there."""

KILLED: Final = ("first push", "push of a referrer")
"""Flows that are also done after a process that was killed in the middle of the same."""

MOST: Final = 500
"""States of one trial that are looked at for one mutant."""


class Laboratory:
    """All trials without a violation, and the sites in them."""

    def __init__(self, trials: Trials) -> None:
        whole = [trials.get(name) for name in FLOWS]
        self._killed = [
            trials.get(name, killed_after=steps)
            for name in KILLED
            for steps in range(1, len(trials.get(name).trace.steps), 3)
        ]
        # A trial that finds something while no fsync is left out could tell nothing.
        clean = [trial for trial in whole if self._violation(trial, Weakest, ()) is None]
        self._trials = [*sorted(clean, key=lambda t: len(t.trace.steps)), *self._killed]
        self.sites = {str(site): site for trial in self._trials for site in trial.trace.sites()}

    def _violation(
        self, trial: Trial, model: type[Model], without: Collection[Site]
    ) -> Violation | None:
        since = trial.operations if trial in self._killed else 0
        crashes = sample(trial.crashes(model, without, since=since), MOST)
        return next(trial.violations(crashes), None)

    def violation(self, model: type[Model], names: Collection[str]) -> Violation | None:
        """Return what goes wrong in any trial without the sites of these names."""
        without = {self.sites[name] for name in names}
        for trial in self._trials:
            if not without.isdisjoint(trial.trace.sites()):
                found = self._violation(trial, model, without)
                if found is not None:
                    return found
        return None

    def unmissed(self, model: type[Model], needed: Collection[str]) -> list[str]:
        """Return which of the needed sites can be left out with all that are not needed."""
        rest = set(self.sites) - set(needed)
        return [
            f"{self.sites[name].place} {name}"
            for name in sorted(set(needed) & set(self.sites))
            if self.violation(model, {name, *rest}) is None
        ]


@pytest.fixture(scope="session")
def laboratory(trials: Trials) -> Laboratory:
    return Laboratory(trials)


def test_the_sites_are_known(laboratory: Laboratory) -> None:
    """A site that has gone is struck off the lists."""
    assert set(SUPERFLUOUS) - set(laboratory.sites) == set()
    assert set(ORDERED) - set(laboratory.sites) == set()


def test_the_weakest_model_misses_every_fsync(laboratory: Laboratory) -> None:
    assert laboratory.unmissed(Weakest, set(laboratory.sites) - set(SUPERFLUOUS)) == []


def test_the_weakest_model_does_not_miss_the_superfluous(laboratory: Laboratory) -> None:
    assert str(laboratory.violation(Weakest, SUPERFLUOUS)) == "None"


def test_the_ordered_model_misses_what_it_needs(laboratory: Laboratory) -> None:
    assert laboratory.unmissed(Ordered, ORDERED) == []


def test_the_ordered_model_misses_nothing_else(laboratory: Laboratory) -> None:
    assert str(laboratory.violation(Ordered, set(laboratory.sites) - ORDERED)) == "None"
