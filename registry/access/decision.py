"""The one decision about every resource.

Roles: an admin and a user may do everything with every image; anonymous callers may read where
the operator has switched that on. Whoever changes the rules changes them here alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from registry.access.principals import Action, Principal
from registry.model.names import ImageName, RepositoryKey


@dataclass(frozen=True, slots=True)
class Decisions:
    """The rules in force."""

    anonymous_pull: bool = False

    def allows(
        self, principal: Principal, action: Action, key: RepositoryKey, image: ImageName
    ) -> bool:
        """Return whether the principal's roles allow ``action`` on an image.

        What the principal's token was issued for is not looked at; see `in_scope`.
        """
        if principal.anonymous:
            return self.anonymous_pull and action is Action.READ
        return True

    def allows_some(self, principal: Principal) -> bool:
        """Return whether the principal may do anything at all on some image."""
        return self.anonymous_pull or not principal.anonymous

    def allows_in(self, principal: Principal, action: Action, key: RepositoryKey) -> bool:
        """Return whether the principal's roles allow ``action`` on some image of a repository."""
        if principal.anonymous:
            return self.anonymous_pull and action is Action.READ
        return True

    def granted(
        self, principal: Principal, actions: Iterable[Action], key: RepositoryKey, image: ImageName
    ) -> frozenset[Action]:
        """Return which of the asked actions the principal may do on an image."""
        return frozenset(a for a in actions if self.allows(principal, a, key, image))


def in_scope(principal: Principal, action: Action, key: RepositoryKey, image: ImageName) -> bool:
    """Return whether the presented token, if it is a limited one, covers ``action``."""
    if principal.access is None:
        return True
    return action in principal.access.get(f"{key}/{image}", ())
