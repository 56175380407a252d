"""One faulted run of a flow, and what is asked of the storage folder afterwards."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from registry.config import Config
from registry.services.instance import Instance
from registry.services.setup import Setup, set_up
from registry.wiring import build
from tests.faults.injection import leftovers, state
from tests.faults.injection.flows import Flow
from tests.faults.injection.operation import HUNG, KILLED, Operation, Outcome, attempted
from tests.faults.injection.points import MODES, Mode, Point
from tests.faults.injection.pushes import ADMIN_PASSWORD
from tests.faults.injection.state import State
from tests.faults.injection.sweeping import sweep
from tests.faults.injection.tracing import SYNCING, Call, Tracer, retried_syncs

UNTOLD: Final = ("journal/",)
"""Where a failure need not be told: the event has happened, and its line goes to the log."""


@contextmanager
def opened(root: str) -> Iterator[Instance]:
    """Open a storage folder, as a restarted server does."""
    instance = build(Config(storage_root=root))
    try:
        yield instance
    finally:
        close(instance)


def close(instance: Instance) -> None:
    """Close what a registry holds open; it opens that again when it needs it."""
    instance.store.journal.close()
    instance.store.pulls.close()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A flow with the folder that it begins with, and what it does without a fault."""

    flow: Flow
    root: str
    before: State
    after: State
    swept: State
    """What is seen when the pruner has come by afterwards."""
    points: Sequence[Point]


