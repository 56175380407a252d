"""How the upstream registries of remote repositories do."""

from __future__ import annotations

from flask import Response

from registry.web.answers import json_answer
from registry.web.artifactory.content import blueprint
from registry.web.context import current
from registry.web.routing import FORMS, Right, route


@route(blueprint, FORMS, "/api/docker/upstreams", ["GET"], Right.LOGIN)
def tell_upstreams() -> Response:
    """What was last heard of the upstream of each remote repository that the caller may read."""
    directory = current().directory
    readable = directory.readable()
    to_admin = directory.is_admin()
    found = current().instance.upstream_states.of(readable)
    return json_answer([one.document(to_admin=to_admin) for one in found])
