"""Running the application for a request, and what is said when there is no request to run."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from waitress.task import ErrorTask, WSGITask
from waitress.utilities import build_http_date

from registry.metrics.figures import route_number
from registry.model.arriving import ArrivingPart
from registry.model.bodies import PENDING, RECEIVED
from registry.model.waiting import BEGAN, ComingBack
from registry.server.files import SentFile
from registry.server.growing import GrowingFile

access = logging.getLogger("registry.access")
logger = logging.getLogger(__name__)

JOINED: Final = 64 * 1024
"""Bytes of an answer up to which its head is copied together with it."""
_UNREAD: Final = route_number("unread")


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    """Return a second as HTTP writes it; thousands of answers have the same one."""
    return str(build_http_date(second))


class ApplicationTask(WSGITask):
    """Runs the application, once the whole request is there."""

    # Attributes of waitress's class, named here because it has no types.
    chunked_response: bool
    wrote_header: bool
    content_bytes_written: int
    content_length: int | None
    complete: bool

    def get_environment(self) -> dict[str, Any]:
        """Return the request environment with this room's additions."""
        environ: dict[str, Any] = super().get_environment()
        environ["wsgi.file_wrapper"] = SentFile
        environ[BEGAN] = self.request.began
        body = self.request.body
        if body is not None and body.received is not None:
            environ[RECEIVED] = body.received
        return environ

    def execute(self) -> None:
        """Run the application and send its answer.

        waitress looks at each header by itself, and its name, twice; one look at all of them says
        as well whether one could begin another.
        """
        # A request whose body has been read cannot be run again.
        again = self.request.command in ("GET", "HEAD")
        with ComingBack(self.request.carried if again else None):
            answer = self.channel.server.application(self.get_environment(), self._start_answer)
        if isinstance(answer, ArrivingPart):
            answer = GrowingFile(answer, self.channel.server.wake)
        if isinstance(answer, (SentFile, GrowingFile)) and answer.prepare(self.content_length):
            self.write(b"")
            # From here on the channel has the file, and closes it.
            self.channel.write_soon(answer)
            return
        try:
            for part in answer:
                if part:
                    self.write(part)
            self._end_short_answer()
        finally:
            if hasattr(answer, "close"):
                answer.close()

    def _start_answer(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], None]:
        """Begin the answer, as WSGI has it (PEP 3333)."""
        if self.complete:
            raise RuntimeError("the application has begun its answer twice")
        text = "".join([status, *(name + value for name, value in headers)])
        if "\n" in text or "\r" in text:
            raise ValueError("a header of the answer has the end of a line in it")
        self.complete = True
        self.status = status
        for name, value in headers:
            if name == "Content-Length":
                self.content_length = int(value)
        self.response_headers.extend(headers)
        return self.write

    def _end_short_answer(self) -> None:
        """Close the connection if the client would wait for more bytes than there are."""
        promised = self.content_length
        if promised is None or promised == self.content_bytes_written:
            return
        if self.request.command != "HEAD" and self.has_body:
            self.set_close_on_finish()
            logger.warning("an answer has %d of %d bytes", self.content_bytes_written, promised)

    def set_close_on_finish(self) -> None:
        """End the connection after this answer; not merely because the answer has no body.

        waitress does so after 204 and 304, which have no length that would need to be told.
        """
        wanted = self.request.headers.get("CONNECTION", "").lower() == "close"
        if self.has_body or self.wrote_header or self.version == "1.0" or wanted:
            super().set_close_on_finish()

    def build_response_header(self) -> bytes:
        """Return the head of the answer, in the order and with the names that the application gave.

        waitress sorts the headers and writes their names anew, and adds a ``Via`` where the
        application has named the server; on a small answer that is a tenth of the time.
        """
        if self.version == "1.0":
            wanted = self.request.headers.get("CONNECTION", "").lower() == "keep-alive"
            if wanted and self.has_body and self.content_length is not None:
                self.response_headers.append(("Connection", "Keep-Alive"))
            else:
                self.set_close_on_finish()
        else:
            self._close_or_go_on()
        lines = [f"HTTP/{self.version} {self.status}"]
        for name, value in self.response_headers:
            if name.lower() != "content-length":
                lines.append(f"{name}: {value}")
        if self.has_body and self.content_length is not None:
            lines.append(f"Content-Length: {self.content_length}")
        lines.append(f"Date: {_date(int(self.start_time))}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _close_or_go_on(self) -> None:
        """Decide by HTTP/1.1 how the client learns where the answer ends."""
        if self.request.headers.get("CONNECTION", "").lower() == "close":
            self.set_close_on_finish()
        if self.has_body and self.content_length is not None:
            return
        if self.has_body:
            self.response_headers.append(("Transfer-Encoding", "chunked"))
            self.chunked_response = True
        if not self.close_on_finish:
            self.set_close_on_finish()

    def write(self, data: bytes) -> None:
        """Send a part of the answer; a short answer leaves with its head, in one segment."""
        if self.wrote_header or not 0 < len(data) <= JOINED or self.content_length != len(data):
            super().write(data)
            return
        head = self.build_response_header()
        self.wrote_header = True
        self.content_bytes_written = len(data)
        self.channel.write_soon(head + data if self.has_body else head)


class AskingTask(ApplicationTask):
    """Runs the application for a request whose body has not been received.

    Either the application answers, which refuses the body, or it raises `BodyWanted`.
    """

    def get_environment(self) -> dict[str, Any]:
        """Return the request environment, marked as being without its body."""
        environ = super().get_environment()
        environ[PENDING] = True
        return environ


class JsonErrorTask(ErrorTask):
    """Answers a request that could not be read, in JSON like everything else.

    Which API it was meant for is not known, so the entry has the fields of all their dialects.
    """

    def execute(self) -> None:
        """Send the answer and close the connection."""
        error = self.request.error
        entry = {
            "status": error.code,
            "code": "UNSUPPORTED",
            "message": error.reason,
            "detail": str(error.body)[:200],
        }
        body = json.dumps({"errors": [entry]}).encode() + b"\n"
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.response_headers.append(("X-Content-Type-Options", "nosniff"))
        self.response_headers.append(("Docker-Distribution-Api-Version", "registry/2.0"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.channel.server.figures.count_request(_UNREAD, "other", error.code, 0, len(body), 0.0)
        client = self.channel.addr[0]
        access.info("%s - - - %d reason=%r", client, error.code, str(error.body)[:200])
        self.write(body)
