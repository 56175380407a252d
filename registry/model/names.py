"""Names as types: a text is parsed once at the edge and then carried as what it is.

The words of the whole project: *repository* is an Artifactory repository with a key; *image* is a
Docker name inside it; *reference* is a tag or a digest.

Grammar: OCI distribution specification, "Pulling manifests"; lengths: the reference
implementation limits ``host/name`` to 255 characters, so a longer name could never be pulled.
"""

from __future__ import annotations

import re
from typing import Final

from registry.model.digests import Digest
from registry.model.errors import NameInvalid, RepositoryKeyInvalid, TagInvalid

NAME_LIMIT: Final = 255
"""Characters of ``<repository key>/<image>``."""
TAG_LIMIT: Final = 128
KEY_LIMIT: Final = 64

_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|__|_|-+)[a-z0-9]+)*"
_IMAGE: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
_KEY: Final = re.compile(r"[a-z][a-z0-9]*(?:(?:\.|__|_|-+)[a-z0-9]+)*")

RESERVED_KEYS: Final = frozenset(
    {"access", "api", "artifactory", "batch", "configurations", "existence", "healthz", "list"}
    | {"metrics", "null", "readyz", "repo", "router", "static", "trash", "ui", "v1", "v2"}
    | {"webapp"}
)
"""Words that stand in the place of a key in some path."""


def _shown(text: str) -> str:
    """Return ``text`` shortened for a message; hostile input must not blow up an answer."""
    return text if len(text) <= 80 else text[:80] + "…"


class ImageName(str):
    """A Docker name inside a repository, for example ``team/app``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> ImageName:
        """Return the image name that ``text`` spells.

        Raises:
            NameInvalid: the text breaks the grammar or is longer than 255 characters.
        """
        if len(text) > NAME_LIMIT:
            raise NameInvalid(
                f"the image name has {len(text)} characters, {NAME_LIMIT} are allowed",
                {"name": _shown(text)},
            )
        if not _IMAGE.fullmatch(text):
            raise NameInvalid(
                "an image name consists of lower-case letters, digits and single separators "
                "(., _, __ or -) between them, in parts divided by /",
                {"name": _shown(text)},
            )
        return cls(text)


def require_length(key: str, image: ImageName) -> None:
    """Raise NameInvalid if key and image together are longer than any client could pull."""
    if len(key) + 1 + len(image) > NAME_LIMIT:
        raise NameInvalid(
            f"repository key and image name together have at most {NAME_LIMIT} characters"
        )


class Tag(str):
    """A tag: 1 to 128 letters, digits, underscores, dots and hyphens; case counts."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Tag:
        """Return the tag that ``text`` spells.

        Raises:
            TagInvalid: the text breaks the grammar or is longer than 128 characters.
        """
        if len(text) > TAG_LIMIT or not _TAG.fullmatch(text):
            raise TagInvalid(
                "a tag consists of 1 to 128 letters, digits, underscores, dots and hyphens and "
                "does not begin with a dot or hyphen",
                {"tag": _shown(text)},
            )
        return cls(text)


Reference = Tag | Digest


def parse_reference(text: str) -> Reference:
    """Return the tag or digest that ``text`` spells; a text with ``:`` is never a tag.

    Raises:
        TagInvalid, DigestInvalid: the text is neither.
    """
    return Digest.parse(text) if ":" in text else Tag.parse(text)


_CACHE: Final = "-cache"
"""What follows the key of a remote repository in that of its cache."""


class RepositoryKey(str):
    """The key of an Artifactory repository, for example ``docker-local``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> RepositoryKey:
        """Return the key that ``text`` spells; it may stand as first part of a Docker name.

        Raises:
            RepositoryKeyInvalid: the text cannot be a repository key.
        """
        if len(text) > KEY_LIMIT or not _KEY.fullmatch(text):
            raise RepositoryKeyInvalid(
                f"a repository key has at most {KEY_LIMIT} lower-case letters, digits and single "
                "separators (., _ or -) between them, and begins with a letter",
                {"key": _shown(text)},
            )
        return cls(text)

    @classmethod
    def parse_new(cls, text: str) -> RepositoryKey:
        """Return the key that ``text`` spells; it may be given to a new repository.

        Raises:
            RepositoryKeyInvalid: the text cannot be a repository key, or stands for something else.
        """
        key = cls.parse(text)
        if key in RESERVED_KEYS:
            raise RepositoryKeyInvalid(f"the key '{key}' is reserved", {"key": key})
        if key.endswith("-cache"):
            raise RepositoryKeyInvalid(
                "a key may not end in '-cache': that names the cache of a remote repository",
                {"key": key},
            )
        return key


def cache_key(remote: str) -> RepositoryKey:
    """Return the key of what a remote repository has fetched."""
    return RepositoryKey(f"{remote}{_CACHE}")


def remote_key(cache: str) -> str | None:
    """Return the key of the remote repository whose cache has that key, if there is one.

    None where no cache can have it.
    """
    return cache.removesuffix(_CACHE) if cache.endswith(_CACHE) else None
