"""What the workload was promised, and when, in positions of the disk's log."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from registry.model.digests import Digest
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.storage.manifest_files import Place

Thing = str
"""What can be promised, as a reader knows it: a tag, a manifest by digest, an entry of the trash, a
user, a repository."""
_ELSEWHERE = ("trash:", "user:", "repository:")

Contents = Mapping[Thing, str | None]
"""What stands under things: a digest or the like; None for nothing."""


def tag_of(place: Place, tag: Tag | str) -> Thing:
    """Return the name of a tag."""
    return f"{place.key}/{place.image}:{tag}"


def manifest_of(place: Place, digest: Digest) -> Thing:
    """Return the name of a manifest by digest."""
    return f"{place.key}/{place.image}@{digest}"


def trash_of(place: Place, reference: Reference, digest: Digest) -> Thing:
    """Return the name of a deleted manifest that was under a reference."""
    return f"trash:{place.key}/{place.image} {reference} {digest}"


def place_and_tag(thing: Thing) -> tuple[Place | None, str | None]:
    """Return the image that a thing is in, and the tag that it is, if there are such."""
    if thing.startswith(_ELSEWHERE):
        return None, None
    key, _, rest = thing.partition("/")
    image, _, digest = rest.partition("@")
    image, _, tag = image.partition(":")
    return Place(RepositoryKey(key), ImageName(image)), None if digest else tag


def is_tag(thing: Thing) -> bool:
    """Return whether it is a tag."""
    return place_and_tag(thing)[1] is not None


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: the sizes of the log at its beginning and when it was acknowledged."""

    name: str
    begun: int
    acknowledged: int
    contents: Contents
    """What stands under all that it changes, from the acknowledgement on."""


class Ledger:
    """Notes the operations of a workload; several threads may do so at once."""

    def __init__(self, log: str) -> None:
        self._log = log
        self.steps: list[Step] = []

    def size(self) -> int:
        """Return the size of the log now."""
        return os.stat(self._log).st_size

    def step(
        self, name: str, operation: Callable[[], object], contents: Callable[[], Contents]
    ) -> None:
        """Do an operation, and note it with what it has changed, as ``contents`` tells then."""
        begun = self.size()
        operation()
        acknowledged = self.size()
        self.steps.append(Step(name, begun, acknowledged, contents()))


class Promises:
    """What must be there after a power cut at one position of the log."""

    def __init__(self, steps: Iterable[Step], position: int) -> None:
        self.settled: dict[Thing, str | None] = {}
        """What the last acknowledged operation on each thing has left."""
        self.in_flight: list[Step] = []
        for step in sorted(steps, key=lambda step: step.acknowledged):
            if step.acknowledged <= position:
                self.settled |= step.contents
            elif step.begun < position:
                self.in_flight.append(step)

    def allowed(self, thing: Thing) -> set[str | None]:
        """Return what may stand under a thing: what is settled, or what was about to come."""
        coming = (step.contents for step in self.in_flight)
        return {self.settled.get(thing)} | {new[thing] for new in coming if thing in new}
