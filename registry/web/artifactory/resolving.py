"""Which member of a virtual repository answers for an image."""

from __future__ import annotations

from flask import Response, request

from registry.services.resolving import resolve
from registry.web.answers import json_answer
from registry.web.artifactory.content import blueprint
from registry.web.context import current
from registry.web.routing import FORMS, Right, route


@route(blueprint, FORMS, "/api/docker/resolve", ["GET"], Right.ADMIN)
def resolve_image() -> Response:
    """Which member answers for ``path``, and what became of looking at each; as a pull does it."""
    return json_answer(resolve(current().directory, request.args.get("path", "")).document())
