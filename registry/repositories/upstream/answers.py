"""One answer of a server, read raw and never further than it was asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from requests import Response

from registry.model import media_types
from registry.repositories.upstream.calls import Call
from registry.repositories.upstream.failures import TRANSPORT_ERRORS, Failure, failure_of, is_late

_DISCARDED: Final = 64 * 1024
"""Bytes of a body nobody wants that are read, so that the connection can be used again."""
_DISCARDED_SECONDS: Final = 0.25
_PIECE: Final = 64 * 1024


class Answer:
    """An answer whose headers have come; the body has to be read or discarded."""

    def __init__(self, response: Response, far: bool = False) -> None:
        self._response = response
        self.status: int = response.status_code
        self.url: str = response.url or ""
        self.far = far
        """Whether it came from somewhere else than where the request was sent first."""

    @property
    def host(self) -> str:
        """Who has answered."""
        return urlsplit(self.url).hostname or ""

    @property
    def media_type(self) -> str:
        """The type of the body, without parameters."""
        return media_types.bare(self.header("Content-Type"))

    @property
    def length(self) -> int | None:
        """The announced bytes of the body."""
        return number(self.header("Content-Length"))

    @property
    def shown(self) -> str:
        """The credentials that were shown with the request, without their scheme; often none."""
        return str(self._response.request.headers.get("Authorization", "")).rpartition(" ")[2]

    def header(self, name: str) -> str:
        """Return a header; empty where there is none."""
        return str(self._response.headers.get(name, ""))

    def headers(self, name: str) -> list[str]:
        """Return all headers of a name, one a line."""
        return list(self._response.raw.headers.getlist(name))

    def body(self, call: Call, most: int) -> bytes:
        """Return the whole body as it was sent.

        Raises:
            Failure: it is longer than ``most``, compressed against our wish, or breaks off.
        """
        if self.header("Content-Encoding").strip().lower() not in ("", "identity"):
            raise self.close_for(Failure(f"'{self.host}' compresses against our wish"))
        pieces: list[bytes] = []
        size = 0
        while piece := self.piece(call, _PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise self.close_for(Failure(f"'{self.host}' answers more than {most} bytes"))
        self.close()
        return b"".join(pieces)

    def piece(self, call: Call, most: int) -> bytes:
        """Return what arrives next of the body; empty at its end.

        Raises:
            Failure: it breaks off, or takes too long.
        """
        try:
            with call.governs():
                return self._response.raw.read1(most, decode_content=False) or b""
        except TRANSPORT_ERRORS as error:
            raise self.close_for(_broken_off(error, self.host)) from None

    def discard(self) -> None:
        """Be done with the body; a short one is read to its end, if it is there."""
        call = Call(_DISCARDED_SECONDS, _DISCARDED_SECONDS)
        left = _DISCARDED
        # What fails here was of no interest: the status has said what was to be known.
        with contextlib.suppress(Failure):
            while left > 0 and (piece := self.piece(call, left)):
                left -= len(piece)
        self.close()

    def close(self) -> None:
        """Be done with the answer; a connection whose body was not read to its end is closed."""
        self._response.close()

    @contextlib.contextmanager
    def closed_on_failure(self) -> Iterator[None]:
        """Be done with the answer where what is done meanwhile fails."""
        try:
            yield
        except BaseException:
            self._response.raw.close()
            raise

    def close_for(self, failure: Failure) -> Failure:
        """Close, and return the reason."""
        self._response.raw.close()
        return failure


def number(text: str) -> int | None:
    """Return the whole number that a header is; None where it is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _broken_off(error: BaseException, host: str) -> Failure:
    """A server that has begun to answer is there: it is not left alone for what follows."""
    if is_late(error):
        return Failure(failure_of(error, host).cause)
    return Failure(f"the answer of '{host}' breaks off")