class Trial:
    """A flow that runs into a fault in the folder ``work``, a copy of the prepared one."""

    def __init__(self, prepared: Prepared, mode: Mode, point: Point, work: str) -> None:
        self._flow = prepared.flow
        self._prepared = prepared
        self._mode = mode
        self._point = point
        self._work = work
        self._wrong: list[str] = []

    def run(self, log: str) -> list[str]:
        """Return what was wrong, each with how to run this point alone."""
        with opened(self._work) as instance:
            operation = Operation(
                lambda: self._step(instance, self._flow.run),
                lambda: self._step(instance, self._flow.again or self._flow.run),
            )
            tracer = Tracer(operation.process, log, self._point.fault(self._mode))
            outcome = operation.attempt()
            calls = tracer.calls()
            hit = self._hit(calls)
            self._check_outcome(outcome)
            self._check_between(outcome)
            with given_up(hit) as inode:
                # Who was killed is started anew; who only met an error goes on with what it has.
                alive = outcome.error not in (KILLED, HUNG)
                again = operation.attempt(1) if alive else outcome
                operation.end(hung=again.error == HUNG)
                tracer.end()
                self._check_again(again if alive else self._again_restarted())
                self._check_end(tracer.calls(), inode)
        return [f"{self._named()}: {what}\n    {self._command()}" for what in self._wrong]

    @staticmethod
    def _step(instance: Instance, step: Callable[[Instance], object]) -> None:
        try:
            step(instance)
        finally:
            # Otherwise its descriptors would look like a leak.
            close(instance)

    def _named(self) -> str:
        point = self._point
        return (
            f"flow {self._flow.name}, mode {self._mode.name}, {point.call} number {point.number} "
            f"on {point.path}"
        )

    def _command(self) -> str:
        point = self._point
        return (
            f"python -m tests.faults.injection.run --flow {self._flow.name} "
            f"--mode {self._mode.name} --call {point.call} --number {point.number}"
        )

    # --- the faulted run -----------------------------------------------------------------------

    def _hit(self, calls: Sequence[Call]) -> Call | None:
        """Return the call that was made to fail, which has to be the one that was meant."""
        hit = next((call for call in calls if call.injected), None)
        if hit is None:
            self._wrong.append("the fault never came: the run took another path than planned")
        elif not hit.changes or hit.path_in(self._work) is None:
            self._wrong.append(f"the fault met another call than planned: {hit}")
        return hit

    def _check_outcome(self, outcome: Outcome) -> None:
        if outcome.leaked:
            self._wrong.append(f"{outcome.leaked} descriptors stay open")
        if self._mode.kills:
            if outcome.error != KILLED:
                self._wrong.append(f"it was not killed: {outcome}")
        elif outcome.error is None:
            point = self._point
            untold = UNTOLD + (self._flow.untold if self._mode.name == "enospc" else ())
            if not (point.cleans or point.vain or point.path.startswith(untold)):
                self._wrong.append("it succeeded, and told nobody of the failure")
        elif outcome.error not in self._accepted_errors():
            self._wrong.append(f"it raised {outcome.error}\n{outcome.text}")

    def _accepted_errors(self) -> tuple[str, ...]:
        errors = self._mode.errors + self._flow.errors
        if self._point.cleans:
            # No name was ever removed for lack of space, so which of the two is left open.
            return errors + tuple(error for mode in MODES.values() for error in mode.errors)
        return errors

    def _check_between(self, outcome: Outcome) -> None:
        """Ask whether all that can be seen after the fault is whole, and as before or as after."""
        with self._noted("cannot be read after the fault"), opened(self._work) as instance:
            seen = state.view(instance)
            before, after = self._prepared.before, self._prepared.after
            self._wrong += state.neither(seen, before, after) + state.lost(seen, before, after)
            if outcome.error is None:
                self._wrong += [f"it succeeded, but {x}" for x in state.differences(seen, after)]
            state.check(instance)
            allowed = leftovers.AFTER_ERROR | set(self._flow.leaves)
            if self._mode.kills or self._point.cleans:
                allowed = leftovers.AFTER_KILL
            self._check_leftovers(instance, allowed)

    def _check_leftovers(self, instance: Instance, allowed: frozenset[str]) -> None:
        for kind, path in leftovers.leftovers(instance):
            if kind not in allowed:
                self._wrong.append(f"left behind ({kind}): {path}")

    @contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._wrong.append(f"{what}: {type(error).__name__}: {error}")

    # --- the run after it ----------------------------------------------------------------------

    def _again_restarted(self) -> Outcome:
        """Open the storage folder as a restarted server does, and do the operation again."""
        with opened(self._work) as instance:
            self._check_opens(instance, complete=not self._flow.empty)
            return attempted(lambda: self._step(instance, self._flow.again or self._flow.run))

    def _check_opens(self, instance: Instance, *, complete: bool) -> None:
        with self._noted("the storage folder does not open"):
            done = set_up(instance, ADMIN_PASSWORD)
            if complete and done != Setup(new=False, generated_password=None):
                self._wrong.append(f"the storage folder opens as if it were new: {done}")

    def _check_again(self, again: Outcome) -> None:
        if again.error is not None and again.error not in self._flow.done:
            self._wrong.append(f"doing it again raised {again.error}\n{again.text}")
        if again.leaked:
            self._wrong.append(f"{again.leaked} descriptors stay open after doing it again")

    def _check_end(self, calls: Sequence[Call], given_up: int | None) -> None:
        """Ask whether the new state is there, and nothing else."""
        with self._noted("cannot be read in the end"), opened(self._work) as instance:
            self._check_opens(instance, complete=True)
            seen, after = state.view(instance), self._prepared.after
            self._wrong += [f"done again, but {x}" for x in self._differences(seen, after)]
            state.check(instance)
            self._check_leftovers(instance, leftovers.AFTER_KILL)
            for path in names_of(given_up, self._work):
                self._wrong.append(f"bytes whose sync failed are served: {path}")
            self._check_swept(instance)
        for call in retried_syncs(calls):
            self._wrong.append(f"a failed sync was tried again: {call}")

    def _differences(self, seen: State, after: State) -> list[str]:
        """Return in what ``seen`` is not ``after``, apart from what may linger."""
        lingers = {
            name: value
            for name, value in self._prepared.before.items()
            if name.startswith(self._flow.lingers) and seen.get(name) == value
        }
        return state.differences(seen, after | lingers)

    def _check_swept(self, instance: Instance) -> None:
        """Ask whether the pruner takes what is left over, and nothing that is needed."""
        sweep(instance)
        seen, after = state.view(instance), self._prepared.swept
        self._wrong += [f"pruned, but {x}" for x in self._differences(seen, after)]
        state.check(instance)
        self._check_leftovers(instance, leftovers.AFTER_SWEEP)


@contextmanager
def given_up(hit: Call | None) -> Iterator[int | None]:
    """Yield the inode of the file whose sync failed, if it is still there; its number is kept.

    What the kernel could not write is lost, whatever it says when it is asked again, so this file
    must never become content.
    """
    with contextlib.ExitStack() as stack:
        inode = None
        if hit is not None and hit.name in SYNCING and hit.failed:
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                file = stack.enter_context(open(hit.paths[-1], "rb"))
                inode = os.fstat(file.fileno()).st_ino
        yield inode


def names_of(inode: int | None, root: str) -> Iterator[str]:
    """Yield the paths of an inode in final places."""
    for top in ("artifacts", "etc", "filestore"):
        for folder, _, names in os.walk(f"{root}/{top}"):
            for name in names:
                status = os.stat(f"{folder}/{name}")
                if inode is not None and status.st_ino == inode and stat.S_ISREG(status.st_mode):
                    yield f"{folder}/{name}"
