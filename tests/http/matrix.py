"""All routes with paths that exist, and what has to be sent for a route to do something."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask

from registry.web.authentication import speaks_docker
from registry.web.routing import Right
from tests.http.support import KEY, digest_of

FRONT = {"webServerType": "NGINX", "serverName": "registry.example.com"}
PROPS = json.dumps({"props": {"a": "1"}}).encode()
PROMOTION = {
    "targetRepo": KEY, "dockerRepository": "team/app", "targetDockerRepository": "copied",
    "tag": "1.0", "copy": True,
}  # fmt: skip
BODIES = {
    "/promote": json.dumps(PROMOTION).encode(),
    "/api/system/configuration/webServer": json.dumps(FRONT).encode(),
    "/api/metadata/<key>": PROPS,
    "/api/metadata/<key>/<path:path>": PROPS,
    "/api/search/aql": b"items.find()",
    "/api/search//aql": b"items.find()",
    "/parentManifests": json.dumps({"dockerRepository": "team/app", "tag": "1.0"}).encode(),
    "/api/security/token/revoke": b"token_id=nothing",
    "/api/v1/tokens/revoke": b"token=nothing",
    "/api/search/buildArtifacts": json.dumps({"buildName": "b", "buildNumber": "1"}).encode(),
}
"""What must be sent for a route to do something, by the end of its rule."""
DOORS = {
    "/access/api/v1/tokens": 401,
    "/api/security/token": 401,
    "/authorization/changePassword": 401,
    "/ui/api/v1/auth/login": 403,
}
"""Routes that look for credentials themselves, and what they say to who has none."""
_COPYING = {
    ("POST", f"/api/{verb}/<key>/<path:path>"): f"?to=/{KEY}/copied/1.0&dry=1"
    for verb in ("copy", "move")
}
_SEARCHES = {
    "artifact": "name=x",
    "prop": "k=v",
    "checksum": f"sha256={'0' * 64}",
    "pattern": f"pattern={KEY}:x",
    "creation": "from=1",
    "dates": "from=1&dateFields=created",
    "usage": "notUsedSince=1",
    "badChecksum": "type=md5",
    "dependency": f"sha1={'0' * 40}",
}
_SEARCHING = {
    (method, f"/api/search/{name}"): f"?{query}"
    for name, query in _SEARCHES.items()
    for method in ("GET", "HEAD")
}
QUERIES = (
    _COPYING
    | _SEARCHING
    | {
        (method, f"/api/storage/<key>{rest}"): "?properties=a=1"
        for method in ("PUT", "DELETE")
        for rest in ("", "/<path:path>")
    }
)


@dataclass(frozen=True)
class Route:
    """One method of one rule, with a path that exists."""

    rule: str
    method: str
    path: str
    right: Right

    @property
    def image(self) -> bool:
        return "<path:image>" in self.rule

    @property
    def docker(self) -> bool:
        """Whether it belongs to the Docker API, whose clients fetch tokens."""
        return speaks_docker(self.path)


def routes_of(app: Flask, arguments: Mapping[str, str]) -> list[Route]:
    """Return all routes of the application, with these arguments in their paths.

    Fails for a route that declares no right, or has an argument that is not known here.
    """
    routes = []
    for rule in app.url_map.iter_rules():
        right = getattr(app.view_functions[rule.endpoint], "right", None)
        assert isinstance(right, Right), f"{rule.rule} declares no right"
        path = rule.rule
        for name in rule.arguments:
            path = re.sub(rf"<(?:\w+:)?{name}>", arguments[name], path)
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            query = QUERIES.get((method, rule.rule.removeprefix("/artifactory")), "")
            if method == "PUT" and "upload_id" in rule.arguments:
                query = f"?digest={digest_of(b'')}"
            routes.append(Route(rule.rule, method, path + query, right))
    return routes


def body_of(route: Route) -> bytes:
    """Return what must be sent for a route to do something."""
    bodies = [body for rule, body in BODIES.items() if route.rule.endswith(rule)]
    return bodies[0] if bodies and route.method in ("POST", "PATCH", "DELETE") else b""
