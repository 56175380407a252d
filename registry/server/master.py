"""The master process: starts the workers, starts another one when one dies, ends them all."""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from registry.config import Config
from registry.metrics.figures import Figures
from registry.server.worker import Worker, exit_now, silence_waitress

logger = logging.getLogger(__name__)

_RESTART_PAUSE = 1.0
"""Seconds between the death of a worker that lived only briefly and its replacement."""


class Master:
    """Runs the workers of one server. They share the listening socket and the disk, no more."""

    def __init__(
        self,
        config: Config,
        make_application: Callable[[], Callable[..., Any]],
        listener: socket.socket,
        figures: Figures,
    ) -> None:
        self._config = config
        self._figures = figures
        self._make_application = make_application
        self._listener = listener
        self._started: dict[int, float] = {}
        self._slots: dict[int, int] = {}
        """Each worker's place in the figures; who replaces another goes on with its figures."""
        self._stopping = False

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; return the exit code."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        silence_waitress()
        workers = self._config.worker_count
        logger.info("serving on %s with %d workers", _shown(self._listener), workers)
        _allow_files(self._config.connection_limit)
        while len(self._started) < self._config.worker_count and not self._stopping:
            self._start_worker()
        while self._started:
            self._wait()
        return 0

    def _stop(self, *_: object) -> None:
        """Pass the end on; a second signal does no harm."""
        first, self._stopping = not self._stopping, True
        if first:
            logger.info("told to end; requests in flight are finished")
        # When the workers have closed it, too, clients are refused, and can go elsewhere at once.
        self._listener.close()
        for process in list(self._started):
            try:
                os.kill(process, signal.SIGTERM)
            except ProcessLookupError:
                continue

    def _start_worker(self) -> None:
        # The worker must not ask for its parent itself: that may have died before it asks.
        master = os.getpid()
        slot = min(set(range(self._config.worker_count)) - set(self._slots.values()))
        process = os.fork()
        if process == 0:
            self._be_worker(master, slot)
        self._started[process] = time.monotonic()
        self._slots[process] = slot
        if self._stopping:
            # The signal came between the fork and the note of it, so nobody told this worker.
            os.kill(process, signal.SIGTERM)

    def _be_worker(self, master: int, slot: int) -> None:
        """Serve in the forked process; never return into the master's code."""
        code = 1
        try:
            # Until the worker has its own handler, a signal to end simply ends it.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._figures.claim(slot)
            application = self._make_application()
            code = Worker(self._config, application, self._listener, master, self._figures).run()
        except BaseException:
            logger.exception("a worker failed")
        finally:
            exit_now(code)

    def _wait(self) -> None:
        """Wait for the end of a worker; replace one that was not told to end."""
        try:
            process, status = os.waitpid(-1, 0)
        except InterruptedError:
            return
        except ChildProcessError:
            self._started.clear()
            return
        started = self._started.pop(process, None)
        self._slots.pop(process, None)
        if started is None or self._stopping:
            return
        logger.error("worker %d ended with status %d; starting another", process, status)
        if time.monotonic() - started < _RESTART_PAUSE:
            time.sleep(_RESTART_PAUSE)
        if not self._stopping:
            self._start_worker()


def _shown(listener: socket.socket) -> str:
    """Return where a socket listens."""
    name = listener.getsockname()
    return f"unix:{name}" if isinstance(name, str) else f"http://{name[0]}:{name[1]}"


def _allow_files(connections: int) -> None:
    """Raise this process's limit of open files, for a socket and a file a connection."""
    wanted = 2 * connections + 256
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        logger.warning("at most %d files may be open; connection_limit wants %d", allowed, wanted)
