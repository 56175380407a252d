"""Pruning: freeing what nothing needs, while pushes and pulls go on.

A pass goes in the order in which things are deleted: trash → manifests without a tag → leases →
content. It takes no lock that a request waits for longer than for a rename; content is freed
without any. Every step looks again at what it is about to take away, and any number of passes may
run at the same time. Two things are needed for anything to go: it has not been wanted for the
grace, and it is proved that this time has really passed (`registry.storage.passes`).
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from registry.model.content import Actor
from registry.model.errors import RegistryError
from registry.repositories.definitions import Definitions
from registry.services.pruning_report import Report
from registry.services.pruning_steps import ContentSteps, ImageSteps, TrashSteps
from registry.storage.journal import now, timestamp
from registry.storage.passes import Ages, Clock, Passes, Reading, read_clocks
from registry.storage.store import Store

logger = logging.getLogger(__name__)

JOB: Final = "prune"
"""The lock of whoever makes a pass."""
ACTOR: Final = Actor("pruner", "local")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things stay, in seconds, and how much may go in one pass."""

    grace: float = 86_400.0
    hold: float = 3_600.0
    trash: float = 14 * 86_400.0
    uploads: float = 7 * 86_400.0
    most: int = 1_000
    """Names set on hold in one pass; a tenth of all, where that is more."""


@dataclass(frozen=True, slots=True)
class Options:
    """How one pass is made."""

    dry_run: bool = False
    force: bool = False
    """Do not wait for the proof that time has passed, and go beyond the limit of a pass."""


class Pruning:
    """Prunes one storage folder."""

    def __init__(
        self, store: Store, definitions: Definitions, limits: Limits, clock: Clock = read_clocks
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._limits = limits
        self._clock = clock
        self._passes = Passes(store.layout, store.documents)
        self._asked = False

    def ask(self) -> None:
        """Let a pass be due, however short ago the last one was."""
        self._asked = True

    def is_due(self, interval: float) -> bool:
        """Return whether somebody has asked this process for a pass, or the last one is long ago.

        That is so if no process has begun one in the last ``interval`` seconds.
        """
        return self._asked or self._passes.is_due(self._clock(), interval)

    def began(self) -> datetime.datetime | None:
        """Return when the last pass of any process began, or None if none is known."""
        passes = self.record().get("passes") or []
        with contextlib.suppress(TypeError, ValueError, LookupError, OverflowError, OSError):
            return datetime.datetime.fromtimestamp(float(passes[-1][1]), datetime.UTC)
        return None

    def is_running(self) -> bool:
        """Return whether a process makes a pass now."""
        began = self.began()
        finished = (self.record().get("last") or {}).get("finished", "")
        if began is None or timestamp(began) <= finished:
            return False
        # One that was killed has begun and not finished, too.
        with self._store.locks.try_job(JOB) as free:
            return not free

    def record(self) -> dict[str, Any]:
        """Return what is known of all passes: ``last``, its report, and ``totals``, all freed."""
        return self._passes.read()

    def ages(self) -> Ages | None:
        """Return what is known of ages now; None if the clock has jumped since the last pass."""
        return self._passes.look(self._clock(), self._limits.grace)

    def run(
        self,
        options: Options = Options(),
        pause: Callable[[], None] = lambda: None,
        progress: Callable[[str], None] = lambda step: None,
    ) -> Report:
        """Make one pass.

        ``pause`` is called every few milliseconds of work, and may wait or raise to end the pass;
        ``progress`` hears what is looked at.
        """
        if not options.dry_run:
            self._asked = False
        began = time.perf_counter()
        report = Report(dry_run=options.dry_run)
        ages = self._begin(options, self._clock())
        if ages is None:
            report.clock_jumped = True
            report.skipped = "the clock has jumped; nothing is freed before time has passed again"
        else:
            for step in self._steps(ages, options, report, pause):
                progress(step)
        report.seconds = round(time.perf_counter() - began, 3)
        report.finished = timestamp(now())
        if not options.dry_run:
            self._passes.end(report.document())
        return report

    @staticmethod
    @contextlib.contextmanager
    def _goes_on(report: Report) -> Iterator[None]:
        """Let a pass go on after a step that failed: a full disk needs the later ones most."""
        try:
            yield
        except (RegistryError, OSError) as error:
            report.failed += 1
            logger.error("a step of a pruning pass failed: %s", error)

    def _begin(self, options: Options, clock: Reading) -> Ages | None:
        if options.force:
            return Ages(clock.wall, self._limits.grace, clock.wall)
        if options.dry_run:
            return self._passes.look(clock, self._limits.grace)
        return self._passes.begin(clock, self._limits.grace)

    def _steps(
        self, ages: Ages, options: Options, report: Report, pause: Callable[[], None]
    ) -> Iterator[str]:
        """Do one step after the other; yield what comes next."""
        dry = options.dry_run
        limits = self._limits
        yield "trash"
        trash = TrashSteps(self._store, self._definitions, limits.trash, report, dry=dry)
        for step in (trash.resolve, trash.expire, trash.sweep):
            with self._goes_on(report):
                step(ages)
        images = ImageSteps(self._store, ACTOR, limits.hold, report, dry=dry)
        for key in self._definitions.all_keys():
            yield f"repository {key}"
            definition = None
            with self._goes_on(report):
                definition = self._definitions.find_holder(key)
            if definition is not None:
                images.run(definition, ages, pause)
        yield "uploads"
        with self._goes_on(report):
            trash.take_lost_repositories(ages, ACTOR)
        with self._goes_on(report):
            images.sweep_uploads(ages, limits.uploads)
        if not dry:
            with self._goes_on(report):
                report.healed = self._store.quarantine.heal_all()
        yield "content"
        most = None if options.force else limits.most
        content = ContentSteps(self._store, limits.hold, most, report, dry=dry)
        with self._goes_on(report):
            content.run(ages, images.split, pause)
        with self._goes_on(report):
            trash.weigh()
