"""Who asks: a user, with what the presented token allows of the user's rights."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

ANONYMOUS = "anonymous"


class Action(enum.Enum):
    """What can be asked for on an image."""

    READ = "read"
    WRITE = "write"
    ANNOTATE = "annotate"
    DELETE = "delete"


Access = Mapping[str, frozenset[Action]]
"""Image path, repository key first, to what a token allows there."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request."""

    name: str
    admin: bool = False
    access: Access | None = None
    """What the token was issued for; None if the credentials carry the user's full rights."""

    @property
    def anonymous(self) -> bool:
        """Whether nobody in particular asks."""
        return self.name == ANONYMOUS
