"""Packages: the tags of images, as people look for them across repositories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from registry.model.aql.operands import glob, is_wild
from registry.model.digests import Digest
from registry.model.names import ImageName, Reference, RepositoryKey

LABEL: Final = "docker.label."
"""Properties whose names begin so are labels of the image configuration."""


@dataclass(frozen=True, slots=True)
class PackageQuery:
    """What every wanted package fulfils. In texts ``*`` is any run of characters, ``?`` one."""

    image: str = ""
    tag: str = ""
    digest: Digest | None = None
    """Of the manifest, or of a layer or configuration; only with it are packages without a tag
    found, too."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """An empty text is any value."""
    repositories: frozenset[RepositoryKey] | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """A tag that was found, or a manifest without one."""

    repository: RepositoryKey
    image: ImageName
    reference: Reference
    digest: Digest
    """By which clients know the manifest."""
    size: int
    """Bytes of the manifest, and of what lies in its folder."""
    modified: str
    labels: Mapping[str, Sequence[str]]


class Pattern:
    """A text in which ``*`` and ``?`` stand for others; an empty one is fulfilled by all."""

    def __init__(self, text: str) -> None:
        self.exact = None if is_wild(text) else text
        """The only text that fulfils it, if there is only one; empty for all."""
        self._fits = glob(text)

    def fits(self, text: str) -> bool:
        """Return whether a text fulfils it; the time it takes is bounded by both lengths."""
        return self.exact == "" or self._fits(text)
