"""Foreign layers: fetched from the addresses that a manifest names, where an admin allows it.

Off unless ``externalDependenciesEnabled``. Addresses count only from a manifest that the image has
in the cache, and only with the size and the digest that it says; a pattern has to fit the address
as it is asked for, and what it resolves to is for `registry.repositories.upstream` to judge.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from registry.model.ant import ant_pattern
from registry.model.digests import Digest
from registry.model.names import ImageName
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.remote.asked import Stream
from registry.repositories.remote.shared import Shared
from registry.storage.manifest_files import Place, read_file

_MANIFESTS: Final = 1000
"""Manifests of an image that are looked into for a layer."""
_URLS: Final = 16
_PORTS: Final = {"http": 80, "https": 443}


class ForeignLayers:
    """The foreign layers of one remote repository."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def open(self, image: ImageName, digest: Digest, offset: int) -> Stream | None:
        """Return the bytes of a foreign layer, or None if none is known or allowed.

        Raises:
            UpstreamError: the addresses do not answer.
        """
        found = self._find(image, digest)
        if found is None:
            return None
        size, urls = found
        return self._shared.upstream.open_foreign(urls, digest, size, offset)

    def size(self, image: ImageName, digest: Digest) -> int | None:
        """Return how large a foreign layer is that could be fetched, or None."""
        found = self._find(image, digest)
        return None if found is None else found[0]

    def _find(self, image: ImageName, digest: Digest) -> tuple[int, Sequence[str]] | None:
        if not self._shared.definition.flag("externalDependenciesEnabled"):
            return None
        store, key = self._shared.store, self._shared.cache.key
        place = Place(key, image)
        for manifest in itertools.islice(store.manifests.digests(place), _MANIFESTS):
            with contextlib.suppress(OSError, ValueError, RecursionError):
                body = read_file(store.layout.manifest(key, image, manifest))
                if digest.encoded.encode() in body:
                    for size, urls in _layers(json.loads(body), digest):
                        allowed = [u for u in urls if is_allowed(self._shared.definition, u)]
                        if allowed:
                            return size, allowed[:_URLS]
        return None


def _layers(document: Any, digest: Digest) -> Iterator[tuple[int, list[str]]]:
    """Yield size and addresses of a layer that a manifest says is to be had elsewhere."""
    layers = document.get("layers") if isinstance(document, dict) else None
    for layer in layers if isinstance(layers, list) else ():
        if not isinstance(layer, dict) or layer.get("digest") != digest:
            continue
        size, urls = layer.get("size"), layer.get("urls")
        if isinstance(size, int) and not isinstance(size, bool) and isinstance(urls, list):
            yield size, [url for url in urls if isinstance(url, str)]


def is_allowed(definition: RepositoryDefinition, url: str) -> bool:
    """Return whether an address of a foreign layer may be asked; without patterns each may.

    A pattern is over the address: ``https://layers.example.com/**`` with its scheme, and
    ``**/layers.example.com/**`` or ``layers.example.com/**`` with any. What looks like a host in
    it is one, and no folder that somebody else has called so.
    """
    spelled = canonical(url)
    if spelled is None or not definition.flag("externalDependenciesEnabled"):
        return False
    given = definition.fields.get("externalDependenciesPatterns")
    patterns = given if isinstance(given, list) and given else ["**"]
    return any(_fits(str(pattern).strip(), spelled) for pattern in patterns)


def _fits(pattern: str, url: str) -> bool:
    scheme, _, rest = url.partition("://")
    wanted, separator, path = pattern.partition("://")
    if not separator:
        wanted, path = "*", pattern
        first, _, behind = pattern.partition("/")
        if first == "**" and "." in behind.partition("/")[0] and "/" in behind:
            path = behind
    host, separator, below = path.partition("/")
    fits = ant_pattern(f"{host.lower()}{separator}{below}").matches(rest)
    return fits and wanted.lower() in (scheme, "*", "**")


def canonical(url: str) -> str | None:
    """Return an address as patterns see it, or None if it is none that may be asked.

    What could be read in two ways is not asked: user names, backslashes, hidden dots and slashes.
    The host is in lower case and without a dot at its end, and a usual port is left out.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    strange = "\\" in url or not url.isprintable() or " " in url or "#" in url
    if strange or parts.scheme not in _PORTS or not host or "@" in parts.netloc:
        return None
    path = parts.path.lower()
    segments = path.split("/")
    if "." in segments or ".." in segments or any(code in path for code in ("%2e", "%2f", "%5c")):
        return None
    shown = f"[{host}]" if ":" in host else host
    shown += "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{shown}{parts.path or '/'}"
