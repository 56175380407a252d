"""The flows, each recorded once for all tests of this folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from registry.access import passwords
from registry.storage import manifest_files
from tests.faults.model.crashes import Model
from tests.faults.model.flows import FLOWS
from tests.faults.model.trial import Trial
from tests.faults.model.workbench import Workbench


class Trials:
    """Trials by name of the flow, by model, and by when a process was killed before it."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._made: dict[tuple[str, type[Model], int | None], Trial] = {}
        self._forgotten = 0

    def get(self, name: str, model: type[Model], killed_after: int | None = None) -> Trial:
        """Return the trial of a flow."""
        key = name, model, killed_after
        if key not in self._made:
            bench = self._stack.enter_context(Workbench())
            self._made[key] = Trial(FLOWS[name], model, bench, killed_after)
        return self._made[key]

    def forget(self, name: str, model: type[Model], killed_after: int) -> None:
        """Give up a trial: all of them would fill the memory."""
        self._forgotten += self._made.pop((name, model, killed_after)).states

    @property
    def states(self) -> int:
        """How many different states were looked at, in all trials."""
        return self._forgotten + sum(trial.states for trial in self._made.values())


@pytest.fixture(scope="package")
def trials() -> Iterator[Trials]:
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setattr(passwords, "_N", 2)
        # Nobody moves a manifest here while another looks for it.
        patch.setattr(manifest_files, "_ROUNDS", 2)
        yield Trials(stack)
