"""Blobs of an upstream registry, and layers from addresses of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.repositories.upstream.answers import Answer
from registry.repositories.upstream.calls import Call
from registry.repositories.upstream.failures import Failure, Limit
from registry.repositories.upstream.requesting import Requester
from registry.repositories.upstream.terms import Terms
from registry.repositories.upstream.transfers import BlobStream, range_of
from registry.repositories.upstream.verdicts import is_found

_ACCEPT: Final = {"Accept": f"{media_types.OCTET_STREAM}, */*"}
_ADDRESSES: Final = 5
"""Addresses of one layer that are tried."""
_UNSATISFIABLE: Final = 416

Report = Callable[[Failure], RegistryError]
_Asked = Callable[[str, Mapping[str, str]], Answer]


class Blobs:
    """Asks one upstream registry for blobs. Every method raises Failure and Limit."""

    def __init__(self, terms: Terms, requester: Requester) -> None:
        self._terms = terms
        self._requester = requester

    def size(self, call: Call, image: str, digest: Digest) -> int | None:
        """Return the size of a blob, by HEAD, or by the headers of GET where that does not tell."""
        url = self._terms.place.url(image, f"blobs/{digest}")
        if self._terms.head_allowed:
            answer = self._requester.ask(call, "HEAD", url, image, _ACCEPT)
            answer.discard()
            # Storage to which a registry leads may know a signed address for GET alone.
            if answer.status < 400 or not (answer.far or answer.status in (405, 501)):
                if not is_found(call, answer, self._terms):
                    return None
                if answer.length is not None:
                    return answer.length
        answer = self._requester.ask(call, "GET", url, image, _ACCEPT)
        if not is_found(call, answer, self._terms):
            return None
        answer.close()
        if answer.length is None:
            raise Failure(f"'{answer.host}' does not say how large a blob is")
        return answer.length

    def open(
        self, call: Call, image: str, digest: Digest, offset: int, report: Report
    ) -> BlobStream | None:
        """Return a blob from ``offset`` on, or from its beginning."""
        url = self._terms.place.url(image, f"blobs/{digest}")

        def ask(method: str, headers: Mapping[str, str]) -> Answer:
            return self._requester.ask(call, method, url, image, headers)

        return self._open(call, ask, offset, report)

    def open_foreign(
        self, call: Call, urls: Sequence[str], size: int, offset: int, report: Report
    ) -> BlobStream | None:
        """Return a layer from the first of its addresses that has it; None: all say it is gone."""
        last: Failure | None = None
        for url in urls[:_ADDRESSES]:
            try:
                stream = self._open_one_foreign(call, url, offset, report)
            except Failure as failure:
                last = Failure(failure.cause)
            except Limit as limit:
                last = Failure(limit.cause)
            else:
                if stream is not None and stream.size == size:
                    return stream
                if stream is not None:
                    stream.close()
                    last = Failure(f"a layer has {stream.size} bytes there, and {size} here")
        if last is not None:
            raise last
        return None

    def _open_one_foreign(
        self, call: Call, url: str, offset: int, report: Report
    ) -> BlobStream | None:
        peer = self._requester.peer(call)

        def ask(method: str, headers: Mapping[str, str]) -> Answer:
            call.peer = peer
            return self._requester.follow(call, method, url, headers)

        return self._open(call, ask, offset, report)

    def _open(self, call: Call, ask: _Asked, offset: int, report: Report) -> BlobStream | None:
        wish = {"Range": f"bytes={offset}-"} if offset else {}
        answer = ask("GET", {**_ACCEPT, **wish})
        if answer.status == _UNSATISFIABLE and offset:
            answer.discard()
            answer = ask("GET", _ACCEPT)
        if not is_found(call, answer, self._terms):
            return None
        if answer.status == 206:
            part = range_of(answer)
            if part is None or part[0] != offset or answer.length not in (None, part[1] - offset):
                raise answer.close_for(Failure(f"'{answer.host}' answers another part of a blob"))
            return BlobStream(answer, part[1], offset, self._terms.idle, report)
        size = answer.length
        if size is None:
            size = self._asked_size(call, ask, answer)
        return BlobStream(answer, size, 0, self._terms.idle, report)

    def _asked_size(self, call: Call, ask: _Asked, opened: Answer) -> int:
        """Return the size of a blob that comes without one."""
        with opened.closed_on_failure():
            head = ask("HEAD", _ACCEPT)
            head.discard()
        if head.status != 200 or head.length is None:
            raise opened.close_for(Failure(f"'{opened.host}' does not say how large a blob is"))
        return head.length
