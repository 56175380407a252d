"""How content travels: whole files and ranges by the server's file wrapper, never by a generator.

A file costs no worker thread while a slow client reads it; a generator would. So every large body
of the web room is sent from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import IO, Any, Final

from flask import Response, request
from werkzeug.wsgi import FileWrapper

from registry.model.arriving import ArrivingPart
from registry.model.content import Blob
from registry.model.errors import BlobUnknown, RangeUnsatisfiable
from registry.model.media_types import OCTET_STREAM
from registry.web.addressing import offload_prefix
from registry.web.answers import Answer
from registry.web.context import current

_RANGE: Final = re.compile(r"bytes=([0-9]{0,4000})-([0-9]{0,4000})")
_PLAIN_RANGE: Final = re.compile(r"bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})")
"""A range that every reader understands alike."""
_CONDITIONS: Final = ("HTTP_IF_RANGE", "HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE")
"""Headers that mean nothing for content that never changes."""
_READ_AT_ONCE: Final = 64 * 1024
"""Files up to this size are read into the answer: one system call less to the socket."""


def is_cached_by_client(digest: str) -> bool:
    """Return whether the client says, by If-None-Match, that it has this content already."""
    header = request.environ.get("HTTP_IF_NONE_MATCH")
    if header is None:
        return False
    known = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    return digest in known or "*" in known


def not_modified(digest: str) -> Response:
    """Return the answer to a client that has the content."""
    return Answer(304, [("Docker-Content-Digest", digest), ("ETag", f'"{digest}"')])


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return offset and length of the one range asked for, or None for the whole content.

    Malformed ranges, and several at once, are answered with everything (RFC 9110, section 14.2).

    Raises:
        RangeUnsatisfiable: the range begins behind the end, or ends before it begins.
    """
    match = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        length = min(int(match[2]), size)
        if length == 0:
            raise RangeUnsatisfiable(size)
        return size - length, length
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if first >= size or last < first:
        raise RangeUnsatisfiable(size)
    return first, last - first + 1


def send_blob(blob: Blob, more: Iterable[tuple[str, str]] = ()) -> Response:
    """Return a blob, or the range of it that was asked for, under ``more`` headers, too."""
    if is_cached_by_client(blob.digest):
        return not_modified(blob.digest)
    headers = [
        ("Content-Type", OCTET_STREAM),
        ("ETag", f'"{blob.digest}"'),
        ("Docker-Content-Digest", blob.digest),
        ("Cache-Control", "private, max-age=31536000"),
        ("Content-Disposition", "attachment"),
        *more,
    ]
    return send_file(blob, headers)


def send_file(blob: Blob, headers: list[tuple[str, str]]) -> Response:
    """Return the bytes of a blob, or the range of them that was asked for, under ``headers``."""
    part = parse_range(request.environ.get("HTTP_RANGE"), blob.size)
    offset, length = part or (0, blob.size)
    if request.method == "GET" and length > _READ_AT_ONCE and blob.arriving is None:
        offloaded = _offloaded(blob, headers, length)
        if offloaded is not None:
            return offloaded
    headers.append(("Accept-Ranges", "bytes"))
    if part:
        headers.append(("Content-Range", f"bytes {offset}-{offset + length - 1}/{blob.size}"))
    body = b"" if request.method == "HEAD" else _body(blob, offset, length)
    return Answer(206 if part else 200, headers, body, length)


def _offloaded(blob: Blob, headers: list[tuple[str, str]], length: int) -> Response | None:
    """Return the answer that lets the reverse proxy send the file, or None if it did not offer to.

    It answers ranges itself, from the request that it has; ``length`` is what it will send.
    """
    prefix = offload_prefix(request, current().instance.config.trusted_proxies)
    if prefix is None or not _is_plain(request.environ):
        return None
    name = current().instance.store.filestore.name_of(blob.digest)
    if name is None:
        # A copy of the storage folder may have lost it; the image has its own.
        return None
    current().offloaded = length
    return Answer(200, [*headers, ("X-Accel-Redirect", f"{prefix}{name}")])


def _is_plain(environ: Mapping[str, str]) -> bool:
    """Return whether the proxy would answer this request as the server does.

    nginx has its own mind about several ranges, about malformed ones, and about conditions, of
    which it takes the digest for no entity tag: it would refuse what is answered here.
    """
    header = environ.get("HTTP_RANGE")
    plain = header is None or _PLAIN_RANGE.fullmatch(header) is not None
    return plain and not any(name in environ for name in _CONDITIONS)


def _body(blob: Blob, offset: int, length: int) -> Any:
    """Return what carries the bytes; the file is opened now, so it can vanish later."""
    if blob.arriving is not None:
        return ArrivingPart(blob.arriving.begin(), offset, length)
    try:
        file: IO[bytes] = open(blob.path, "rb", buffering=0)  # noqa: SIM115
    except FileNotFoundError:
        raise BlobUnknown("blob unknown to registry", {"digest": blob.digest}) from None
    if length <= _READ_AT_ONCE:
        with file:
            file.seek(offset)
            return file.read(length)
    file.seek(offset)
    wrapper = request.environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return _LimitedFile(file, length)
    return wrapper(file, _READ_AT_ONCE)


class _LimitedFile(FileWrapper):
    """A part of a file for servers without a file wrapper of their own."""

    def __init__(self, file: IO[bytes], length: int) -> None:
        super().__init__(file, _READ_AT_ONCE)
        self._left = length

    def __next__(self) -> bytes:
        part = self.file.read(min(self._left, _READ_AT_ONCE))
        self._left -= len(part)
        if not part:
            raise StopIteration
        return bytes(part)
