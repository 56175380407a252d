"""An upstream registry in memory, which counts what it is asked and fails as a test wants."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

from registry.model.digests import Digest
from registry.model.names import ImageName, Reference
from registry.model.upstream_errors import UpstreamError, UpstreamFailed
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.upstream.values import ManifestHead, UpstreamManifest


class FakeStream:
    """The bytes of a blob; each read gives at most ``step`` of them."""

    def __init__(self, upstream: FakeUpstream, data: bytes, offset: int) -> None:
        self._upstream = upstream
        self._data = data
        self.size = len(data) if upstream.says_size is None else upstream.says_size
        self.offset = offset if upstream.knows_ranges else 0
        self._at = self.offset

    def read(self, most: int, /) -> bytes:
        self._upstream.gate.wait(30)
        if self._upstream.breaks_at is not None and self._at >= self._upstream.breaks_at:
            self._upstream.breaks_at = None
            raise UpstreamFailed("broke off")
        part = self._data[self._at : self._at + min(most, self._upstream.step)]
        self._at += len(part)
        return part

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        pass


class FakeUpstream:
    """What an upstream has, and how it behaves."""

    def __init__(self) -> None:
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.foreign: dict[str, bytes] = {}
        self.referring: dict[str, list[Mapping[str, Any]]] = {}
        self.asked: Counter[str] = Counter()
        self.questions: list[str] = []
        self.error: UpstreamError | None = None
        self.gives_digest = True
        self.knows_ranges = True
        self.breaks_at: int | None = None
        self.says_size: int | None = None
        self.step = 64 * 1024
        self.gate = threading.Event()
        self.gate.set()

    def _ask(self, what: str, *about: object) -> None:
        self.asked[what] += 1
        self.questions.append(" ".join(map(str, (what, *about))))
        if self.error is not None:
            raise self.error

    def add(self, image: str, tag: str, body: bytes, *blobs: bytes) -> Digest:
        """Have an image under a tag and its digest."""
        digest = Digest.of(body)
        self.manifests[image, tag] = self.manifests[image, digest] = body
        for blob in blobs:
            self.blobs[image, Digest.of(blob)] = blob
        return digest

    def head_manifest(self, image: ImageName, reference: Reference) -> ManifestHead | None:
        self._ask("HEAD manifest", image, reference)
        body = self.manifests.get((image, reference))
        if body is None:
            return None
        return ManifestHead(Digest.of(body) if self.gives_digest else None, "", None)

    def manifest(self, image: ImageName, reference: Reference) -> UpstreamManifest | None:
        self._ask("GET manifest", image, reference)
        self.gate.wait(30)
        body = self.manifests.get((image, reference))
        return None if body is None else UpstreamManifest(Digest.of(body), "", body)

    def head_blob(self, image: ImageName, digest: Digest) -> int | None:
        self._ask("HEAD blob", image, digest)
        blob = self.blobs.get((image, digest))
        return None if blob is None else len(blob)

    def open_blob(self, image: ImageName, digest: Digest, offset: int = 0) -> FakeStream | None:
        self._ask("GET blob", image, digest, offset)
        blob = self.blobs.get((image, digest))
        return None if blob is None else FakeStream(self, blob, offset)

    def open_foreign(
        self, urls: Sequence[str], digest: Digest, size: int, offset: int = 0
    ) -> FakeStream | None:
        self._ask("GET foreign", *urls)
        found = next((self.foreign[url] for url in urls if url in self.foreign), None)
        return None if found is None else FakeStream(self, found, offset)

    def tags(self, image: ImageName) -> list[str] | None:
        self._ask("GET tags", image)
        return [tag for name, tag in self.manifests if name == image and ":" not in tag] or None

    def images(self) -> list[str] | None:
        self._ask("GET catalog")
        return sorted({name for name, _ in self.manifests}) or None

    def referrers(self, image: ImageName, digest: Digest) -> list[Mapping[str, Any]] | None:
        self._ask("GET referrers", image, digest)
        return self.referring.get(digest)


class FakeUpstreams:
    """One upstream for all."""

    def __init__(self, upstream: FakeUpstream) -> None:
        self.upstream = upstream

    def of(self, definition: RepositoryDefinition) -> FakeUpstream:
        return self.upstream
