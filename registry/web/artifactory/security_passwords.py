"""Passwords: changing and expiring them, what stands for one, and who has tried too often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import Response

from registry.access.policies import Aging, Locking
from registry.access.principals import Principal
from registry.access.user_documents import UserFields
from registry.model.errors import Denied, RequestInvalid
from registry.web.answers import json_answer, text_answer
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.forms import flag_of, number_of, received_document, text_of
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

_SECURITY: Final = "/api/security"
_AUTHORIZATION: Final = f"{_SECURITY}/users/authorization"
_EXPIRATION: Final = f"{_SECURITY}/configuration/passwordExpirationPolicy"
_NAMES_LIMIT: Final = 10_000


@route(blueprint, FORMS, f"{_SECURITY}/encryptedPassword", ["GET"], Right.ACCOUNT)
def show_encrypted_password() -> Response:
    """What stands for the caller's password, or API key, in files that others may come to see."""
    call = current()
    text = call.instance.authentication.encrypted_password(call.directory.principal)
    response = text_answer(text)
    response.headers["Cache-Control"] = "no-store"
    return response


@route(blueprint, FORMS, f"{_AUTHORIZATION}/changePassword", ["POST"], Right.PUBLIC)
def change_password() -> Response:
    """Change a password with the old one, which stands in the body and may have expired."""
    call, fields = current(), _object()
    old, new = text_of(fields, "oldPassword"), text_of(fields, "newPassword1")
    name = text_of(fields, "userName")
    user = call.instance.authentication.user_of(name, old, call.client, expired=True)
    call.principal = Principal(user.name)
    if not user.profile_updatable:
        raise Denied("this user's password can be changed by an admin only")
    if new != text_of(fields, "newPassword2"):
        raise RequestInvalid("the new password was not repeated as it is")
    if new == old:
        raise RequestInvalid("the new password is the old one")
    call.instance.users.set_password(user.name, new)
    return text_answer("Password has been successfully changed")


@route(blueprint, FORMS, f"{_AUTHORIZATION}/expirePassword", ["POST"], Right.ADMIN)
def expire_passwords() -> Response:
    """Let the passwords of several users expire."""
    return _expire(_names(), expired=True)


@route(blueprint, FORMS, f"{_AUTHORIZATION}/expirePassword/<name>", ["POST"], Right.ADMIN)
def expire_password(name: str) -> Response:
    """Let the password of one user expire."""
    return _expire([name], expired=True)


@route(blueprint, FORMS, f"{_AUTHORIZATION}/expirePasswordForAllUsers", ["POST"], Right.ADMIN)
def expire_all_passwords() -> Response:
    """Let the passwords of all users expire, those of admins, too."""
    return _expire([user.name for user in current().instance.users.all()], expired=True)


@route(blueprint, FORMS, f"{_AUTHORIZATION}/unexpirePassword/<name>", ["POST"], Right.ADMIN)
def restore_password(name: str) -> Response:
    """Let a password that expired be good again."""
    return _expire([name], expired=False)


@route(blueprint, FORMS, f"{_AUTHORIZATION}/unexpirePasswordForAllUsers", ["POST"], Right.ADMIN)
def restore_all_passwords() -> Response:
    """Let all passwords that expired be good again."""
    return _expire([user.name for user in current().instance.users.all()], expired=False)


@route(blueprint, FORMS, _EXPIRATION, ["GET"], Right.ADMIN)
def show_expiration() -> Response:
    """When passwords have to be changed; Artifactory writes all of it as texts."""
    policy = current().instance.secrets.policies.aging()
    return json_answer(
        {
            "enabled": str(policy.enabled).lower(),
            "passwordMaxAge": str(policy.days),
            "notifyByEmail": str(policy.by_mail).lower(),
        }
    )


@route(blueprint, FORMS, _EXPIRATION, ["PUT"], Right.ADMIN)
def set_expiration() -> Response:
    """Change that; what is not given stays."""
    fields, policies = _object(), current().instance.secrets.policies
    policy = policies.aging()
    days = number_of(fields, "passwordMaxAge")
    policies.set_aging(
        Aging(
            flag_of(fields, "enabled", policy.enabled),
            policy.days if days is None else days,
            flag_of(fields, "notifyByEmail", policy.by_mail),
        )
    )
    return show_expiration()


@route(blueprint, FORMS, f"{_SECURITY}/userLockPolicy", ["GET"], Right.ADMIN)
def show_locking() -> Response:
    """After how many wrong passwords the next one has to wait."""
    policy = current().instance.secrets.policies.locking()
    return json_answer({"enabled": policy.enabled, "loginAttempts": policy.attempts})


@route(blueprint, FORMS, f"{_SECURITY}/userLockPolicy", ["PUT"], Right.ADMIN)
def set_locking() -> Response:
    """Change that; what is not given stays."""
    fields, policies = _object(), current().instance.secrets.policies
    policy = policies.locking()
    attempts = number_of(fields, "loginAttempts")
    policies.set_locking(
        Locking(
            flag_of(fields, "enabled", policy.enabled),
            policy.attempts if attempts is None else attempts,
        )
    )
    return show_locking()


@route(blueprint, FORMS, f"{_SECURITY}/lockedUsers", ["GET"], Right.ADMIN)
def list_locked_users() -> Response:
    """Users of whom a password has been tried too often somewhere, and who have to wait there."""
    instance = current().instance
    return json_answer(instance.secrets.lockout.locked([u.name for u in instance.users.all()]))


@route(blueprint, FORMS, f"{_SECURITY}/unlockUsers", ["POST"], Right.ADMIN)
def unlock_users() -> Response:
    """Let several users try again at once."""
    return _unlock(_names())


@route(blueprint, FORMS, f"{_SECURITY}/unlockUsers/<name>", ["POST"], Right.ADMIN)
def unlock_user(name: str) -> Response:
    """Let one user try again at once."""
    return _unlock([name])


@route(blueprint, FORMS, f"{_SECURITY}/unlockAllUsers", ["POST"], Right.ADMIN)
def unlock_all_users() -> Response:
    """Let everybody try again at once."""
    current().instance.secrets.lockout.unlock_all()
    return text_answer("All users have been unlocked")


def _expire(names: Sequence[str], *, expired: bool) -> Response:
    users = current().instance.users
    for user in [users.get(name) for name in names]:
        users.change(user.name, UserFields(password_expired=expired))
    word = "expired" if expired else "unexpired"
    return text_answer(f"The passwords of {len(names)} users have been {word}")


def _unlock(names: Sequence[str]) -> Response:
    instance = current().instance
    for user in [instance.users.get(name) for name in names]:
        instance.secrets.lockout.unlock(user.name)
    return text_answer(f"{len(names)} users have been unlocked")


def _names() -> list[str]:
    """Return the names of users in the body. Raises RequestInvalid."""
    document = received_document()
    if not isinstance(document, list) or len(document) > _NAMES_LIMIT:
        raise RequestInvalid("the body is a list of names of users")
    names = [name for name in document if isinstance(name, str)]
    if len(names) != len(document):
        raise RequestInvalid("the body is a list of names of users")
    return names


def _object() -> Mapping[str, Any]:
    document = received_document()
    if not isinstance(document, dict):
        raise RequestInvalid("the body is no JSON object")
    return document
