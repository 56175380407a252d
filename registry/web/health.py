"""Is it alive, can it serve, which version is it: for probes and for clients that ask first."""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Blueprint, Response

from registry import __version__
from registry.storage import format as storage_format
from registry.web.context import current
from registry.web.routing import Right, route

blueprint = Blueprint("health", __name__)

ARTIFACTORY_VERSION: Final = "7.77.5"
"""The version of Artifactory whose clients find what they expect here."""

_ROOT: Final = ("",)
_ARTIFACTORY: Final = ("/artifactory", "")


def _json(document: dict[str, Any]) -> Response:
    return Response(json.dumps(document) + "\n", content_type="application/json")


@route(blueprint, _ROOT, "/healthz", ["GET"], Right.PUBLIC)
def live() -> Response:
    """The process answers."""
    return _json({"status": "ok"})


@route(blueprint, _ROOT, "/readyz", ["GET"], Right.PUBLIC)
def ready() -> Response:
    """The storage can be written and takes hard links; tried, not assumed. 503 otherwise."""
    storage_format.probe(current().instance.store.layout)
    return _json({"status": "ok"})


@route(blueprint, _ARTIFACTORY, "/api/system/ping", ["GET"], Right.PUBLIC)
def ping() -> Response:
    """Exactly ``OK``: some clients compare for equality."""
    return Response("OK", content_type="text/plain")


@route(blueprint, _ARTIFACTORY, "/api/system/version", ["GET"], Right.PUBLIC)
def version() -> Response:
    """Which Artifactory this behaves like, and what it is."""
    return _json(
        {
            "version": ARTIFACTORY_VERSION,
            "revision": "77705900",
            "addons": ["build", "docker", "properties", "search", "aql", "replication", "rest"],
            "license": f"docker-registry {__version__}",
        }
    )
