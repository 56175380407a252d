"""Access tokens: Artifactory's API (``/api/security/token``) and the platform's (``/access``).

Whoever asks for a token in place of another one shows the refresh token, and needs nothing else:
the one before may have expired.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, request

from registry.access.access_tokens import Issued
from registry.access.granting import Asked
from registry.access.principals import Principal
from registry.access.token_documents import Record
from registry.model.errors import RequestInvalid, RouteUnknown, TokenUnknown
from registry.web.answers import Answer, json_answer, text_answer
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.forms import (
    flag_of,
    is_set,
    number_of,
    received_document,
    received_fields,
    text_of,
)
from registry.web.authentication import principal_of
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

_OLD: Final = "/api/security/token"
_ACCESS: Final = ("/access", "/artifactory/access")
_TOKENS: Final = "/api/v1/tokens"
_EXPIRY: Final = "/api/v1/config/token/default_expiry"
_OLD_LIFETIME: Final = 3600
"""Seconds that a token of the older API is good for if nothing is said."""
_ORDERS: Final = {
    "created": "issued", "issued_at": "issued", "expiry": "expires", "expires": "expires",
    "token_id": "id", "subject": "user", "description": "description",
}  # fmt: skip


@route(blueprint, FORMS, _OLD, ["POST"], Right.PUBLIC)
def create_token() -> Response:
    """A token by the older API, in the manner of OAuth2."""
    _identify()
    issued = _issued(received_fields(), _OLD_LIFETIME)
    document = _described(issued)
    del document["token_id"]
    return _secret(document)


@route(blueprint, FORMS, _OLD, ["GET"], Right.ACCOUNT)
def list_tokens() -> Response:
    """The tokens that there are: all for an admin, for others their own."""
    call = current()
    records = call.instance.secrets.access_tokens.visible(call.directory.principal)
    return json_answer({"tokens": [_listed(record, older=True) for record in records]})


@route(blueprint, FORMS, f"{_OLD}/revoke", ["POST"], Right.LOGIN)
def revoke_token() -> Response:
    """End a token, named by its id or shown."""
    _revoke(received_fields())
    return text_answer("Token revoked")


@route(blueprint, _ACCESS, _TOKENS, ["POST"], Right.PUBLIC)
def create_access_token() -> Response:
    """A token by the platform's API."""
    _identify()
    usual = current().instance.secrets.policies.token_expiry()
    return _secret(_described(_issued(received_fields(), usual)))


@route(blueprint, _ACCESS, _TOKENS, ["GET"], Right.ACCOUNT)
def list_access_tokens() -> Response:
    """The same as the older list; ``username``, ``description``, ``refreshable`` limit it."""
    call = current()
    found = call.instance.secrets.access_tokens.visible(call.directory.principal)
    for name, field in (("username", "user"), ("description", "description"), ("token_id", "id")):
        wanted = request.args.get(name)
        if wanted:
            found = [record for record in found if getattr(record, field) == wanted]
    if "refreshable" in request.args:
        refreshable = is_set(request.args["refreshable"])
        found = [record for record in found if bool(record.refresh) is refreshable]
    order = request.args.get("order_by", "created")
    if order not in _ORDERS:
        raise RequestInvalid(f"'order_by' is one of {', '.join(_ORDERS)}")
    field = _ORDERS[order]
    found.sort(key=lambda record: (getattr(record, field) is None, getattr(record, field) or 0))
    if is_set(request.args.get("descending_order")):
        found.reverse()
    return json_answer({"tokens": [_listed(record) for record in found]})


@route(blueprint, _ACCESS, f"{_TOKENS}/me", ["GET"], Right.LOGIN)
def show_my_access_token() -> Response:
    """The token that the caller has come with."""
    token = current().directory.principal.token
    if not token:
        raise TokenUnknown("the request bears no access token")
    return _one(token)


@route(blueprint, _ACCESS, f"{_TOKENS}/<token>", ["GET"], Right.LOGIN)
def show_access_token(token: str) -> Response:
    """One token, by its id."""
    return _one(token)


@route(blueprint, _ACCESS, f"{_TOKENS}/<token>", ["DELETE"], Right.LOGIN)
def revoke_access_token(token: str) -> Response:
    """End a token, by its id."""
    call = current()
    call.instance.secrets.access_tokens.revoke(call.directory.principal, token)
    return Answer()


