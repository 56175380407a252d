"""The configuration of repositories: lists, single ones, and several at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from flask import Response, request

from registry.model.errors import FieldInvalid, RepositoryUnknown, RequestInvalid
from registry.model.repository_fields import KINDS, PACKAGE_TYPE
from registry.repositories.definition import RepositoryDefinition
from registry.services.repositories import entry, visible
from registry.web.answers import Answer, json_answer
from registry.web.artifactory.content import blueprint
from registry.web.context import current
from registry.web.receiving import receive_bytes
from registry.web.routing import FORMS, Right, route

_ALL: Final = "/api/repositories"
_ONE: Final = "/api/repositories/<key>"
_BATCH: Final = "/api/v2/repositories/batch"
_LIMIT: Final = 256 * 1024
_BATCH_LIMIT: Final = 8 * 1024 * 1024


@route(blueprint, FORMS, _ALL, ["GET"], Right.LOGIN)
def list_repositories() -> Response:
    """The repositories that the caller may read; ``type``, ``packageType``, ``project`` limit."""
    base = f"{current().address.base}/artifactory"
    return json_answer([entry(definition, base) for definition in _asked("type")])


@route(blueprint, FORMS, f"{_ALL}/configurations", ["GET"], Right.LOGIN)
def list_configurations() -> Response:
    """The same with all fields, by kind."""
    groups: dict[str, list[dict[str, Any]]] = {kind.upper(): [] for kind in KINDS}
    for definition in _asked("repoType"):
        groups[definition.rclass.upper()].append(_visible(definition))
    return json_answer(groups)


@route(blueprint, FORMS, f"{_ALL}/existence", ["GET"], Right.LOGIN)
def tell_existence() -> Response:
    """Whether there is a repository of that ``key``, or any one, as far as the caller may know."""
    key = request.args.get("key") or request.args.get("repoKey")
    found = [definition.key for definition in _asked("type")]
    return json_answer({"exists": key in found if key else bool(found)})


@route(blueprint, FORMS, _ONE, ["GET"], Right.LOGIN)
@route(blueprint, FORMS, "/api/v2/repositories/<key>", ["GET"], Right.LOGIN)
def get_repository(key: str) -> Response:
    """One configuration. Artifactory answers 400, and not 404, for an unknown key."""
    try:
        return json_answer(_visible(current().directory.definition(key)))
    except RepositoryUnknown as error:
        raise RequestInvalid(error.message) from None


@route(blueprint, FORMS, _ONE, ["PUT"], Right.ADMIN)
def create_repository(key: str) -> Response:
    """Create one; ``pos`` stands for an order that repositories do not have here."""
    current().instance.repositories.create(key, _received(_LIMIT))
    return _text(f"Successfully created repository '{key}'")


@route(blueprint, FORMS, _ONE, ["POST"], Right.ADMIN)
def change_repository(key: str) -> Response:
    """Change the fields that the body has."""
    known = current().directory.definition(key).key
    current().instance.repositories.change(known, _received(_LIMIT))
    return _text(f"Repository {key} update successfully.")


@route(blueprint, FORMS, _ONE, ["DELETE"], Right.ADMIN)
def delete_repository(key: str) -> Response:
    """Delete one with all its images, to the trash."""
    call = current()
    known = call.directory.definition(key).key
    call.instance.repositories.delete(known, call.directory.actor)
    return _text(f"Repository {key} and all its content have been removed successfully.")


@route(blueprint, FORMS, _BATCH, ["GET"], Right.LOGIN)
def get_repositories() -> Response:
    """The configurations of those of ``names`` that the caller may read, by key."""
    names = _values("names")
    found = [one for one in current().directory.readable() if one.key in names]
    return json_answer({definition.key: _visible(definition) for definition in found})


@route(blueprint, FORMS, _BATCH, ["PUT"], Right.ADMIN)
def create_repositories() -> Response:
    """Create all that the list in the body has, or none."""
    made = current().instance.repositories.create_all(_received(_BATCH_LIMIT))
    return json_answer([_visible(definition) for definition in made], 201)


@route(blueprint, FORMS, _BATCH, ["POST"], Right.ADMIN)
def change_repositories() -> Response:
    """Change all that the list in the body has, or none."""
    made = current().instance.repositories.change_all(_received(_BATCH_LIMIT))
    return json_answer([_visible(definition) for definition in made])


def _asked(kinds: str) -> Sequence[RepositoryDefinition]:
    """Return the repositories that the caller may read and the query asks for."""
    wanted, packages, projects = _values(kinds), _values("packageType"), _values("project")
    if packages and PACKAGE_TYPE not in packages:
        return []
    return [
        definition
        for definition in current().directory.readable()
        if (not wanted or definition.rclass in wanted)
        and (not projects or definition.text("projectKey").lower() in projects)
    ]


def _values(name: str) -> list[str]:
    """Return the values of an argument, which has commas between them; upper case counts as low."""
    texts = ",".join(request.args.getlist(name)).split(",")
    return [text.strip().lower() for text in texts if text.strip()]


def _visible(definition: RepositoryDefinition) -> dict[str, Any]:
    return visible(definition, to_admin=current().directory.is_admin())


def _received(limit: int) -> Any:
    """Return the document in the body. Raises FieldInvalid, BodyTooLarge."""
    try:
        return json.loads(receive_bytes(limit), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise FieldInvalid("the body is no JSON document") from None


def _refuse(constant: str) -> NoReturn:
    """Refuse the numbers that JSON does not have."""
    raise ValueError(constant)


def _text(text: str) -> Response:
    return Answer(200, [("Content-Type", "text/plain;charset=utf-8")], f"{text}\n".encode())
