"""One worker process: waitress's loop on the shared socket, until it is told to end."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

from registry.config import Config
from registry.metrics.figures import Figures
from registry.server.channel import Channel
from registry.server.listening import BACKLOG
from registry.server.memory import share_one_heap

logger = logging.getLogger(__name__)

HEADER_LIMIT = 32 * 1024
"""Bytes of a request's head."""
_TICK = 1.0
_UNLIMITED = 1 << 62


class Worker:
    """Serves an application on a socket; SIGTERM lets what is in flight finish."""

    def __init__(
        self,
        config: Config,
        application: Callable[..., Any],
        listener: socket.socket,
        master: int,
        figures: Figures,
    ) -> None:
        share_one_heap()
        self._figures = figures
        self._config = config
        self._master = master
        self._stopping = False
        self._map: dict[int, Any] = {}
        self._server: Any = create_server(
            application,
            map=self._map,
            sockets=[listener],
            threads=config.threads,
            connection_limit=config.connection_limit,
            channel_timeout=config.idle_timeout,
            cleanup_interval=10,
            max_request_body_size=_UNLIMITED,
            max_request_header_size=HEADER_LIMIT,
            clear_untrusted_proxy_headers=False,
            ident=f"Artifactory/{config.artifactory_version}",
            send_bytes=1,
            expose_tracebacks=False,
        )
        self._server.channel_class = Channel
        self._server.draining = False
        self._server.figures = figures

    def run(self) -> int:
        """Serve until SIGTERM or the master's end; return the exit code."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while not self._stopping and os.getppid() == self._master:
            wasyncore.poll2(_TICK, self._map)
            self._figures.set_connections(len(self._server.active_channels))
        self._drain()
        return 0

    def _stop(self, *_: object) -> None:
        self._stopping = True
        self._server.pull_trigger()

    def _drain(self) -> None:
        """Take no more connections, close idle ones, and give the others time to finish."""
        self._server.draining = True
        self._accept_waiting()
        self._server.accepting = False
        with contextlib.suppress(KeyError):
            self._server.del_channel(self._map)
        self._server.socket.close()
        end = time.monotonic() + self._config.shutdown_timeout
        while time.monotonic() < end:
            # Read before looking: what a client has sent already counts as in flight.
            wasyncore.poll2(0, self._map)
            for channel in list(self._server.active_channels.values()):
                if not channel.busy:
                    channel.handle_close()
            if not self._server.active_channels:
                break
            wasyncore.poll2(0.1, self._map)
        self._server.task_dispatcher.shutdown(timeout=1)

    def _accept_waiting(self) -> None:
        """Take the connections that were made before the end; closing would reset them."""
        listener = self._server.socket
        for _ in range(BACKLOG):
            if not _is_ready(listener):
                break
            self._server.handle_accept()


def silence_waitress() -> None:
    """Leave out what waitress says about its queue; the access log says more."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def exit_now(code: int) -> None:
    """End a forked process without running what the master registered for its own end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _is_ready(listener: socket.socket) -> bool:
    """Return whether a connection waits to be accepted; by poll(2), which knows all descriptors."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return bool(poll.poll(0))
