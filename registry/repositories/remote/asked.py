"""What a remote repository asks of an upstream registry; `registry.repositories.upstream` answers.

Of everything that can be asked, None says that it is absent. Whatever else goes wrong raises an
`UpstreamError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from registry.model.digests import Digest
from registry.model.names import ImageName, Reference
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.upstream.values import ManifestHead, UpstreamManifest


class Stream(Protocol):
    """The bytes of a blob from ``offset`` on; ``size`` is that of the whole blob."""

    @property
    def size(self) -> int:
        """How many bytes the whole blob has."""

    @property
    def offset(self) -> int:
        """Where the bytes begin; not always where they were asked for."""

    def read(self, most: int, /) -> bytes:
        """Return the next bytes; none at the end."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> object:
        """Be done with it."""


class Upstream(Protocol):
    """One upstream registry; any number of threads may ask."""

    def head_manifest(self, image: ImageName, reference: Reference) -> ManifestHead | None:
        """Return what is known of a manifest without its bytes."""

    def manifest(self, image: ImageName, reference: Reference) -> UpstreamManifest | None:
        """Return a manifest."""

    def head_blob(self, image: ImageName, digest: Digest) -> int | None:
        """Return the size of a blob."""

    def open_blob(self, image: ImageName, digest: Digest, offset: int = 0) -> Stream | None:
        """Return the bytes of a blob."""

    def open_foreign(
        self, urls: Sequence[str], digest: Digest, size: int, offset: int = 0
    ) -> Stream | None:
        """Return the bytes of a blob from one of some addresses elsewhere."""

    def tags(self, image: ImageName) -> list[str] | None:
        """Return the tags of an image."""

    def images(self) -> list[str] | None:
        """Return the images."""

    def referrers(self, image: ImageName, digest: Digest) -> list[Mapping[str, Any]] | None:
        """Return descriptors of the manifests whose subject is ``digest``."""


class Upstreams(Protocol):
    """The upstream registries of all remote repositories."""

    def of(self, definition: RepositoryDefinition) -> Upstream:
        """Return that of one; the same as long as its definition is."""
