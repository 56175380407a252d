"""Is it alive, can it serve, which version is it: for probes and for clients that ask first."""

from __future__ import annotations

import logging
from typing import Final

from flask import Blueprint, Response

from registry.model.errors import StorageFailed, StorageUnusable
from registry.web.answers import json_answer, text_answer
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

blueprint = Blueprint("health", __name__)
logger = logging.getLogger(__name__)

_ROOT: Final = ("",)
_ACCESS: Final = ("/access", "/artifactory/access")
"""Some clients append the paths of the Access API to the address that they have anyway."""
_NOT_READY: Final = "the storage cannot serve; the log says why"


@route(blueprint, _ROOT, "/healthz", ["GET"], Right.PUBLIC)
def live() -> Response:
    """The process answers."""
    return json_answer({"status": "ok"})


@route(blueprint, _ROOT, "/readyz", ["GET"], Right.PUBLIC)
def ready() -> Response:
    """The storage can be written and takes hard links; tried, not assumed. 503 otherwise."""
    _require_storage()
    return json_answer({"status": "ok"})


@route(blueprint, FORMS, "/api/v1/system/liveness", ["GET"], Right.PUBLIC)
def liveness() -> Response:
    """The same as ``/healthz``, for the probes of Artifactory's charts."""
    return json_answer({"code": "OK"})


@route(blueprint, FORMS, "/api/v1/system/readiness", ["GET"], Right.PUBLIC)
def readiness() -> Response:
    """The same as ``/readyz``, for the probes of Artifactory's charts; otherwise 500."""
    try:
        _require_storage()
    except StorageUnusable as error:
        raise StorageFailed(error.message) from None
    return json_answer({"code": "OK"})


@route(blueprint, _ROOT, "/router/api/v1/system/health", ["GET"], Right.PUBLIC)
def router_health() -> Response:
    """The same, as the router in front of Artifactory tells it; 503 if the storage cannot serve."""
    _require_storage()
    return json_answer(current().instance.system_info.health())


def _require_storage() -> None:
    """Raise StorageUnusable if the storage cannot serve.

    Anybody may ask, so the reason, which names folders, goes to the log.
    """
    try:
        current().instance.readiness.check()
    except StorageUnusable as error:
        logger.error("not ready: %s", error)
        raise StorageUnusable(_NOT_READY) from None


@route(blueprint, FORMS, "/api/system/ping", ["GET"], Right.PUBLIC)
@route(blueprint, _ACCESS, "/api/v1/system/ping", ["GET"], Right.PUBLIC)
def ping() -> Response:
    """Exactly ``OK``: some clients compare for equality."""
    return text_answer("OK")


@route(blueprint, FORMS, "/api/system/version", ["GET"], Right.PUBLIC)
def version() -> Response:
    """Which Artifactory this behaves like, and what it is."""
    return json_answer(current().instance.system_info.version())


@route(blueprint, _ACCESS, "/api/v1/system/version", ["GET"], Right.PUBLIC)
def access_version() -> Response:
    """The version of the part of Artifactory that knows users and tokens; it is the same one."""
    return json_answer({"name": "access", "version": current().instance.config.artifactory_version})
