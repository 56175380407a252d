"""Referrers of a remote repository: signatures and the like, fetched with what they are about.

Upstream is asked at most once a period which there are; those that the cache has not are fetched,
so that they can be verified, and travel along, when upstream is down. Older upstreams keep them
under a tag that is made of the subject's digest.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from registry.model.content import StoredManifest
from registry.model.digests import Digest
from registry.model.errors import DigestInvalid, ManifestUnknown, RegistryError
from registry.model.names import ImageName
from registry.model.upstream_errors import UpstreamError
from registry.repositories.remote.manifests import RemoteManifests
from registry.repositories.remote.shared import Shared

logger = logging.getLogger(__name__)

_MOST: Final = 100
"""Referrers of one manifest that are fetched."""
_BRIEFLY: Final = 60
"""Seconds for which it is remembered what upstream has said, at most."""


class RemoteReferrers:
    """The referrers in one remote repository."""

    def __init__(self, shared: Shared, manifests: RemoteManifests) -> None:
        self._shared = shared
        self._manifests = manifests

    def of(self, image: ImageName, subject: Digest) -> list[StoredManifest]:
        """Return the manifests whose subject is ``subject``: of upstream, and of the cache."""
        shared, name = self._shared, ("referrers", image, subject)
        if not shared.asks_nobody and shared.looked.get(name) is None:
            try:
                shared.flights.result(name, lambda: self._fetch(image, subject))
            except RegistryError as error:
                logger.warning("the referrers of '%s' are those of the cache: %s", image, error)
            period = shared.definition.number("retrievalCachePeriodSecs")
            if shared.remembers:
                shared.looked.put(name, True, min(period, _BRIEFLY))
        return shared.cache.referrers(image, subject)

    def _fetch(self, image: ImageName, subject: Digest) -> None:
        """Fetch what refers to a manifest, and the cache has not."""
        described = self._shared.upstream.referrers(image, subject) or ()
        for digest in _digests(described)[:_MOST]:
            try:
                self._manifests.fetch(image, digest)
            except (ManifestUnknown, UpstreamError) as error:
                logger.warning("the referrer %s in '%s': %s", digest, image, error)


def _digests(described: Sequence[Mapping[str, Any]]) -> list[Digest]:
    found = []
    for descriptor in described:
        try:
            found.append(Digest.parse(str(descriptor.get("digest"))))
        except DigestInvalid:
            continue
    return list(dict.fromkeys(found))
