"""Figures for monitoring."""

from __future__ import annotations

from flask import Blueprint, Response

from registry.metrics import exposition, families
from registry.web.answers import Answer
from registry.web.context import current
from registry.web.routing import Right, route

blueprint = Blueprint("metrics", __name__)


@route(blueprint, ("",), "/metrics", ["GET"], Right.ADMIN)
def show() -> Response:
    """What Prometheus reads."""
    text = "".join(families.pruning(current().instance.pruning.record()))
    return Answer(200, [("Content-Type", exposition.CONTENT_TYPE)], text.encode())
