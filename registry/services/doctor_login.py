"""How the doctor gets in: as a user, or by a token from the signing keys of the storage folder.

A token is good for one image and for an hour. No token carries the rights of an admin, so
only a name and a password show how requests arrive at the server.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from registry.access.keys import SigningKeys
from registry.access.principals import Action
from registry.access.tokens import Tokens
from registry.access.users import Users
from registry.model.diagnosis import Diagnosis, fail, fine, shown, warn
from registry.model.errors import RegistryError
from registry.services.doctor_front import PING
from registry.services.doctor_visit import Unexpected, Visit
from registry.storage import walk
from registry.storage.store import Store

LIFETIME: Final = 3600
"""Seconds that a token made here is good for."""
_TOKENS: Final = "/v2/token"
_PASSED: Final = (
    "leave the header Authorization to the server: no auth_basic and no "
    "proxy_set_header of it in nginx"
)


@dataclass(frozen=True, slots=True)
class Login:
    """The name and password of a user."""

    name: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The value of the Authorization header."""
        return "Basic " + base64.b64encode(f"{self.name}:{self.password}".encode()).decode()


def enter(visit: Visit, login: Login) -> Iterator[Diagnosis]:
    """Get a token for the image, as docker does, and an idea of how requests arrive."""
    scope = f"repository:{visit.image}:pull,push,delete"
    headers = {"Authorization": login.basic}
    answer = visit.wire.ask("GET", f"{_TOKENS}?service=doctor&scope={scope}", headers)
    if answer.status == 401:
        yield fail(
            "login",
            f"'{shown(login.name)}' is not let in: {answer}",
            f"check name and password; {_PASSED}",
        )
        return
    try:
        if answer.status != 200:
            raise Unexpected("a request for a token", answer)
        visit.bearer = str(json.loads(answer.body)["token"])
    except (ValueError, KeyError, TypeError):
        raise Unexpected("a request for a token", answer) from None
    visit.basic = login.basic
    yield _look(visit, login)


def _look(visit: Visit, login: Login) -> Diagnosis:
    """Return the line that says who is logged in, after a first look at how requests arrive."""
    name = shown(login.name)
    try:
        visit.seen = visit.look()
    except Unexpected as error:
        visit.basic = ""
        if error.status == 403:
            return fine("login", f"logged in as '{name}', who is no admin")
        return warn(
            "login",
            f"logged in as '{name}', but {error}",
            "let the proxy pass /artifactory/ on, too",
        )
    return fine("login", f"logged in as the admin '{name}'")


def make_token(visit: Visit, store: Store, users: Users, keys: SigningKeys) -> Iterator[Diagnosis]:
    """Make a token for the image, in the name of an admin."""
    try:
        walk.require_folder(store.layout)
        admin = next(user for user in users.all() if user.admin)
        access = {visit.image: frozenset(Action)}
        token = Tokens(keys).issue(admin.name, admin.credential, access, LIFETIME)
    except (RegistryError, OSError, StopIteration) as error:
        reason = str(error) or "there is no admin"
        yield fail(
            "login",
            f"no token can be made here: {shown(reason)}",
            "name a user by '--user', or the storage folder of the server by '--storage'",
        )
        return
    answer = visit.wire.ask("GET", PING, {"Authorization": f"Bearer {token}"})
    if answer.status == 200:
        visit.bearer = token
        yield fine(
            "login",
            f"a token of '{admin.name}' for one image was made from the signing "
            f"keys in '{store.layout.root}'",
        )
    else:
        yield fail(
            "login",
            f"a token from the signing keys in '{store.layout.root}' is answered with {answer}",
            "name the storage folder of that very server by '--storage', "
            f"or a user by '--user'; {_PASSED}",
        )
