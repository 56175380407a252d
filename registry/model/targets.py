"""What a command is about: a repository, an image of it, or a tag or manifest of that."""

from __future__ import annotations

from dataclasses import dataclass

from registry.model.digests import Digest
from registry.model.errors import ReferenceInvalid, RegistryError
from registry.model.names import ImageName, Reference, RepositoryKey, Tag


@dataclass(frozen=True, slots=True)
class Target:
    """A repository, and of it an image, and of that a tag or digest, as far as given."""

    key: RepositoryKey
    image: ImageName | None = None
    reference: Reference | None = None

    def __str__(self) -> str:
        text = self.key if self.image is None else f"{self.key}/{self.image}"
        if self.reference is None:
            return text
        return f"{text}{'@' if isinstance(self.reference, Digest) else ':'}{self.reference}"


def parse_target(text: str) -> Target:
    """Return what ``KEY``, ``KEY/IMAGE``, ``KEY/IMAGE:TAG`` or ``KEY/IMAGE@DIGEST`` names.

    Raises:
        ReferenceInvalid: the text has another form.
    """
    try:
        return _parse(text)
    except ReferenceInvalid:
        raise
    except RegistryError as error:
        raise ReferenceInvalid(f"'{text[:200]}': {error.message}") from None


def _parse(text: str) -> Target:
    key, slash, rest = text.partition("/")
    if not slash:
        return Target(RepositoryKey.parse(key))
    name, at, digest = rest.partition("@")
    if at:
        return Target(RepositoryKey.parse(key), ImageName.parse(name), Digest.parse(digest))
    name, colon, tag = rest.partition(":")
    reference = Tag.parse(tag) if colon else None
    return Target(RepositoryKey.parse(key), ImageName.parse(name), reference)


def parse_tag_target(text: str) -> tuple[RepositoryKey, ImageName, Tag]:
    """Return the parts of ``KEY/IMAGE:TAG``.

    Raises:
        ReferenceInvalid: the text has another form.
    """
    target = parse_target(text)
    if target.image is None or not isinstance(target.reference, Tag):
        raise ReferenceInvalid(f"a tag is named KEY/IMAGE:TAG, not '{text[:200]}'")
    return target.key, target.image, target.reference
