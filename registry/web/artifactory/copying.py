"""Copying and moving files and folders of repositories.

Source: Artifactory's REST API, "Copy Item", "Move Item".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Response, request

from registry.model.errors import RegistryError
from registry.services.relocation import Outcome, Relocation, parse_destination, relocate
from registry.web import errors
from registry.web.answers import json_answer
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.locations import flag, pointed
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

_ABOVE: Final = 3
"""Parts of the path before the location: ``api/copy/<key>``."""


@route(blueprint, FORMS, "/api/copy/<key>/<path:path>", ["POST"], Right.PUSH)
def copy_item(key: str, path: str) -> Response:
    """Copy what is at a place to where ``to`` says."""
    return _relocated(key, move=False)


@route(blueprint, FORMS, "/api/move/<key>/<path:path>", ["POST"], Right.PUSH)
def move_item(key: str, path: str) -> Response:
    """Move it there."""
    return _relocated(key, move=True)


def _relocated(key: str, *, move: bool) -> Response:
    try:
        to_key, to, into = parse_destination(request.args.get("to", ""))
        wanted = Relocation(key, pointed(_ABOVE).location, to_key, to, into, move)
        outcome = relocate(current().directory, wanted, dry=flag("dry"), fail_fast=flag("failFast"))
    except RegistryError as error:
        outcome = Outcome("", [error])
    if outcome.errors:
        return _failed(outcome.errors)
    return json_answer({"messages": [{"level": "INFO", "message": outcome.text}]})


def _failed(found: Sequence[RegistryError]) -> Response:
    """Return what went wrong in the two forms that clients read, under the status of the first."""
    response = errors.respond(found[0])
    status = response.status_code
    document = {
        "messages": [{"level": "ERROR", "message": error.message} for error in found],
        "errors": [{"status": status, "message": error.message} for error in found],
    }
    answer = json_answer(document, status)
    if "WWW-Authenticate" in response.headers:
        answer.headers["WWW-Authenticate"] = response.headers["WWW-Authenticate"]
    return answer
