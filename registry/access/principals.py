"""Who asks: a user, with what the presented token allows of the user's rights."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from registry.model.content import Actor

ANONYMOUS = "anonymous"


class Action(enum.Enum):
    """What can be asked for on an image. The values are the words of permission targets."""

    READ = "read"
    WRITE = "write"
    ANNOTATE = "annotate"
    DELETE = "delete"
    MANAGE = "manage"
    """To change the permission targets of it."""


Access = Mapping[str, frozenset[Action]]
"""Image path, repository key first, to what a token allows there."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request."""

    name: str
    admin: bool = False
    access: Access | None = None
    """What the token was issued for; None if the credentials carry the user's full rights."""
    groups: frozenset[str] = frozenset()
    """Whose rights it has beside its own."""
    token: str = ""
    """The id of the access token or API key that was presented, if it was one."""
    only_groups: bool = False
    """Whether the rights of the groups are all that it has, and not those of its name."""
    limit: Access | None = None
    """Beyond this nothing may be done or seen, whoever asks: what an access token names alone."""

    def actor(self, address: str) -> Actor:
        """Return what is recorded of what it does, when it asks from ``address``."""
        return Actor(self.name, address, self.token)

    @property
    def anonymous(self) -> bool:
        """Whether nobody in particular asks."""
        return self.name == ANONYMOUS

    @property
    def unlimited(self) -> bool:
        """Whether somebody asks with credentials that carry all of the user's rights."""
        return not (
            self.anonymous or self.only_groups or self.access is not None or self.limit is not None
        )
