"""What is to be run, and what was found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.faults.power.checks import Finding
from tests.faults.power.history import State


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be run."""

    flow: str
    filesystem: str
    states: int
    """How many power cuts are looked at, at most."""
    rounds: int | None = None
    """How often the flow does its operations; None for a short look."""
    syncs: str = "all"
    """Which fsyncs are done, see `syncs.wanted`."""
    seed: int = 7
    keep: str | None = None
    """A folder for the disks on which something is wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding, and the power cut after which it is there."""

    run: Run
    position: int
    state: State
    finding: Finding

    def __str__(self) -> str:
        """Return one line with all that tells this power cut from others."""
        return (
            f"{self.run.flow} on {self.run.filesystem}, record {self.state.count} at position "
            f"{self.position}, {self.state}: {self.finding.kind}: {self.finding.what}"
        )


@dataclass(slots=True)
class Report:
    """What a run has found, and its figures."""

    run: Run
    operations: int = 0
    writes: int = 0
    flushes: int = 0
    states: int = 0
    bad_states: int = 0
    workload_seconds: float = 0.0
    syncs: Counter[str] = field(default_factory=Counter)
    """How many fsyncs each place of the registry has asked for."""
    seconds: float = 0.0
    problems: list[Problem] = field(default_factory=list)

    def kinds(self) -> Counter[str]:
        """Return how many problems of each kind there are."""
        return Counter(problem.finding.kind for problem in self.problems)

    def figures(self) -> str:
        """Return the figures in one line."""
        found = ", ".join(f"{kind}: {count}" for kind, count in sorted(self.kinds().items()))
        return (
            f"{self.run.flow} on {self.run.filesystem}, fsyncs {self.run.syncs}: "
            f"{self.operations} operations, {self.writes} writes, {self.flushes} flushes in "
            f"{self.workload_seconds:.2f} s; {self.states} states in {self.seconds:.1f} s, "
            f"{self.bad_states} of them bad; problems: {found or 'none'}"
        )

    def text(self, most: int = 40) -> str:
        """Return the figures and the first problems, one a line."""
        lines = [self.figures(), *map(str, self.problems[:most])]
        if len(self.problems) > most:
            lines.append(f"… and {len(self.problems) - most} more")
        return "\n".join(lines)
