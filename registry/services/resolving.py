"""Which member of a virtual repository answers for an image, and why: for people who wonder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from registry.model.content import StoredManifest
from registry.model.errors import ReferenceInvalid
from registry.model.targets import Target, parse_target
from registry.repositories.directory import GuardedDirectory
from registry.repositories.virtual.answers import Look, Resolution


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of looking for an image."""

    target: Target
    resolution: Resolution

    @property
    def digest(self) -> str | None:
        """The digest of the manifest that is given; None if nobody answers."""
        winner = self.resolution.winner
        found = None if winner is None else winner.found
        return found.digest if isinstance(found, StoredManifest) else None

    def document(self) -> dict[str, Any]:
        """Return it in the form of the API."""
        winner, failure = self.resolution.winner, self.resolution.failure
        return {
            "path": str(self.target),
            "answeredBy": None if winner is None else winner.key,
            "digest": self.digest,
            "failure": None if failure is None else failure.message,
            "members": [self._row(look) for look in self.resolution.looks],
        }

    def _row(self, look: Look) -> dict[str, Any]:
        return {
            "repository": look.key,
            "kind": look.kind,
            "outcome": str(look.outcome),
            "reason": look.reason,
            "answers": look is self.resolution.winner,
        }


def resolve(directory: GuardedDirectory, path: str) -> Resolved:
    """Look for ``KEY/IMAGE:TAG`` or ``KEY/IMAGE@DIGEST`` as a pull does; upstreams are asked.

    Raises:
        ReferenceInvalid: the path names no tag and no digest.
        RepositoryUnknown, AuthenticationRequired, Denied: as a pull.
    """
    target = parse_target(path)
    if target.image is None or target.reference is None:
        raise ReferenceInvalid(f"'{path[:200]}': a path is KEY/IMAGE:TAG or KEY/IMAGE@DIGEST")
    found = directory.resolution(target.key, target.image, target.reference)
    return Resolved(target, found)