@route(blueprint, _ACCESS, f"{_TOKENS}/revoke", ["DELETE"], Right.LOGIN)
def revoke_shown_access_token() -> Response:
    """End the token that the body has."""
    _revoke(received_fields())
    return Answer()


@route(blueprint, _ACCESS, _EXPIRY, ["GET"], Right.ADMIN)
def show_default_expiry() -> Response:
    """How long tokens are good if nothing is said, and those of others than admins at most."""
    seconds = current().instance.secrets.policies.token_expiry()
    return json_answer({"default_token_expiration": seconds})


@route(blueprint, _ACCESS, _EXPIRY, ["PUT"], Right.ADMIN)
def set_default_expiry() -> Response:
    """Change that."""
    document = received_document()
    given = document if isinstance(document, dict) else {}
    seconds = number_of(given, "default_token_expiration")
    if seconds is None:
        raise RequestInvalid("'default_token_expiration' is missing")
    current().instance.secrets.policies.set_token_expiry(seconds)
    return show_default_expiry()


@route(blueprint, _ACCESS, "/api/v1/oidc/token", ["POST"], Right.PUBLIC)
def refuse_oidc() -> Response:
    """Tokens of other identity providers are not exchanged here."""
    raise RouteUnknown("tokens of identity providers are not exchanged here")


def _identify() -> None:
    call = current()
    call.identify(principal_of(request, call.instance.authentication, call.client))


def _issued(fields: Mapping[str, Any], usual: int) -> Issued:
    """Return the token that was asked for. Raises as `AccessTokens.issue` and `refresh`."""
    call = current()
    secrets = call.instance.secrets
    grant = text_of(fields, "grant_type") or "client_credentials"
    if grant == "refresh_token":
        issued = secrets.access_tokens.refresh(
            text_of(fields, "refresh_token"), text_of(fields, "access_token")
        )
        # The refresh token is all that was shown; the journal and the log say whose it is.
        call.principal = Principal(issued.record.user, token=issued.record.id)
        return issued
    if grant != "client_credentials":
        raise RequestInvalid("'grant_type' is client_credentials or refresh_token")
    asked = Asked(
        username=text_of(fields, "username"),
        scope=text_of(fields, "scope"),
        expires_in=number_of(fields, "expires_in"),
        refreshable=flag_of(fields, "refreshable"),
        reference=flag_of(fields, "include_reference_token"),
        audience=text_of(fields, "audience"),
        description=text_of(fields, "description"),
    )
    longest = secrets.policies.token_expiry()
    return secrets.access_tokens.issue(call.directory.principal, asked, usual, longest)


def _described(issued: Issued) -> dict[str, Any]:
    """Return a new token as both APIs answer; what is not there has no field."""
    record = issued.record
    document: dict[str, Any] = {
        "token_id": record.id,
        "access_token": issued.token,
        "scope": record.scope,
        "token_type": "Bearer",
    }
    if record.lifetime:
        document["expires_in"] = record.lifetime
    if issued.refresh:
        document["refresh_token"] = issued.refresh
    if issued.reference:
        document["reference_token"] = issued.reference
    return document


def _secret(document: dict[str, Any]) -> Response:
    response = json_answer(document)
    response.headers["Cache-Control"] = "no-store"
    return response


def _one(token: str) -> Response:
    call = current()
    tokens = call.instance.secrets.access_tokens
    return json_answer(_listed(tokens.find(call.directory.principal, token)))


def _listed(record: Record, *, older: bool = False) -> dict[str, Any]:
    """Return what is told of a token."""
    tokens = current().instance.secrets.access_tokens
    document: dict[str, Any] = {
        "token_id": record.id,
        "issuer": tokens.issuer(),
        "subject": tokens.subject(record),
        "issued_at": record.issued,
        "refreshable": bool(record.refresh),
    }
    if record.expires is not None:
        document["expiry"] = record.expires
    if older:
        return document
    document |= {"scope": record.scope, "description": record.description}
    used = tokens.last_use(record)
    return document if used is None else document | {"last_used": used}


def _revoke(fields: Mapping[str, Any]) -> None:
    call = current()
    tokens, caller = call.instance.secrets.access_tokens, call.directory.principal
    token_id, token = text_of(fields, "token_id"), text_of(fields, "token")
    if token_id:
        tokens.revoke(caller, token_id)
    elif token:
        tokens.revoke_secret(caller, token)
    else:
        raise RequestInvalid("'token' or 'token_id' is needed")
