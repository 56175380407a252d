"""One connection: waitress's channel, with four differences.

A large body is taken in only after the application has been asked for its place; files leave by
sendfile(2), also while they grow; a request that waits for others costs no thread; and an answer
that comes before the body has been read is not lost, because the connection lingers until the
client has seen it.
"""

from __future__ import annotations

import logging
import socket
import time
from typing import Any, Final

from waitress.channel import ClientDisconnected

from registry.config import UNIX_PEER
from registry.model.bodies import BodyWanted, ReceivedBody
from registry.model.waiting import AnswerAwaited
from registry.server.outgoing import Outgoing
from registry.server.parser import RequestParser
from registry.server.task import ApplicationTask, AskingTask, JsonErrorTask
from registry.server.waking import Question, Waker

logger = logging.getLogger(__name__)

SMALL_READ: Final = 64 * 1024
LARGE_READ: Final = 512 * 1024
"""Bytes read from a socket at once, before and after the application has asked for the body."""
LINGER: Final = 5.0
"""Seconds that a refused client gets to read the answer while it may still be sending."""


class Channel(Outgoing):
    """A connection to a client."""

    task_class = ApplicationTask
    error_task_class = JsonErrorTask
    parser_class = RequestParser

    # Attributes of waitress's class, named here because it has no types.
    request: RequestParser | None
    close_when_flushed: bool

    def __init__(self, server: Any, *args: Any, **kwargs: Any) -> None:
        self.asking = False
        self._held = b""
        self._linger_until = 0.0
        super().__init__(Waker(server, self), *args, **kwargs)
        if self.socket.family == socket.AF_UNIX:
            self.addr = (UNIX_PEER, 0)
        else:
            # Small answers in one segment each, at once.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def busy(self) -> bool:
        """Whether a request is on its way in, being worked on, or being answered."""
        return bool(
            self.requests or self.asking or self.total_outbufs_len or self.request is not None
        )

    @property
    def needs_loop(self) -> bool:
        """Whether there is something to flush, to close, or to feed to the parser."""
        return bool(self.total_outbufs_len or self.will_close or self.close_when_flushed)

    # --- receiving -------------------------------------------------------------------------

    def readable(self) -> bool:
        """Return whether the loop should read; not while the application is being asked.

        While a request is worked on, the next one may come in already; it is held, not parsed.
        """
        if self._linger_until:
            if time.monotonic() > self._linger_until:
                self.will_close = True
                return False
            return True
        return not (
            self.asking
            or len(self._held) >= SMALL_READ
            or self.will_close
            or self.close_when_flushed
            or self.total_outbufs_len
        )

    def handle_read(self) -> None:
        """Read once: little until the application has asked for a body, then much."""
        request = self.request
        admitted = request is not None and request.admitted
        try:
            data = self.recv(LARGE_READ if admitted else SMALL_READ)
        except OSError:
            self.handle_close()
            return
        if data and not self._linger_until:
            self.last_activity = time.time()
            self.received(data)

    def received(self, data: bytes) -> bool:
        """Feed the parser; what comes behind a request waits until that has been answered.

        So there is one request at a time on a connection, and answers cannot change places.
        """
        with self.requests_lock:
            if self.will_close or self.close_when_flushed or self._linger_until:
                return False
            data, self._held = self._held + data, b""
            if self.requests or self.asking:
                self._held = data
                return True
            while data:
                if self.request is None:
                    self.request = self.parser_class(self.adj)
                request = self.request
                data = data[request.received(data) :]
                if request.asks:
                    self.asking, self._held = True, data
                    self.server.add_task(Question(self))
                    # What is held is the other thread's now: it may know the place already, and
                    # wait for the lock to feed it.
                    break
                if request.completed:
                    self._enqueue(request)
                    self._held = data if self.requests else b""
                if self.requests:
                    break
        return True

    def _enqueue(self, request: RequestParser) -> None:
        """Hand a complete request over to the worker threads."""
        self.sent_continue = False
        self.request = None
        if not request.empty:
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)

    # --- asking, in a worker thread ----------------------------------------------------------

    def ask(self) -> None:
        """Run the application without the body; go on receiving if it asks for the body."""
        request = self.request
        if not self.connected or request is None:
            self.asking = False
            return
        connection = request.headers.get("CONNECTION")
        # If the application answers now, the body is not wanted, and the connection ends.
        request.headers["CONNECTION"] = "close"
        task = AskingTask(self, request)
        try:
            task.service()
        except BodyWanted as wanted:
            if connection is None:
                del request.headers["CONNECTION"]
            else:
                request.headers["CONNECTION"] = connection
            self._admit(request, wanted)
            return
        except ClientDisconnected:
            logger.debug("a client left before it was answered")
        except Exception:
            logger.exception("unexpected error while asking for the place of a body")
        self._refuse(request)

    def _admit(self, request: RequestParser, wanted: BodyWanted) -> None:
        if request.body is None:
            raise RuntimeError("a body is wanted of a request that has none")
        request.body.redirect(ReceivedBody(wanted.sink, wanted.admitted))
        request.admitted = True
        if not self.connected:
            self.asking = False
            request.close()
            return
        if request.expect_continue:
            self.send_continue()
        self.asking = False
        if request.body.refused:
            request.completed = True
            request.abandon_connection()
            with self.requests_lock:
                self._held = b""
                self._enqueue(request)
        else:
            self.received(b"")
        self.server.wake()

    def _refuse(self, request: RequestParser) -> None:
        """The answer has been given without the body: send it, linger, close."""
        request.close()
        with self.requests_lock:
            self.request = None
            self._held = b""
            self.close_when_flushed = True
        self.asking = False
        self.server.wake()

    # --- sending and closing -----------------------------------------------------------------

    def handle_write(self) -> None:
        """Flush; an answer given early keeps the connection for a moment after that."""
        if self._linger_until:
            if self.will_close:
                self.handle_close()
        elif self.close_when_flushed and not self.will_close and not self.total_outbufs_len:
            self._linger()
        else:
            super().handle_write()
            self._go_on()

    def _go_on(self) -> None:
        """Take up what has come behind the last request, once that has been answered in full.

        Before that the next answer would have to wait for a slow client, and a thread with it.
        """
        if self._held and not self.requests and not self.total_outbufs_len:
            self.received(b"")

    def _linger(self) -> None:
        """Say that nothing more comes, and let the client read in peace what did come.

        Closing a socket with unread bytes sends a reset, which would destroy the answer.
        """
        with self.requests_lock:
            # A thread may be about to look at what has come behind the last request; at no moment
            # does it find a connection that goes on.
            self._linger_until = time.monotonic() + LINGER
            self.close_when_flushed = False
            self._held = b""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.will_close = True
            self.handle_close()

    def writable(self) -> bool:
        """Return whether the loop should write."""
        if self._linger_until:
            return bool(self.will_close)
        return super().writable()

    def handle_close(self) -> None:
        """Close; a body that was on its way is given up, what arrived of it stays."""
        super().handle_close()
        if not self.asking:
            with self.requests_lock:
                request, self.request = self.request, None
            if request is not None:
                request.close()

    def service(self) -> None:
        """Work on one request; while the server drains, the last on this connection."""
        if self.server.draining:
            self.requests[0].headers["CONNECTION"] = "close"
        try:
            super().service()
        except AnswerAwaited as awaited:
            # Nothing has been said yet; the request is run again when there is an answer.
            awaited.task.when_done(lambda: self.server.add_task(self))
            return
        full = len(self._held) >= SMALL_READ
        self._go_on()
        if full:
            self.server.wake()
