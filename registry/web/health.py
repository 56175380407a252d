"""Is it alive, can it serve, which version is it: for probes and for clients that ask first."""

from __future__ import annotations

import logging
from typing import Final

from flask import Blueprint, Response

from registry import __version__
from registry.model.errors import StorageUnusable
from registry.web.answers import Answer, json_answer
from registry.web.context import current
from registry.web.routing import Right, route

blueprint = Blueprint("health", __name__)
logger = logging.getLogger(__name__)

ARTIFACTORY_VERSION: Final = "7.77.5"
"""The version of Artifactory whose clients find what they expect here."""

_ROOT: Final = ("",)
_ARTIFACTORY: Final = ("/artifactory", "")


@route(blueprint, _ROOT, "/healthz", ["GET"], Right.PUBLIC)
def live() -> Response:
    """The process answers."""
    return json_answer({"status": "ok"})


@route(blueprint, _ROOT, "/readyz", ["GET"], Right.PUBLIC)
def ready() -> Response:
    """The storage can be written and takes hard links; tried, not assumed. 503 otherwise.

    Anybody may ask, so the reason, which names folders, goes to the log.
    """
    try:
        current().instance.readiness.check()
    except StorageUnusable as error:
        logger.error("not ready: %s", error)
        raise StorageUnusable("the storage cannot serve; the log says why") from None
    return json_answer({"status": "ok"})


@route(blueprint, _ARTIFACTORY, "/api/system/ping", ["GET"], Right.PUBLIC)
def ping() -> Response:
    """Exactly ``OK``: some clients compare for equality."""
    return Answer(200, [("Content-Type", "text/plain")], b"OK")


@route(blueprint, _ARTIFACTORY, "/api/system/version", ["GET"], Right.PUBLIC)
def version() -> Response:
    """Which Artifactory this behaves like, and what it is."""
    return json_answer(
        {
            "version": ARTIFACTORY_VERSION,
            "revision": "77705900",
            "addons": ["build", "docker", "properties", "search", "aql", "replication", "rest"],
            "license": f"docker-registry {__version__}",
        }
    )
