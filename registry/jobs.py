"""The periodic pruning thread and its fellows: a clock, nothing else.

Every worker has them. One builds the index of the worker, keeps it from falling behind while
nobody asks, and heals it. Of the pruning threads, who comes first takes a lock and makes the pass,
and the others see in the record of the passes that none is due. A pass rests four times as long as
it works, so that it costs less than a fifth of one core, and requests never wait for it.
"""

from __future__ import annotations

import datetime
import gc
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from registry.model.errors import RegistryError
from registry.services.instance import Instance

logger = logging.getLogger(__name__)

_WORK: Final = 0.001
"""Seconds of the processor after which the thread rests: no request waits longer for it."""
_TURN: Final = 0.0005
"""Seconds for which a job goes on while a request waits for the interpreter."""
_REST: Final = 4.1
"""How many times as long it rests."""
_LOOKS: Final = 5.0
"""Seconds between two looks whether a pass is due, at most."""
_FROZEN: Final = 5000
"""Rows of a growing index after which all that is there is no longer looked through."""
_CATCHES_UP: Final = 2.0
"""Seconds between two looks of the index at the journal, where no query makes one."""
_HEALS: Final = 3600.0
"""Seconds between two healings of the index where nothing is pruned."""


class Turns:
    """How soon a job that works lets requests go on: sooner than threads otherwise do.

    A request waits for its turn each time it has looked at the disk. Python's 5 ms are good for the
    many requests of a busy server, and long for one beside a job that works all the time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs = 0
        self._usual = sys.getswitchinterval()

    def __enter__(self) -> None:
        with self._lock:
            self._jobs += 1
            sys.setswitchinterval(_TURN)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._jobs -= 1
            if not self._jobs:
                sys.setswitchinterval(self._usual)


class Stopped(Exception):
    """The server is about to end."""


class Pace:
    """Lets a job rest in proportion to its work, and ends it when the server ends."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._since = time.thread_time()

    def __call__(self) -> None:
        """Rest, if enough work has been done; raises `Stopped`."""
        if self._stop.is_set():
            raise Stopped
        worked = time.thread_time() - self._since
        if worked < _WORK:
            return
        if self._stop.wait(worked * _REST):
            raise Stopped
        self._since = time.thread_time()


class Haste:
    """Lets the index be built without rest, and ends that when the server ends.

    What stays for ever need not be looked through for garbage, least of all again and again while
    it grows.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._steps = 0

    def __call__(self) -> None:
        """Go on; raises `Stopped`."""
        if self._stop.is_set():
            raise Stopped
        self._steps += 1
        if self._steps % _FROZEN == 0:
            gc.freeze()


class Jobs:
    """What a worker does beside serving requests."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._interval = float(instance.config.prune_interval)
        self._stop = threading.Event()
        self._turns = Turns()
        self._thread = threading.Thread(target=self._run, name="pruning", daemon=True)
        self._indexing = threading.Thread(target=self._keep_index, name="index", daemon=True)

    def start(self) -> None:
        """Begin: to keep the index always, to prune if the settings want it."""
        self._indexing.start()
        if self._interval > 0:
            self._thread.start()

    def stop(self) -> None:
        """End; a pass in progress is broken off, which does no harm at any point."""
        self._stop.set()
        for thread in (self._thread, self._indexing):
            if thread.is_alive():
                thread.join()

    # --- the index ---------------------------------------------------------------------------

    def _keep_index(self) -> None:
        """Build the index, then keep it; after a failure the tree answers until it is built."""
        index, healed = self._instance.store.index, time.monotonic()
        while not self._stop.is_set():
            try:
                if not index.is_ready:
                    began = time.perf_counter()
                    with self._turns:
                        index.build(Haste(self._stop))
                        gc.freeze()
                    logger.info("the index is ready after %.1f s", time.perf_counter() - began)
                elif time.monotonic() - healed > (self._interval or _HEALS):
                    with self._turns:
                        found, healed = index.heal(Pace(self._stop)), time.monotonic()
                    logger.debug("the index was healed in %d places", found)
                else:
                    index.catch_up()
                self._instance.figures.set_index(index.size())
            except Stopped:
                return
            except OSError as error:
                logger.error("the index could not be kept: %s", error)
            except Exception:
                logger.exception("the index could not be kept")
            self._stop.wait(_CATCHES_UP)

    # --- pruning -----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.wait(min(self._interval, _LOOKS)):
            try:
                self._try("a pruning pass", self._look)
                self._try("counting what is stored", self._count)
            except Stopped:
                return

    @staticmethod
    def _try(name: str, job: Callable[[], None]) -> None:
        """Do a job; if it fails, the thread goes on, and tries it again."""
        try:
            job()
        except Stopped:
            raise
        except RegistryError as error:
            logger.error("%s failed: %s", name, error)
        except Exception:
            logger.exception("%s failed", name)

    def _look(self) -> None:
        """Make a pass if one is due and no other worker makes it."""
        instance = self._instance
        if not instance.pruning.is_due(self._interval):
            return
        with instance.store.locks.try_job("prune") as free:
            if free and instance.pruning.is_due(self._interval):
                with self._turns:
                    self._pass(Pace(self._stop))

    def _count(self) -> None:
        """Count what the repositories hold, if that is due and no other worker does."""
        summary = self._instance.storage_summary
        if not summary.is_due():
            return
        with self._instance.store.locks.try_job("storage-summary") as free:
            if free and summary.is_due():
                with self._turns:
                    summary.run(Pace(self._stop))

    def _pass(self, pace: Pace) -> None:
        """Prune; let rules delete, and what is unused go from caches; shorten the pull records.

        Rules look at the clock of the wall. So they believe it no further than pruning does, and
        not at all where it has jumped, in the pass or before.
        """
        instance = self._instance
        report = instance.pruning.run(pause=pace)
        logger.log(logging.DEBUG if report.is_quiet else logging.INFO, "%s", report.line())
        ages = instance.pruning.ages()
        if report.clock_jumped or ages is None:
            return
        moment, proved = _moment(ages.now), _moment(max(ages.proved, 0.0))
        retired = instance.retention.run(moment, pause=pace, proved=proved)
        if retired.deleted or retired.failed:
            logger.info("%s", retired.line())
        unused = instance.unused.run(moment, pause=pace, proved=proved)
        if unused.deleted or unused.failed:
            logger.info("%s", unused.line())
        instance.store.pulls.compact(moment)


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
