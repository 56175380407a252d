"""Promotion: images go on to another repository, as the stages of a release do.

One tag of an image, or all of them, each with everything that belongs to it, moved or copied. All
is checked before the first change; each tag then comes to its new place in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from registry.model.errors import (
    FieldInvalid,
    ImageUnknown,
    ManifestUnknown,
    RegistryError,
    RepositoryUnknown,
)
from registry.model.names import ImageName, Tag, require_length
from registry.model.targets import Target
from registry.repositories.belongings import Transfer
from registry.repositories.directory import GuardedDirectory
from registry.repositories.guarded import GuardedRepository
from registry.repositories.guarded_transfers import GuardedTransfers, Step

EVENT: Final = "promote"
"""What the journal says of it, in both repositories."""
_ALIAS: Final = "copyArtifact"
"""What some call ``copy``; not to know it would make a move of a copy."""
_BOOLEANS: Final = {"true": True, "false": False}

Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class Promotion:
    """What is to be promoted."""

    source: str
    """A repository key, as somebody wrote it."""
    target: str
    image: ImageName
    to: ImageName
    tag: Tag | None
    """None for all tags of the image."""
    new: Tag | None
    """None for the same tag."""
    copy: bool


@dataclass(frozen=True, slots=True)
class Promoted:
    """A tag that has been promoted."""

    source: Target
    target: Target
    digest: str
    manifests: int
    """How many have come along, itself counted."""


def parse_promotion(key: str, document: Any) -> Promotion:
    """Return the promotion from a repository that a JSON document asks for.

    A field that is null or an empty text counts as not there: so clients send what is not set.

    Raises:
        FieldInvalid: a field is missing, of a wrong type, or has no sensible value.
    """
    if not isinstance(document, dict):
        raise FieldInvalid("the body is no JSON object")
    target = _text(document, "targetRepo")
    image = _parsed(document, "dockerRepository", ImageName.parse)
    if not target or image is None:
        missing = "dockerRepository" if target else "targetRepo"
        raise FieldInvalid(f"the field '{missing}' is missing", {"field": missing})
    to = _parsed(document, "targetDockerRepository", ImageName.parse) or image
    tag, new = _parsed(document, "tag", Tag.parse), _parsed(document, "targetTag", Tag.parse)
    return make_promotion(Promotion(key, target, image, to, tag, new, _wants_copy(document)))


def make_promotion(wanted: Promotion) -> Promotion:
    """Return the promotion if it makes sense in itself. Raises FieldInvalid."""
    if wanted.new is not None and wanted.tag is None:
        raise FieldInvalid(
            "'targetTag' needs 'tag': all tags of an image keep their names", {"field": "targetTag"}
        )
    stays = wanted.new in (None, wanted.tag) and wanted.to == wanted.image
    if wanted.source == wanted.target and stays:
        raise FieldInvalid("source and target of the promotion are the same")
    for key, image in ((wanted.source, wanted.image), (wanted.target, wanted.to)):
        require_length(key, image)
    return wanted


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldInvalid(f"'{name}' is a text", {"field": name})
    return value


def _parsed(document: Mapping[str, Any], name: str, parse: Callable[[str], Name]) -> Name | None:
    text = _text(document, name)
    if not text:
        return None
    try:
        return parse(text)
    except RegistryError as error:
        raise FieldInvalid(f"'{name}': {error.message}", {"field": name}) from None


def _wants_copy(document: Mapping[str, Any]) -> bool:
    found = set()
    for name in ("copy", _ALIAS):
        value = document.get(name)
        if isinstance(value, str):
            value = _BOOLEANS.get(value.lower(), value or None)
        if value is None:
            continue
        if not isinstance(value, bool):
            raise FieldInvalid(f"'{name}' is true or false", {"field": name})
        found.add(value)
    if len(found) > 1:
        raise FieldInvalid(f"'copy' and '{_ALIAS}' contradict each other", {"field": "copy"})
    return found == {True}


def promote(directory: GuardedDirectory, wanted: Promotion) -> list[Promoted]:
    """Promote; return what has been promoted.

    Raises:
        AuthenticationRequired, ScopeInsufficient, Denied: it is not allowed.
        RepositoryUnknown, ImageUnknown, ManifestUnknown: what is named is not there.
        RequestInvalid: a repository takes part in no promotion, or refuses the image.
    """
    transfers = directory.transfers()
    source, target = _open(directory, wanted.source), _open(directory, wanted.target)
    transfers.require_target(target)
    wanted = replace(wanted, image=transfers.name_at_source(source, wanted.image))
    source = directory.open(transfers.source(source))
    done = list[Promoted]()
    for step in _steps(transfers, source, target, wanted):
        try:
            parcel = transfers.run(step)
        except ManifestUnknown:
            if wanted.tag is not None:
                raise
            # Somebody has deleted it meanwhile, so it is no longer one of all tags.
            continue
        except RegistryError as error:
            if done:
                names = ", ".join(str(one.source.reference) for one in done)
                error.message += f"; promoted before that: {names}"
            raise
        transfer = step.transfer
        done.append(
            Promoted(
                Target(source.key, transfer.image, transfer.reference),
                Target(target.key, transfer.to, transfer.new),
                parcel.root.digest,
                len(parcel.parts),
            )
        )
    return done


def _open(directory: GuardedDirectory, key: str) -> GuardedRepository:
    try:
        repository = directory.open(key)
        repository.require_known()
        return repository
    except RepositoryUnknown as error:
        raise RepositoryUnknown(f"there is no repository '{key[:80]}'", *error.details) from None


def _steps(
    transfers: GuardedTransfers,
    source: GuardedRepository,
    target: GuardedRepository,
    wanted: Promotion,
) -> list[Step]:
    """Return what is to be done, checked; a tag that comes along with another one is left out."""
    steps, along = list[Step](), set[str]()
    for tag in _tags(transfers, source, wanted):
        if tag in along:
            continue
        transfer = Transfer(
            wanted.image, tag, wanted.to, wanted.new or tag, EVENT, move=not wanted.copy
        )
        step = Step(source, target, transfer)
        try:
            parcel = transfers.check(step)
        except ManifestUnknown as error:
            name = f"{source.key}/{wanted.image}"
            raise ManifestUnknown(f"'{name}' has no tag '{tag}'", *error.details) from None
        along |= {part.reference for part in parcel.parts}
        steps.append(step)
    return steps


def _tags(transfers: GuardedTransfers, source: GuardedRepository, wanted: Promotion) -> list[Tag]:
    if wanted.tag is not None:
        return [wanted.tag]
    tags = [r for r in transfers.references(source, wanted.image) if isinstance(r, Tag)]
    if not tags:
        name = f"{source.key}/{wanted.image}"
        raise ImageUnknown(f"there is no image '{name}' with tags", {"name": wanted.image})
    return tags
