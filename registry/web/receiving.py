"""Request bodies and what headers say of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar, cast

from flask import request

from registry.model.bodies import PENDING, RECEIVED, BodySink, BodyWanted, MemorySink, ReceivedBody
from registry.model.errors import BodyTooLarge, RegistryError, SizeInvalid, UploadInvalid
from registry.web.context import current

_READ_SIZE: Final = 1 << 18
_CONTENT_RANGE: Final = re.compile(r"(?:bytes[ =])?([0-9]{1,18})-([0-9]{1,18})(?:/[0-9*]+)?")

Sink = TypeVar("Sink", bound=BodySink)


def receive(open_sink: Callable[[], Sink]) -> Sink:
    """Return the sink, opened by ``open_sink``, with the whole body of the request in it.

    Where the body has not arrived, the server room gets the sink and runs the handler again when
    it is filled; so all that a handler does before must be free of consequences. The caller
    closes the sink.

    Raises:
        RegistryError: what the sink raised; the body was not taken in to its end.
    """
    received = request.environ.get(RECEIVED)
    if isinstance(received, ReceivedBody):
        if received.failure is not None:
            received.sink.undo()
            raise received.failure
        return cast(Sink, received.sink)
    sink = open_sink()
    if request.environ.get(PENDING):
        raise BodyWanted(sink, current().principal)
    try:
        while part := request.stream.read(_READ_SIZE):
            sink.write(part)
    except RegistryError:
        sink.undo()
        sink.close()
        raise
    return sink


def receive_bytes(limit: int) -> bytes:
    """Return the body, which may have at most ``limit`` bytes.

    Raises:
        BodyTooLarge: it has more; a body that announces so is not taken in at all.
    """
    if (announced_length() or 0) > limit:
        raise BodyTooLarge(f"the body may have {limit} bytes", {"limit": limit})
    return receive(lambda: MemorySink(limit)).getvalue()


def announced_length() -> int | None:
    """Return the Content-Length in bytes, or None if the body's length is not known yet."""
    text = request.environ.get("CONTENT_LENGTH") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def has_received() -> bool:
    """Return whether the body is in its sink already, so that checks beforehand come too late."""
    return RECEIVED in request.environ


def content_range() -> tuple[int, int] | None:
    """Return the first and last byte that the body is said to be, or None if nothing is said.

    Raises:
        UploadInvalid: the header is malformed.
        SizeInvalid: the last byte comes before the first.
    """
    text = request.headers.get("Content-Range")
    if text is None:
        return None
    match = _CONTENT_RANGE.fullmatch(text.strip())
    if match is None:
        raise UploadInvalid("Content-Range is '<first byte>-<last byte>'")
    if int(match[2]) < int(match[1]):
        raise SizeInvalid("Content-Range ends before it begins")
    return int(match[1]), int(match[2])
