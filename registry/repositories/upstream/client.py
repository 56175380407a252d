"""One upstream registry, as a remote repository asks it: found, None for absent, or an error."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.names import ImageName, Reference, Tag
from registry.model.upstream_errors import (
    UpstreamFailed,
    UpstreamLimited,
    UpstreamRefused,
)
from registry.repositories.upstream import lists
from registry.repositories.upstream.answers import Answer
from registry.repositories.upstream.blobs import Blobs
from registry.repositories.upstream.bulkhead import Bulkhead
from registry.repositories.upstream.calls import Call
from registry.repositories.upstream.condition import Condition
from registry.repositories.upstream.failures import Failure, Limit
from registry.repositories.upstream.manifests import ACCEPT, read_head, read_manifest
from registry.repositories.upstream.pausing import Pausing
from registry.repositories.upstream.remembering import Notes, Remembering
from registry.repositories.upstream.requesting import Requester
from registry.repositories.upstream.sockets import Trust
from registry.repositories.upstream.terms import Surroundings, Terms
from registry.repositories.upstream.transfers import BlobStream
from registry.repositories.upstream.values import ManifestHead, UpstreamManifest
from registry.repositories.upstream.verdicts import is_found

_log: Final = logging.getLogger(__name__)
_PATIENCE: Final = 1.0
_NO_REFERRERS: Final = (400, 404, 405, 501)
"""What registries answer that know no list of referrers."""
_LIST_HEADERS: Final = {"Accept": f"{media_types.OCI_INDEX}, {media_types.JSON}"}
_NO_HEAD: Final = (405, 501)
_LIST_CALLS: Final = 4
"""A list may take as long as that many other calls: it has pages."""
_CLOSED: Final = (401, 403, 405)


class Upstream:
    """The upstream registry of one remote repository; for all threads.

    Images are named as upstream knows them: by `names.cache_name`. Each method returns None where
    the thing is absent, and raises:
        UpstreamFailed: it could not be found out; at once, and without a connection, while the
            repository is offline, for a period after the upstream was silent, and while others
            wait for it already in vain.
        UpstreamLimited: the upstream has had enough of us; at once until the moment it has named.
    """

    def __init__(
        self, terms: Terms, surroundings: Surroundings, trust: Trust, notes: Notes
    ) -> None:
        self.terms = terms
        self._requester = Requester(terms, surroundings, trust)
        self._pausing = Pausing(terms.offline_period)
        self._remembering = Remembering(notes, terms, self._pausing)
        self._bulkhead = Bulkhead(surroundings.most_waiting, min(_PATIENCE, terms.idle), terms.idle)
        self._blobs = Blobs(terms, self._requester)

    @property
    def condition(self) -> Condition:
        """What is known of it, by this process and all others."""
        return self._remembering.condition

    @property
    def paused_until(self) -> float | None:
        """Until when upstream is left alone, in seconds since 1970; None while it is not."""
        return self._pausing.until

    def head_manifest(self, image: ImageName, reference: Reference) -> ManifestHead | None:
        """Return what is known of a manifest without fetching it, where upstream knows how."""
        if self.terms.head_allowed:
            with self._asked() as call:
                answer = self._ask(call, "HEAD", image, f"manifests/{reference}", Accept=ACCEPT)
                answer.discard()
                if answer.status not in _NO_HEAD:
                    found = is_found(call, answer, self.terms)
                    return read_head(call, answer, reference) if found else None
        manifest = self.manifest(image, reference)
        if manifest is None:
            return None
        size = len(manifest.body)
        return ManifestHead(manifest.digest, manifest.media_type, size, manifest.allowance)

    def manifest(self, image: ImageName, reference: Reference) -> UpstreamManifest | None:
        """Return a manifest; its bytes have the digest that it was asked by."""
        with self._asked() as call:
            answer = self._ask(call, "GET", image, f"manifests/{reference}", Accept=ACCEPT)
            if not is_found(call, answer, self.terms):
                return None
            return read_manifest(call, answer, reference)

    def head_blob(self, image: ImageName, digest: Digest) -> int | None:
        """Return the size of a blob."""
        with self._asked() as call:
            return self._blobs.size(call, image, digest)

    def open_blob(self, image: ImageName, digest: Digest, offset: int = 0) -> BlobStream | None:
        """Return the bytes of a blob from a place on, or from its beginning where upstream knows
        no other; reading them raises UpstreamFailed as the call itself does.
        """
        with self._asked() as call:
            return self._blobs.open(call, image, digest, offset, self._failed)

    def open_foreign(
        self, urls: Sequence[str], digest: Digest, size: int, offset: int = 0
    ) -> BlobStream | None:
        """Return a layer from the first of its own addresses that has it in its size.

        No credentials go there, and only such addresses are asked as upstream may name.
        """
        with self._asked_elsewhere() as call:
            return self._blobs.open_foreign(call, urls, size, offset, self._failed)

    def tags(self, image: ImageName) -> list[str] | None:
        """Return the tags of an image, in the order of upstream."""
        with self._asked(_LIST_CALLS) as call:
            pages = self._pages(call, image, self.terms.place.url(image, "tags/list"))
            return None if pages is None else lists.tags(pages)

    def images(self) -> list[str] | None:
        """Return the images of the registry; None also where it does not tell."""
        with self._asked(_LIST_CALLS) as call:
            url = f"{self.terms.place.root}/v2/_catalog"
            answer = self._requester.ask(call, "GET", url, "", {"Accept": media_types.JSON})
            if answer.status in _CLOSED:
                answer.discard()
                return None
            if not is_found(call, answer, self.terms):
                return None
            pages = lists.rest(call, self._asking(call, ""), url, answer)
            return lists.images(pages, self.terms.place.prefix)

    def referrers(self, image: ImageName, digest: Digest) -> list[Mapping[str, Any]] | None:
        """Return the descriptors of what refers to a manifest, also where upstream keeps them in
        a tag.
        """
        with self._asked(_LIST_CALLS) as call:
            url = self.terms.place.url(image, f"referrers/{digest}")
            answer = self._requester.ask(call, "GET", url, image, _LIST_HEADERS)
            if answer.status not in _NO_REFERRERS:
                is_found(call, answer, self.terms)
                ask = self._asking(call, image)
                return lists.descriptors(lists.rest(call, ask, url, answer))
            answer.discard()
            tag = Tag(f"{digest.algorithm}-{digest.encoded[:64]}")
            answer = self._ask(call, "GET", image, f"manifests/{tag}", Accept=ACCEPT)
            if not is_found(call, answer, self.terms):
                return None
            return lists.descriptors(iter([lists.page(call, answer)]))

    def close(self) -> None:
        """Close the connections that nobody uses; it can be asked again."""
        self._requester.close()

    def _ask(self, call: Call, method: str, image: ImageName, rest: str, **headers: str) -> Answer:
        url = self.terms.place.url(image, rest)
        return self._requester.ask(call, method, url, image, headers)

    def _asking(self, call: Call, image: str) -> lists.Ask:
        def ask(url: str, /) -> Answer | None:
            answer = self._requester.ask(call, "GET", url, image, _LIST_HEADERS)
            return answer if is_found(call, answer, self.terms) else None

        return ask

    def _pages(self, call: Call, image: ImageName, url: str) -> Iterator[Mapping[str, Any]] | None:
        ask = self._asking(call, image)
        first = ask(url)
        return None if first is None else lists.rest(call, ask, url, first)

    @contextmanager
    def _asked(self, calls: int = 1) -> Iterator[Call]:
        """Have a call that may ask upstream; what goes wrong in it becomes our errors."""
        with self._saying_why(), self._bulkhead.place():
            call = Call(self.terms.call_seconds * calls, self.terms.idle)
            with self._remembering.asked(call):
                yield call

    @contextmanager
    def _asked_elsewhere(self) -> Iterator[Call]:
        """The same for a call that may ask others, whether or not upstream is left alone."""
        with self._saying_why(), self._bulkhead.place():
            yield Call(self.terms.call_seconds, self.terms.idle)

    @contextmanager
    def _saying_why(self) -> Iterator[None]:
        if self.terms.offline:
            raise UpstreamFailed(f"the remote repository '{self.terms.key}' is set offline")
        try:
            yield
        except Failure as failure:
            raise self._failed(failure) from None
        except Limit as limit:
            message = self._message(limit.cause)
            if not limit.known:
                _log.warning("%s; it is not asked for %d seconds", message, limit.seconds)
            raise UpstreamLimited(message, limit.seconds) from None

    def _failed(self, failure: Failure) -> UpstreamFailed:
        message = self._message(failure.cause)
        if not failure.known:
            _log.warning("%s", message)
        return UpstreamRefused(message) if failure.refused else UpstreamFailed(message)

    def _message(self, cause: str) -> str:
        return f"the upstream of the remote repository '{self.terms.key}' failed: {cause}"
