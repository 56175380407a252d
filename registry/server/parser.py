"""Reading a request: waitress's parser, with bodies of any size and early questions."""

from __future__ import annotations

import time

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import FixedStreamReceiver
from waitress.utilities import BadRequest

from registry.model.waiting import Carried
from registry.server.bodies import MEMORY_LIMIT, Body
from registry.server.chunked import ChunkedReceiver
from registry.server.fields import plain_fields


class RequestParser(HTTPRequestParser):
    """Collects one request; tells when the application must be asked for the body's place."""

    # Attributes of waitress's class, named here because it has no types.
    body_rcv: FixedStreamReceiver | ChunkedReceiver | None
    completed: bool
    headers: dict[str, str]

    admitted = False
    """Whether the application has said where the body goes."""

    def __init__(self, adj: object) -> None:
        super().__init__(adj)
        self.body: Body | None = None
        self.carried: Carried = {}
        self.began = time.perf_counter()

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the head; refuse what two readers could understand differently.

        Both Transfer-Encoding and Content-Length, or one of them twice, is how requests are
        smuggled past a proxy (RFC 9112, section 6.3; waitress CVE-2019-16786 and its kin).
        """
        first, _, rest = header_plus.partition(b"\r\n")
        fields = plain_fields(rest)
        if fields is not None:
            # There is no body and nothing twice, so nothing can be ambiguous.
            self.headers.update(fields)
            header_plus = first + b"\r\n"
        else:
            _refuse_ambiguous_length(header_plus)
        try:
            super().parse_header(header_plus)
        except ValueError:
            # The standard library's URL parser refuses some hosts so.
            raise ParsingError("the target of the request is malformed") from None
        if self.body_rcv is None:
            return
        self.body = Body()
        if self.chunked:
            self.body_rcv = ChunkedReceiver(self.body)
        else:
            self.body_rcv = FixedStreamReceiver(self.content_length, self.body)

    def received(self, data: bytes) -> int:
        """Take bytes from the connection; a refused body ends the request at once."""
        if not self.headers_finished and not self.header_plus and _is_no_http(data):
            self.parse_header(b"GET / HTTP/1.0\r\n")
            self.fail("this is no HTTP request; the server speaks plain HTTP on this port")
            return len(data)
        consumed = int(super().received(data))
        if self.body is not None and self.body.refused and not self.completed:
            self.completed = True
            self.abandon_connection()
        return consumed

    @property
    def asks(self) -> bool:
        """Whether no more of the body may be taken in before the application has been asked."""
        if self.admitted or self.body is None or self.error is not None or self.completed:
            return False
        announced = not self.chunked and self.content_length > MEMORY_LIMIT
        return announced or self.body.overflowing or bool(self.expect_continue)

    def abandon_connection(self) -> None:
        """Close the connection after the answer, because the rest of the body is not read."""
        self.headers["CONNECTION"] = "close"
        self.connection_close = True

    def fail(self, reason: str) -> None:
        """End the request with 400."""
        self.error = BadRequest(reason)
        self.completed = True


def _is_no_http(data: bytes) -> bool:
    """Return whether the first bytes of a connection cannot begin a request.

    Clients that try TLS first would otherwise wait for an answer until their time-out.
    """
    return not (data[:1].isalpha() or data[:1] in b"\r\n")


def _refuse_ambiguous_length(header: bytes) -> None:
    names = [line.partition(b":")[0].lower() for line in header.split(b"\r\n")[1:]]
    lengths, encodings = names.count(b"content-length"), names.count(b"transfer-encoding")
    if lengths + encodings > 1:
        raise ParsingError("the length of the body is ambiguous")
    if encodings and not header.partition(b"\r\n")[0].endswith(b" HTTP/1.1"):
        # An older version knows no chunks, so the body would be taken for the next request.
        raise ParsingError("only HTTP/1.1 has transfer codings")
    if names.count(b"host") > 1:
        raise ParsingError("more than one Host header")
