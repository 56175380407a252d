"""One flow: recorded once, then judged in every state that a crash may leave it in."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from unittest import mock

from registry.model.errors import RegistryError
from registry.storage import ordering
from tests.faults.model.crashes import USUAL, Crash, Effort, Model
from tests.faults.model.flows import Flow
from tests.faults.model.operations import Work, opened
from tests.faults.model.oracle import RANDOM, Promises, Seen, observe
from tests.faults.model.recording import Killed, Recorder
from tests.faults.model.trace import Facts, Site, Trace, Tree
from tests.faults.model.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Violation:
    """What must never be seen, and the crash after which it is."""

    crash: Crash
    reason: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.crash})"


def record(flow: Flow, model: type[Model], killed_after: int | None = None) -> Trace:
    """Do a flow in a fresh folder, as on a filesystem of that kind, and return its trace.

    With ``killed_after`` a process that does the same is killed after so many steps before; what it
    has done so far is as little durable as what follows.
    """
    kept = mock.patch.object(ordering, "is_kept", return_value=model.keeps_order)
    with kept, Workbench() as bench:
        _do(flow.before, bench.root)
        with Recorder(bench.root, observe(bench.root)) as recorder:
            if killed_after is not None:
                recorder.kill_after(killed_after)
                try:
                    _do(flow.operations, bench.root, recorder)
                except Killed:
                    pass
                finally:
                    recorder.kill_after(None)
            _do(flow.operations, bench.root, recorder)
        return recorder.trace


def _do(works: Iterable[Work], root: str, recorder: Recorder | None = None) -> None:
    """Do one operation after the other, each in a process of its own as far as memory goes."""
    for work in works:
        at = opened(root)
        try:
            work(at)
        finally:
            at.store.journal.close()
        if recorder is not None:
            recorder.acknowledge(observe(root))


class Trial:
    """The crashes of one trace; what has been looked at before is not looked at again."""

    def __init__(
        self, flow: Flow, model: type[Model], bench: Workbench, killed_after: int | None = None
    ) -> None:
        self.flow = flow
        self.model = model
        self.trace = record(flow, model, killed_after)
        self._bench = bench
        returned = [step.seen for step in self.trace.steps if isinstance(step, Facts)]
        self.operations = len(returned)
        promises = [self.trace.facts, *returned]
        self._promises = Promises(promises, flow.promised, lasting=flow.lasting)
        again = tuple(kind for kind in flow.promised if kind not in RANDOM)
        self._promises_again = Promises(promises, again, lasting=flow.lasting)
        self._known: dict[int, Seen | str] = {}
        """What is seen in a tree, by its hash: many trees would fill the memory."""

    @property
    def states(self) -> int:
        """How many different states were looked at."""
        return len(self._known)

    def crashes(
        self, without: Collection[Site] = (), effort: Effort = USUAL, since: int = 0
    ) -> Iterator[Crash]:
        """Yield the crashes that the model allows, each once."""
        met: set[int] = set()
        for crash in self.model(self.trace, without, effort).crashes(since):
            key = hash((crash.promised, crash.tree))
            if key not in met:
                met.add(key)
                yield crash

    def violations(self, crashes: Iterable[Crash]) -> Iterator[Violation]:
        """Yield what is wrong after crashes."""
        for crash in crashes:
            found = self._violation(crash)
            if found is not None:
                yield found

    def _violation(self, crash: Crash) -> Violation | None:
        key = hash(crash.tree)
        seen = self._known.get(key)
        if seen is None:
            seen = self._known[key] = self._look(crash.tree)
        reason = seen if isinstance(seen, str) else self._promises.broken(crash.promised, seen)
        return None if reason is None else Violation(crash, reason)

    def _look(self, tree: Tree) -> Seen | str:
        try:
            return observe(self._bench.show(tree))
        except (AssertionError, RegistryError, OSError) as error:
            return reason_of(error)

    def again(self, crash: Crash) -> Violation | None:
        """Do the whole flow from the state on; return what is wrong then, if anything is."""
        root = self._bench.show(crash.tree)
        try:
            _do(self.flow.operations, root)
            reason = self._promises_again.broken(self.operations, observe(root))
        except (AssertionError, RegistryError, OSError) as error:
            reason = reason_of(error)
        finally:
            self._bench.disturbed()
        return None if reason is None else Violation(crash, f"done again: {reason}")


def sample(crashes: Iterable[Crash], most: int | None) -> Iterable[Crash]:
    """Return at most so many of the crashes, the same ones every time; None: all of them."""
    if most is None:
        return crashes
    found = list(crashes)
    return found if len(found) <= most else random.Random(1).sample(found, most)


def reason_of(error: Exception) -> str:
    """Return what went wrong, with the facts that an error of the registry carries."""
    facts = [str(fact) for fact in getattr(error, "details", ())]
    return " ".join([f"{type(error).__name__}: {error}", *facts])
