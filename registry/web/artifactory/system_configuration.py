"""Artifactory's configuration document, and other things that are set elsewhere here.

Each refusal says where: a client's user reads it, and knows how to go on.
"""

from __future__ import annotations

from typing import Final

from flask import Response

from registry.model.errors import FieldInvalid, NothingToDo, OperationUnsupported, RequestInvalid
from registry.web.answers import Answer, text_answer
from registry.web.artifactory.content import blueprint
from registry.web.context import current
from registry.web.receiving import receive_bytes
from registry.web.routing import FORMS, Right, route

_CONFIGURATION: Final = "/api/system/configuration"
_URL_LIMIT: Final = 2048


@route(blueprint, FORMS, _CONFIGURATION, ["GET"], Right.ADMIN)
def show_configuration() -> Response:
    """The configuration, as far as there is one here, in Artifactory's form."""
    body = current().instance.system_settings.document()
    return Answer(200, [("Content-Type", "application/xml")], body)


@route(blueprint, FORMS, _CONFIGURATION, ["POST", "PATCH"], Right.ADMIN)
def refuse_configuration() -> Response:
    """The document is only told, never taken."""
    raise OperationUnsupported(
        "the configuration is not taken from this document: settings are in the settings file, "
        "which 'python app.py settings' explains, and repositories under /api/repositories"
    )


@route(blueprint, FORMS, f"{_CONFIGURATION}/baseUrl", ["PUT"], Right.ADMIN)
def set_base_url() -> Response:
    """The address is a setting; so only the one that is in force already is taken."""
    wanted = receive_bytes(_URL_LIMIT).decode("utf-8", "replace").strip().rstrip("/")
    url = current().instance.config.external_url.rstrip("/")
    if wanted.removesuffix("/artifactory") != url.removesuffix("/artifactory") or not url:
        raise FieldInvalid(
            "the base URL is the setting 'external_url' of the settings file; it is "
            + (f"'{url}' now" if url else "empty now, so each request tells it")
        )
    return text_answer(f"URL base is '{url}'.")


@route(blueprint, FORMS, "/api/system/encrypt", ["POST"], Right.ADMIN)
def encrypt() -> Response:
    """There is nothing left to encrypt."""
    raise NothingToDo("passwords are kept as hashes already; there is nothing to encrypt")


@route(blueprint, FORMS, "/api/system/decrypt", ["POST"], Right.ADMIN)
def decrypt() -> Response:
    """There is nothing that a key could decrypt."""
    raise NothingToDo("passwords are kept as hashes; there is nothing to decrypt")


@route(blueprint, FORMS, "/api/system/verifyconnection", ["POST"], Right.ADMIN)
def verify_connection() -> Response:
    """The server makes no connection to wherever a caller wants."""
    raise RequestInvalid(
        "connections to other servers are not tried from here; 'python app.py doctor' checks this "
        "server and what stands in front of it"
    )


@route(blueprint, FORMS, "/api/export/system", ["POST"], Right.ADMIN)
@route(blueprint, FORMS, "/api/import/system", ["POST"], Right.ADMIN)
def refuse_export() -> Response:
    """The storage folder is the export."""
    raise OperationUnsupported(
        "there is no export and no import: a copy of the storage folder, made with the server "
        "running, is a complete backup, and can be served as it is"
    )
