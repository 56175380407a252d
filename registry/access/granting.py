"""Who may be given which access token.

Nobody gets what they do not have: a token carries at most what its user may at the moment of each
request. Only admins have tokens made for others, without an end, or for a name that is no user's.
Such a transient user has the rights of the groups that the token names, or of an admin, and has
them from the admin who asked: they are gone when that admin is one no longer.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import Final

from registry.access.groups import Groups
from registry.access.principals import ANONYMOUS, Principal
from registry.access.scopes import Scope, parse_scope
from registry.access.token_documents import Kind, Record, TokenDocuments
from registry.access.users import Users, require_name
from registry.model.errors import (
    AuthenticationRequired,
    Denied,
    RequestInvalid,
    TokenInvalid,
    UserInvalid,
)

TOKENS_LIMIT: Final = 1000
"""Access tokens that one user who is no admin can have at a time."""
LONGEST: Final = 100 * 366 * 86400
_TEXT_LIMIT: Final = 1024
_AUDIENCE: Final = re.compile(r"[A-Za-z0-9@*._:/ -]{0,256}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants."""

    username: str = ""
    """Whose token; empty for the own one."""
    scope: str = ""
    expires_in: int | None = None
    """Seconds; 0 for never, None for as long as is usual."""
    refreshable: bool = False
    reference: bool = False
    """Whether a short form is wanted beside the long one."""
    audience: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What is given."""

    user: str
    owner: str
    """When the user was made, or the admin behind a transient one."""
    transient: bool
    scope: Scope
    lifetime: int
    """Seconds; 0 for never."""


class Granting:
    """Decides on new access tokens, and says what those that there are may do."""

    def __init__(self, users: Users, groups: Groups, kept: TokenDocuments) -> None:
        self._users = users
        self._groups = groups
        self._kept = kept

    def grant(self, caller: Principal, asked: Asked, usual: int, longest: int) -> Grant:
        """Return what a caller gets who asks for a token.

        ``usual`` is how long a token is good if nothing is said, ``longest`` how long those of
        others than admins can be, both in seconds.

        Raises:
            AuthenticationRequired, Denied: the caller may not have it.
            RequestInvalid: there can be no such token.
        """
        require_unlimited(caller)
        if len(asked.description) > _TEXT_LIMIT or not _AUDIENCE.fullmatch(asked.audience):
            raise RequestInvalid(
                f"a description has at most {_TEXT_LIMIT} characters, an audience names services"
            )
        scope = parse_scope(asked.scope.strip())
        name = asked.username.strip().lower() or caller.name
        if not caller.admin and (name != caller.name or scope.admin):
            raise Denied("only an admin can have a token for somebody else, or one of an admin")
        owner, transient = self._owner(caller, name, scope)
        if not caller.admin and self._number(name) >= TOKENS_LIMIT:
            raise Denied(f"'{name}' has {TOKENS_LIMIT} tokens; revoke those that are not needed")
        lifetime = self._lifetime(caller, asked.expires_in, usual, longest)
        return Grant(name, owner, transient, scope, lifetime)

    def _owner(self, caller: Principal, name: str, scope: Scope) -> tuple[str, bool]:
        """Return when the user was made, or when the admin was behind a transient one."""
        user = self._users.find(name)
        if user is not None:
            if scope.admin and not self._users.principal(user).admin:
                raise RequestInvalid(f"'{name}' is no admin")
            missing = sorted((scope.groups or frozenset()) - set(user.groups))
            if missing:
                raise RequestInvalid(f"'{name}' is no member of the group '{missing[0]}'")
            return user.created, False
        giver = self._users.find(caller.name)
        if giver is None:
            raise Denied("only an admin who is a user can have a token for one who is not")
        try:
            require_name(name)
        except UserInvalid as error:
            raise RequestInvalid(error.message) from None
        if not scope.admin and scope.groups is None:
            raise RequestInvalid(f"there is no user '{name}', so the scope has to name groups")
        missing = [g for g in sorted(scope.groups or ()) if self._groups.find(g) is None]
        if missing:
            raise RequestInvalid(f"there is no group '{missing[0]}'")
        return giver.created, True

    def _lifetime(self, caller: Principal, asked: int | None, usual: int, longest: int) -> int:
        lifetime = usual if asked is None else asked
        if not 0 <= lifetime <= LONGEST:
            raise RequestInvalid("expires_in is a number of seconds, 0 for never")
        if caller.admin:
            return lifetime
        if asked is None:
            lifetime = min(lifetime, longest) or longest
        if not 0 < lifetime <= longest:
            raise Denied(f"only an admin can have a token for more than {longest} seconds")
        parent = self._kept.read(caller.token) if caller.token else None
        if parent is not None and parent.expires is not None:
            # Otherwise a token that leaks could renew itself for ever.
            lifetime = min(lifetime, parent.expires - int(time.time()))
        if lifetime <= 0:
            raise TokenInvalid("Token failed verification: expired")
        return lifetime

    def _number(self, name: str) -> int:
        moment = time.time()
        records = self._kept.all(Kind.ACCESS)
        return sum(r.user == name and not r.is_over(moment) for r in records)

    def principal(self, record: Record) -> Principal:
        """Return whose requests are made with a token, and what they may at this moment.

        Raises:
            TokenInvalid: what it stood on is gone: the user, or the admin behind a transient one.
        """
        scope = parse_scope(record.scope)
        made = self._transient(record, scope) if record.transient else self._own(record, scope)
        return made if scope.images is None else replace(made, limit=scope.images)

    def _own(self, record: Record, scope: Scope) -> Principal:
        user = self._users.find(record.user)
        if user is None or user.disabled or user.created != record.owner:
            raise TokenInvalid("the token has been revoked")
        if scope.groups is None:
            return self._users.principal(user, token=record.id)
        groups, admin = self._groups.in_force(scope.groups.intersection(user.groups))
        return Principal(
            user.name, admin=admin, groups=groups, token=record.id, only_groups=not admin
        )

    def _transient(self, record: Record, scope: Scope) -> Principal:
        giver = self._users.find(record.issuer)
        real = self._users.find(record.user)
        if (
            real is not None
            or giver is None
            or giver.disabled
            or giver.created != record.owner
            or not self._users.principal(giver).admin
        ):
            raise TokenInvalid("the token has been revoked")
        groups, admin = self._groups.in_force(scope.groups or ())
        admin = admin or scope.admin
        return Principal(
            record.user, admin=admin, groups=groups, token=record.id, only_groups=not admin
        )


def require_unlimited(caller: Principal) -> None:
    """Raise unless a known user asks, with credentials that carry all of the user's rights.

    Raises:
        AuthenticationRequired, Denied.
    """
    if caller.anonymous or caller.name == ANONYMOUS:
        raise AuthenticationRequired("Authentication is required")
    if not caller.unlimited:
        raise Denied("the token does not carry the right to do this; log in with a password")
