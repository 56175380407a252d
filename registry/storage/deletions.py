"""The notes in the trash: what was deleted, by whom, when."""

from __future__ import annotations

import datetime
import secrets
from dataclasses import dataclass
from typing import Any, Final

from registry.model.digests import Digest
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.storage.journal import now

_STAMP: Final = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class Deletion:
    """What an entry of the trash says of itself."""

    id: str
    act: str
    """Entries of one command or request have this in common."""
    time: str
    principal: str
    repository: RepositoryKey
    image: ImageName | None
    """None for a whole repository."""
    reference: Reference | None
    digest: Digest | None

    @property
    def moment(self) -> float:
        """When it was deleted, in seconds since 1970."""
        return datetime.datetime.fromisoformat(self.time).timestamp()

    @property
    def is_repository(self) -> bool:
        """Whether it is a whole repository."""
        return self.image is None


def new_act() -> str:
    """Return a fresh name that sorts by time."""
    return f"{now().astimezone(datetime.UTC):{_STAMP}}-{secrets.token_hex(4)}"


def parse_deletion(name: str, note: dict[str, Any]) -> Deletion:
    """Return what a note says. Raises KeyError, TypeError or ValueError for a damaged one."""
    image, reference, digest = note.get("image"), note.get("reference"), note.get("digest")
    if reference is not None:
        reference = Digest(reference) if ":" in reference else Tag(reference)
    found = Deletion(
        id=name,
        act=note["act"],
        time=note["time"],
        principal=note["principal"],
        repository=RepositoryKey(note["repository"]),
        image=None if image is None else ImageName(image),
        reference=reference,
        digest=None if digest is None else Digest(digest),
    )
    # Whoever has the note may rely on its time.
    _ = found.moment
    return found
