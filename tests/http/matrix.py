"""What has to be sent with a request for its route to do something."""

from __future__ import annotations

import json

from tests.http.support import KEY

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
