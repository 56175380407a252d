"""The token endpoint: docker's token authentication, by GET and as OAuth2 by POST.

Sources: Docker Registry token authentication specification and its OAuth2 form. Rights are
reduced to what the user has, never refused: many clients ask for more than they need.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import parse_qs

from flask import Response, request

from registry.access.principals import Action, Principal
from registry.model.errors import NameInvalid, RequestInvalid, TokenInvalid
from registry.model.names import ImageName, RepositoryKey
from registry.web.answers import json_answer
from registry.web.authentication import principal_of
from registry.web.context import current
from registry.web.receiving import receive_bytes
from registry.web.routing import REGISTRY_FORMS, Right, route
from registry.web.v2.base import blueprint

ACTIONS: Final = {"pull": Action.READ, "push": Action.WRITE, "delete": Action.DELETE}

NAMES_LIMIT: Final = 2048
"""Characters of image names in one token; scopes beyond that are left out."""
_FORM_LIMIT: Final = 64 * 1024

Scopes = dict[str, frozenset[Action]]


@route(blueprint, REGISTRY_FORMS, "/token", ["GET"], Right.PUBLIC)
def get_token(key: str = "") -> Response:
    """Answer with a token for the caller's credentials; without any, for anonymous."""
    principal = principal_of(request, current().instance.authentication, current().client)
    if principal.access is not None:
        # It could otherwise be renewed for ever, and grow.
        raise TokenInvalid("a token cannot be exchanged for another; send name and password")
    return _answer(principal, request.args.getlist("scope"))


@route(blueprint, REGISTRY_FORMS, "/token", ["POST"], Right.PUBLIC)
def post_token(key: str = "") -> Response:
    """The same as OAuth2: the credentials stand in the form."""
    form = _form()
    if form.get("grant_type", [""])[0] != "password":
        raise RequestInvalid("the grant type is not supported; use 'password'")
    name, password = form.get("username", [""])[0], form.get("password", [""])[0]
    call = current()
    principal = call.instance.authentication.by_password(name, password, call.client)
    return _answer(principal, form.get("scope", []))


def _form() -> dict[str, list[str]]:
    try:
        text = receive_bytes(_FORM_LIMIT).decode("utf-8")
        return parse_qs(text, keep_blank_values=True, max_num_fields=200)
    except ValueError:
        raise RequestInvalid("the form is malformed") from None


def _answer(principal: Principal, scopes: Iterable[str]) -> Response:
    call = current()
    call.identify(principal)
    granted = _granted(principal, scopes)
    token, lifetime = call.instance.authentication.token_for(principal, granted)
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = {
        "token": token,
        "access_token": token,
        "expires_in": lifetime,
        "issued_at": moment,
        "scope": " ".join(_spelled(granted)),
    }
    response = json_answer(document)
    response.headers["Cache-Control"] = "no-store"
    return response


def _granted(principal: Principal, scopes: Iterable[str]) -> Scopes:
    """Return what was asked for and may be had; unknown types and actions are dropped."""
    decisions, key = current().instance.decisions, current().address.key
    granted: Scopes = {}
    length = 0
    for scope in " ".join(scopes).split():
        parsed = _parse_scope(scope, key)
        if parsed is None:
            continue
        repository, image, asked = parsed
        allowed = decisions.granted(principal, asked, repository, image)
        name = f"{repository}/{image}"
        if allowed and (name in granted or length + len(name) <= NAMES_LIMIT):
            length += 0 if name in granted else len(name)
            granted[name] = granted.get(name, frozenset()) | allowed
    return granted


def _parse_scope(
    scope: str, key: str | None
) -> tuple[RepositoryKey, ImageName, frozenset[Action]] | None:
    """Return what ``repository:<name>:<action>,…`` asks for, or None if that is nothing here.

    The type ends at the first colon, the actions begin after the last: names may contain a port.
    """
    kind, _, rest = scope.partition(":")
    name, separator, actions = rest.rpartition(":")
    if kind.partition("(")[0] != "repository" or not separator:
        return None
    repository, _, image = (key, "", name) if key is not None else name.partition("/")
    try:
        parsed = RepositoryKey.parse(repository), ImageName.parse(image)
    except NameInvalid:
        return None
    asked = actions.split(",")
    if "*" in asked:
        return *parsed, frozenset(Action)
    return *parsed, frozenset(ACTIONS[action] for action in asked if action in ACTIONS)


def _spelled(granted: Scopes) -> Iterator[str]:
    for name, actions in granted.items():
        names = [word for word, action in ACTIONS.items() if action in actions]
        yield f"repository:{name}:{','.join(names)}"
