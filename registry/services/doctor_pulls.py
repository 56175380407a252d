"""The doctor pulls: whether a layer comes back whole, who sends it, and how paths arrive."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Final

from registry.model.diagnosis import Diagnosis, fail, fine, shown, warn
from registry.services.doctor_front import VERSION, trust
from registry.services.doctor_uploads import mebibytes
from registry.services.doctor_visit import MIDDLE, SEE_MORE, Unexpected, Visit
from registry.services.doctor_wire import Answer

PART: Final = {"Range": "bytes=0-131071"}
"""So much that a proxy is given the layer to send, and no more."""
SENT_BY: Final = "X-Registry-Sent-By"
OFFER: Final = "X-Registry-Offload"
_CODED: Final = {"Accept-Encoding": "gzip"}
"""What clients in Go send with each request, so that proxies may compress."""


def whole(visit: Visit) -> Iterator[Diagnosis]:
    """Whether the layer comes back as it was, and who sends it."""
    hasher, began = hashlib.sha256(), time.monotonic()
    length = 0

    def take(part: bytes) -> None:
        nonlocal length
        hasher.update(part)
        length += len(part)

    asked = visit.ask("HEAD", visit.blob_path, _CODED)
    answer = visit.ask("GET", visit.blob_path, _CODED, take)
    if asked.status != 200:
        raise Unexpected("a question for a layer", asked)
    if answer.status != 200:
        yield _unsent(visit, answer)
        return
    visit.comes = True
    seconds = time.monotonic() - began
    size = mebibytes(visit.size)
    if f"sha256:{hasher.hexdigest()}" == visit.blob:
        yield fine("pull", f"a layer of {size} comes back whole, in {seconds:.1f} s")
    else:
        yield fail(
            "pull",
            f"of a layer of {size} other bytes come back, {length} of them",
            "no sub_filter and no gzip in nginx, and room for proxy_temp_path",
        )
    yield from _headers(visit, asked, answer)
    yield _sender(visit, answer)


def _unsent(visit: Visit, answer: Answer) -> Diagnosis:
    """Return the line for a layer that is there and does not come."""
    seen = visit.seen
    if seen is not None and seen.offload is None:
        raise Unexpected("a request for a layer", answer)
    offered = "" if seen is None else f" (it offers the location {shown(str(seen.offload))})"
    return fail(
        "pull",
        f"the server has the layer, and the proxy answers {answer}: it cannot read "
        f"the content{offered}",
        "the location of X-Registry-Offload in nginx needs the "
        "alias STORAGE/filestore/, and the user of nginx the right to read there: "
        "'usermod --append --groups GROUP www-data', GROUP being that of the storage "
        "folder; then restart nginx",
    )


def _headers(visit: Visit, asked: Answer, answer: Answer) -> Iterator[Diagnosis]:
    """Whether what clients rely on has survived, asked for and sent."""
    wanted = {
        "Docker-Content-Digest": visit.blob,
        "ETag": f'"{visit.blob}"',
        "Content-Length": str(visit.size),
        VERSION: "registry/2.0",
        "Content-Encoding": None,
    }
    wrong = {
        name: shown(", ".join(found.all(name))) or "none"
        for found in (asked, answer)
        for name, value in wanted.items()
        if found.all(name) != ([] if value is None else [value])
    }
    if not wrong:
        yield fine("headers", "digest, ETag and length of a layer come as the server sends them")
        return
    listed = ", ".join(f"{name}: {values}" for name, values in wrong.items())
    yield fail(
        "headers",
        f"headers of a layer are changed on the way ({listed})",
        "gzip off; and no add_header of them in nginx; only the location of X-Registry-Offload "
        "adds each once, with etag off;",
    )


def _sender(visit: Visit, answer: Answer) -> Diagnosis:
    """Return the line that says whether the proxy has sent the layer itself."""
    if answer.first(SENT_BY) == "proxy":
        return fine("offload", "layers are sent by the proxy itself, from the storage folder")
    seen = visit.seen
    if seen is None:
        why, remedy = "", f"proxy_set_header {OFFER} /_content/; and its location in nginx, as "
        remedy += (
            f"'reverse-proxy nginx' prints them, and trusted_proxies in the settings; {SEE_MORE}"
        )
    elif OFFER not in seen.headers:
        why = ": the proxy does not offer to"
        remedy = f"proxy_set_header {OFFER} /_content/; and its location in nginx, as "
        remedy += "'reverse-proxy nginx' prints them; Apache cannot"
    elif not seen.trusted:
        why, remedy = ": the server does not believe the proxy", trust(seen)
    elif seen.offload is None:
        why = ": the proxy offers to by a location that is none"
        remedy = f"proxy_set_header {OFFER} /_content/; with a slash at both ends"
    else:
        why = f": the proxy offers to, and does not say that it did ({SENT_BY})"
        remedy = f"add_header {SENT_BY} proxy always; in its location, and no "
        remedy += "proxy_ignore_headers X-Accel-Redirect; in nginx"
    return warn("offload", f"layers go through the server, which costs it time{why}", remedy)


def ranges(visit: Visit) -> Iterator[Diagnosis]:
    """Whether a client that was cut off can go on in the middle."""
    if not visit.comes:
        return
    first = MIDDLE if visit.middle else 0
    length = len(visit.middle) or min(visit.size, 1000)
    found = bytearray()
    wanted = {"Range": f"bytes={first}-{first + length - 1}"}
    answer = visit.ask("GET", visit.blob_path, wanted, found.extend)
    place = f"bytes {first}-{first + length - 1}/{visit.size}"
    right = len(found) == length and (not visit.middle or found == visit.middle)
    if answer.status == 206 and answer.first("Content-Range") == place and right:
        yield fine("range", "a part of a layer can be asked for")
    else:
        yield fail(
            "range",
            f"a part of a layer is answered with {answer} and {len(found)} bytes",
            "let the proxy pass Range on, and do not cache in it: no proxy_cache, no slice, "
            "no max_ranges in nginx",
        )


def paths(visit: Visit) -> Iterator[Diagnosis]:
    """Whether what stands in a path arrives as it was written: encoded and doubled slashes.

    The server refuses the former, and finds nothing under the latter; a layer that comes back
    nevertheless has been asked for by a path that the proxy has made nicer.
    """
    blob = visit.blob_path
    encoded = visit.ask("GET", blob.replace("/blobs/", "%2Fblobs/"), PART)
    doubled = visit.ask("GET", blob.replace("/blobs/", "//blobs/"), PART)
    remedy = (
        "proxy_pass without a path behind the host, and no rewrite, in nginx; "
        "AllowEncodedSlashes NoDecode and nocanon in Apache"
    )
    wrong = []
    if encoded.status != 400 or not encoded.is_the_servers:
        wrong.append(f"an encoded slash (answered with {encoded.status})")
    if doubled.status not in (400, 404) or not doubled.is_the_servers:
        wrong.append(f"a doubled slash (answered with {doubled.status})")
    if wrong:
        yield fail("path", f"the proxy changes or refuses paths with {' and '.join(wrong)}", remedy)
    else:
        yield fine("path", "encoded and doubled slashes arrive as they are written")
