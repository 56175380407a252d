"""Users over REST, as Artifactory has had them for long; the Access API is in `access_users`.

Source: Artifactory's REST API, "Security", as its clients read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response

from registry.access.principals import ANONYMOUS
from registry.access.user_documents import User, UserFields
from registry.model.emails import email_for
from registry.model.errors import Denied, RequestInvalid, UserInvalid, UserUnknown
from registry.web.answers import json_answer
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.security_bodies import (
    address,
    done,
    flag_of,
    received_object,
    require_same_name,
    text_of,
    texts_of,
    user_in_path,
)
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

_USERS: Final = "/api/security/users"
_ONE: Final = f"{_USERS}/<name>"
_ABOVE: Final = 3
"""Parts of the path before the name."""
_REALM: Final = "internal"
_STATUSES: Final = {"enabled": False, "disabled": True}
"""Status to whether a user is disabled; the others that there are come from elsewhere."""


@route(blueprint, FORMS, _USERS, ["GET"], Right.ADMIN)
def list_users() -> Response:
    """All users, and ``anonymous``, who is always there."""
    users = [*current().instance.users.all(), anonymous()]
    return json_answer(
        [
            {
                "name": user.name,
                "uri": address(f"{_USERS}/", user.name),
                "realm": _REALM,
                "status": status_of(user),
            }
            for user in sorted(users, key=lambda user: user.name)
        ]
    )


@route(blueprint, FORMS, _ONE, ["GET"], Right.MANAGE)
def get_user(name: str) -> Response:
    """One user; those who are no admins may read their own profile alone."""
    return json_answer(profile(readable_user(user_in_path(_ABOVE))))


@route(blueprint, FORMS, _ONE, ["PUT"], Right.ADMIN)
def put_user(name: str) -> Response:
    """Create a user, or replace one; the password of one who has it already may be left out."""
    wanted = user_in_path(_ABOVE)
    current().instance.users.replace(wanted, require_email(_fields()))
    return done(201)


@route(blueprint, FORMS, _ONE, ["POST"], Right.ADMIN)
def change_user(name: str) -> Response:
    """Change the fields that the body has."""
    wanted = user_in_path(_ABOVE)
    require_changeable(wanted)
    current().instance.users.change(wanted, _fields())
    return done()


@route(blueprint, FORMS, _ONE, ["DELETE"], Right.ADMIN)
def delete_user(name: str) -> Response:
    """Remove a user; the next request with any of its credentials is refused."""
    wanted = user_in_path(_ABOVE)
    require_changeable(wanted)
    current().instance.users.remove(wanted)
    return done(text=f"User '{wanted}' has been removed successfully.")


def _fields() -> UserFields:
    given = received_object()
    require_same_name(given, "name", user_in_path(_ABOVE))
    return UserFields(
        password=text_of(given, "password") or None,
        email=text_of(given, "email"),
        admin=flag_of(given, "admin"),
        groups=texts_of(given, "groups"),
        disabled=disabled_in(given),
        profile_updatable=flag_of(given, "profileUpdatable"),
        disable_ui_access=flag_of(given, "disableUIAccess"),
        internal_password_disabled=flag_of(given, "internalPasswordDisabled"),
    )


def disabled_in(given: Mapping[str, Any]) -> bool | None:
    """Return what the status in a body says, or None if it says nothing that can be set."""
    return _STATUSES.get((text_of(given, "status") or "").lower())


def anonymous() -> User:
    """Return the user as whom those ask who send no credentials; it has no document."""
    off = not current().instance.config.anonymous_pull
    return User(ANONYMOUS, False, "", "", "", email_for(ANONYMOUS), disabled=off)


def find_user(name: str) -> User:
    """Return a user, or ``anonymous``. Raises UserUnknown."""
    return anonymous() if name == ANONYMOUS else current().instance.users.get(name)


def readable_user(name: str) -> User:
    """Return a user whose profile the caller may read: an admin any, everybody the own one.

    Raises:
        UserUnknown, Denied.
    """
    directory = current().directory
    if not directory.is_admin() and directory.principal.name != name:
        raise Denied("only an admin may read the profiles of others")
    return find_user(name)


def require_email(fields: UserFields) -> UserFields:
    """Return the fields of a new user, who has an e-mail address. Raises UserInvalid."""
    if fields.email is None:
        raise UserInvalid("a user has an e-mail address: 'email' is missing")
    return fields


def require_changeable(name: str) -> None:
    """Raise for a user who is there and cannot be changed, or can never be there.

    Raises:
        UserUnknown, RequestInvalid.
    """
    if name == ANONYMOUS:
        raise RequestInvalid(f"the user '{ANONYMOUS}' is built in; permissions can name it")
    if current().instance.users.find(name) is None:
        raise UserUnknown(f"there is no user '{name[:80]}'")


def status_of(user: User) -> str:
    """Return the status of a user."""
    return "disabled" if user.disabled else "enabled"


def profile(user: User) -> dict[str, object]:
    """Return what is known of a user, without secrets; a login that never was is not there."""
    last = current().instance.users.logins.last(user.name)
    return {
        "name": user.name,
        "email": user.email,
        "admin": user.admin,
        "profileUpdatable": user.profile_updatable,
        "disableUIAccess": user.disable_ui_access,
        "internalPasswordDisabled": user.internal_password_disabled,
        **({} if last is None else {"lastLoggedIn": last}),
        "realm": _REALM,
        "groups": list(user.groups),
        "watchManager": False,
        "policyManager": False,
        "reportsManager": False,
        "offlineMode": False,
        "mfaStatus": "NONE",
        "status": status_of(user).upper(),
    }
