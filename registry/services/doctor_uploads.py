"""The doctor pushes: how large a body may be, whether it comes through at once and as a whole."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import time
from collections.abc import Iterator
from typing import Final

from registry.model.diagnosis import Diagnosis, fail, fine, warn
from registry.services.doctor_visit import CONFIGURE, MIDDLE, Unexpected, Visit
from registry.services.doctor_wire import Broken

ANNOUNCED: Final = 5 * 1024**3
SLOWLY: Final = 256 * 1024
"""Bytes of an upload that stops in the middle: more than the server keeps in memory."""
_CHUNK: Final = 1 << 20
_WORD: Final = 10.0
"""Seconds in which something is said to an announced body."""
_LOOKS: Final = 0.05
"""Seconds between two looks how far an upload is."""
_KIND: Final = {"Content-Type": "application/octet-stream"}
_CHUNKED: Final = {**_KIND, "Transfer-Encoding": "chunked"}
_UNLIMITED: Final = "client_max_body_size 0; in nginx: layers have any size"


def announced(visit: Visit) -> Iterator[Diagnosis]:
    """Whether a body of 5 GiB is refused when it is announced; nothing of it is sent."""
    headers = {**_KIND, "Content-Length": str(ANNOUNCED), "Expect": "100-continue"}
    with visit.wire.begin("PATCH", visit.start_upload(), visit.authorized(headers)) as exchange:
        answer = exchange.word(_WORD)
    size = f"{ANNOUNCED >> 30} GiB"
    if answer is None or answer.status == 100:
        yield fine("size", f"a layer of {size} would be taken")
    elif answer.status == 413:
        yield fail("size", f"a layer of {size} is refused with {answer}", _UNLIMITED)
    elif answer.status == 507:
        yield warn(
            "size",
            f"a layer of {size} gets to the server, which has no room for it",
            "make room on the disk of the server",
        )
    else:
        raise Unexpected(f"an announced layer of {size}", answer)


def streamed(visit: Visit) -> Iterator[Diagnosis]:
    """Whether bytes arrive while the upload goes on, and whether a client may stop for a while."""
    upload = visit.start_upload()
    answer = None
    with visit.wire.begin("PATCH", upload, visit.authorized(_CHUNKED)) as exchange:
        exchange.chunk(bytes(SLOWLY))
        arrived = _watch(visit, upload)
        time.sleep(visit.pause)
        exchange.chunk(b"")
        with contextlib.suppress(Broken):
            answer = exchange.answer()
    if arrived:
        yield fine("buffering", "an upload reaches the server while it is sent")
    else:
        yield warn(
            "buffering",
            "an upload is kept by the proxy until all of it is there: it needs "
            "room at the proxy, and twice the time",
            "proxy_request_buffering off; and proxy_http_version 1.1; in nginx",
        )
    if answer is not None and answer.status == 202:
        yield fine("pause", f"a client may stop for {visit.pause:g} s within an upload")
    else:
        what = f"a client that stops for {visit.pause:g} s within an upload is cut off"
        yield fail(
            "pause",
            what if answer is None else f"{what} with {answer}",
            "client_body_timeout 900s; proxy_send_timeout 900s; and proxy_read_timeout "
            "900s; in nginx, idle_timeout = 900 in the settings of the server",
        )


def _watch(visit: Visit, upload: str) -> bool:
    """Return whether most of what has been sent arrives in a while."""
    end = time.monotonic() + visit.patience
    while visit.arrived(upload) < SLOWLY // 2:
        if time.monotonic() > end:
            return False
        time.sleep(_LOOKS)
    return True


def large(visit: Visit) -> Iterator[Diagnosis]:
    """Whether a large layer comes through as a whole, in chunks as docker sends it."""
    upload = visit.start_upload()
    hasher, left, began = hashlib.sha256(), visit.size, time.monotonic()
    sent = 0
    with visit.wire.begin("PATCH", upload, visit.authorized(_CHUNKED)) as exchange:
        while left:
            part = secrets.token_bytes(min(left, _CHUNK))
            if sent == MIDDLE:
                visit.middle = part
            sent += len(part)
            left -= len(part)
            hasher.update(part)
            if not exchange.chunk(part):
                break
        exchange.chunk(b"")
        answer = exchange.answer()
    what = f"an upload of {mebibytes(visit.size)}"
    if answer.status != 202:
        raise Unexpected(what, answer)
    digest = f"sha256:{hasher.hexdigest()}"
    parted = "&" if "?" in upload else "?"
    answer = visit.ask("PUT", f"{upload}{parted}digest={digest}")
    if answer.status != 201:
        raise Unexpected(f"the end of {what}", answer)
    visit.uploads.remove(upload)
    visit.blob = digest
    if answer.first("Docker-Content-Digest") == digest:
        seconds = time.monotonic() - began
        yield fine("upload", f"{what} comes through, in {seconds:.1f} s")
    else:
        yield fail("upload", f"the answer to {what} does not have the digest", CONFIGURE)


def mebibytes(size: int) -> str:
    """Return a number of bytes as people say it."""
    return f"{size / (1 << 20):g} MiB"
