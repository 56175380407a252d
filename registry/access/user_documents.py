"""The document of a user: its fields, what they may be, and what is not there."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from registry.access import passwords
from registry.model.emails import email_for, is_email
from registry.model.errors import UserInvalid
from registry.storage.journal import now, timestamp

PASSWORD_MINIMUM: Final = 8


@dataclass(frozen=True, slots=True)
class User:
    """A user as stored."""

    name: str
    admin: bool
    password_hash: str
    """Empty for one who has never had a password."""
    credential: str
    """Changes with the password; tokens carry it, so a changed password ends them."""
    created: str
    email: str
    groups: Sequence[str] = ()
    """The names of its groups, sorted."""
    disabled: bool = False
    """Whether all credentials are refused."""
    profile_updatable: bool = True
    disable_ui_access: bool = False
    internal_password_disabled: bool = False
    """Whether the password is refused, and tokens alone are taken."""
    password_set: str = ""
    """When the password was set; empty if that was before such times were kept."""
    password_expired: bool = False
    """Whether an admin wants the password to be changed before it is good again."""


@dataclass(frozen=True, slots=True)
class UserFields:
    """What is to be set of a user; None leaves it as it is."""

    password: str | None = None
    email: str | None = None
    admin: bool | None = None
    groups: Sequence[str] | None = None
    disabled: bool | None = None
    profile_updatable: bool | None = None
    disable_ui_access: bool | None = None
    internal_password_disabled: bool | None = None
    password_expired: bool | None = None


_KEYS: Final = {
    "email": "email",
    "admin": "admin",
    "groups": "groups",
    "disabled": "disabled",
    "profile_updatable": "profileUpdatable",
    "disable_ui_access": "disableUIAccess",
    "internal_password_disabled": "internalPasswordDisabled",
    "password_expired": "passwordExpired",
}
"""What the fields are called in a document."""


KEPT: Final = ("created", "passwordHash", "credential", "passwordSet", "passwordExpired")
"""What stays of a document if all other fields are given anew."""


def changed(document: Mapping[str, Any], given: UserFields) -> dict[str, Any]:
    """Return a document with what is given; ``document`` has the name, and when it was made.

    Raises:
        UserInvalid: a value cannot be used, or a user who takes a password has none.
    """
    made = dict(document)
    if given.email is not None and not is_email(given.email):
        raise UserInvalid("the e-mail address is none; one looks like somebody@example.com")
    for field in fields(UserFields):
        value = getattr(given, field.name)
        if value is not None and field.name in _KEYS:
            made[_KEYS[field.name]] = sorted(set(value)) if field.name == "groups" else value
    if given.password is not None:
        made |= _credentials(given.password)
    elif "credential" not in made:
        if not made.get("internalPasswordDisabled"):
            raise UserInvalid("a new user needs a password")
        made |= {"passwordHash": "", "credential": secrets.token_hex(8)}
    return made


def _credentials(password: str) -> dict[str, Any]:
    if len(password) < PASSWORD_MINIMUM or not passwords.is_usable(password):
        raise UserInvalid(
            f"a password has {PASSWORD_MINIMUM} to {passwords.PASSWORD_LIMIT} characters, and no "
            "zero byte"
        )
    return {
        "passwordHash": passwords.hash_password(password),
        "credential": secrets.token_hex(8),
        "passwordSet": timestamp(now()),
        "passwordExpired": False,
    }


def user_of(document: Mapping[str, Any]) -> User:
    """Return the user that a document describes."""
    return User(
        name=document["name"],
        admin=bool(document["admin"]),
        password_hash=document["passwordHash"],
        credential=document["credential"],
        created=document["created"],
        email=document.get("email") or email_for(document["name"]),
        groups=tuple(document.get("groups", ())),
        disabled=bool(document.get("disabled", False)),
        profile_updatable=bool(document.get("profileUpdatable", True)),
        disable_ui_access=bool(document.get("disableUIAccess", False)),
        internal_password_disabled=bool(document.get("internalPasswordDisabled", False)),
        password_set=document.get("passwordSet", ""),
        password_expired=bool(document.get("passwordExpired", False)),
    )
