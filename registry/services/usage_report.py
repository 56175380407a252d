"""What ``du`` says of a repository, an image, a tag or a manifest: figures in bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from registry.storage.orphans import Amount


@dataclass(frozen=True, slots=True)
class Figures:
    """The bytes of one thing. ``name`` is empty for the whole storage folder."""

    name: str
    logical: int
    """The sum over its manifests of the manifest and its blobs, however often they occur."""
    own: int
    """What it has on the disk: every inode once."""
    unique: int
    """What of that nobody outside the thing has."""
    frees: int | None
    """What pruning frees after its deletion; None for the whole storage folder."""

    @property
    def shared(self) -> int:
        """What of its own bytes somebody outside has, too."""
        return self.own - self.unique

    def document(self) -> dict[str, Any]:
        """Return the figures for programs."""
        return {
            "name": self.name,
            "logical": self.logical,
            "own": self.own,
            "unique": self.unique,
            "shared": self.shared,
            "frees": self.frees,
        }


@dataclass(frozen=True, slots=True)
class Share:
    """With whom bytes are shared, and how many."""

    name: str
    """Of the same kind as the thing itself; or ``trash``, ``quarantine``, ``elsewhere``."""
    bytes: int


@dataclass(frozen=True, slots=True)
class UsageReport:
    """One thing, with whom it shares, and of what it consists."""

    total: Figures
    shared_with: Sequence[Share] = ()
    """Most bytes first."""
    parts: Sequence[Figures] = ()
    """Repositories, images, or tags and manifests without a tag; what frees most comes first."""
    needed_by: str | None = None
    """Of a manifest that cannot be deleted: the index that needs it."""
    waiting: Mapping[str, Amount] = field(default_factory=dict)
    """Of the whole storage folder: what no tag needs, by why it is still there."""
    warning: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the report for programs."""
        return self.total.document() | {
            "needed_by": self.needed_by,
            "shared_with": [asdict(share) for share in self.shared_with],
            "parts": [part.document() for part in self.parts],
            "waiting": {name: asdict(amount) for name, amount in self.waiting.items()},
            "warning": self.warning,
        }
