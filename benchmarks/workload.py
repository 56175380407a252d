"""What a workload is: figures it yields, and the steps by which it is measured in rounds."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.front import Front
from benchmarks.registry import Registry


@dataclass(frozen=True)
class Settings:
    """How much work a run does; ``folder`` holds all its data."""

    folder: Path
    layer_bytes: int
    rounds: int
    images_per_client: int
    wrk_seconds: int
    front: Front | None = None
    """The nginx that both servers are behind."""

    @property
    def is_behind(self) -> bool:
        """Whether both servers are behind nginx."""
        return self.front is not None


@dataclass(frozen=True)
class Metric:
    """One row of the table.

    ``goal`` is the least ratio to the peer that is wanted; ``limit`` is an absolute figure that
    ours must stay below; ``share`` is the least part of what the machine does.
    """

    key: str
    title: str
    unit: str
    higher_is_better: bool
    goal: float | None = None
    limit: float | None = None
    share: float | None = None


class Workload(ABC):
    """Work that is done in the same way on each server, in rounds that take turns."""

    name: ClassVar[str]
    about: ClassVar[str]
    tools: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rounds = settings.rounds
        self.round = 0
        self.held = contextlib.ExitStack()

    @abstractmethod
    def metrics(self) -> Sequence[Metric]:
        """The figures this workload yields."""

    @abstractmethod
    def prepare(self, registries: Sequence[Registry]) -> None:
        """Do what must be there before the first round; not timed."""

    def next_round(self) -> None:
        """Make new content for a round that all servers will see; not timed."""
        self.round += 1

    @abstractmethod
    def measure(self, registry: Registry) -> dict[str, float]:
        """Do the work once on ``registry``; the keys are those of the metrics."""

    def machine(self) -> dict[str, float]:
        """The same for the machine without a registry, as far as that has a meaning."""
        return {}

    def close(self) -> None:
        """Give back what ``prepare`` put into ``held``."""
        self.held.close()
