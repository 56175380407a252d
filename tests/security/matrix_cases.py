"""The cases of the matrix: each route with a path that exists, and a body that would do something.

For each there is the same about something that does not exist.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Flask

from tests.http.matrix import Route, body_of, routes_of
from tests.http.support import CONFIG, KEY, OCI_IMAGE, digest_of, manifest_bytes
from tests.security.matrix_rows import ROWS, Kind, row_of
from tests.security.matrix_world import ABSENT, IMAGE, LAYER, LOOSE, NOTE, SOMEBODY, SPARE, TAG

READING = ("GET", "HEAD")
UPLOAD, TOKEN = "id-of-the-upload", "id-of-the-token"
"""Stand in the cases for what each world, or caller, has another one of."""
_MANIFEST = manifest_bytes(CONFIG, (LAYER,))
_NOBODY: dict[str, Any] = {"targets": {KEY: {}}, "actions": {}}
_PERSON = {"email": "carol@corp.example", "password": "password-of-carol", "admin": False}
_LOCAL = {"rclass": "local", "packageType": "docker"}
_OBJECTS: Mapping[str, Any] = {
    "/access/api/v2/permissions": {"name": NOTE, "resources": {"artifact": _NOBODY}},
    "/access/api/v2/permissions/<name>/<resource>": _NOBODY,
    "/api/security/permissions/<name>": {"name": NOTE, "repositories": [KEY]},
    "/api/v2/security/permissions/<name>": {"name": NOTE, "repo": {"repositories": [KEY]}},
    "/access/api/v2/users": {"username": SOMEBODY, **_PERSON},
    "/access/api/v2/users/<name>": {"email": "c@corp.example"},
    "/access/api/v2/users/<name>/groups": {"add": [SOMEBODY]},
    "/access/api/v2/users/<name>/password": {"password": "password-of-carol"},
    "/api/security/users/<name>": _PERSON,
    "/access/api/v2/groups": {"name": SOMEBODY},
    "/access/api/v2/groups/<name>": {"description": "changed"},
    "/access/api/v2/groups/<name>/members": {"add": [SOMEBODY]},
    "/api/security/groups/<name>": {"name": SOMEBODY, "description": "changed"},
    "/api/repositories/<key>": _LOCAL,
    "/api/v2/repositories/batch": [{"key": SPARE, **_LOCAL}],
    "/access/api/v1/config/token/default_expiry": {"default_token_expiration": 3600},
    "/api/security/users/authorization/expirePassword": [SOMEBODY],
    "/api/security/unlockUsers": [SOMEBODY],
    "/api/system/usage": {"productId": "x", "features": []},
}
"""JSON for whatever takes one, by row; what is not here stands in `tests.http.matrix`."""
_FILE, _FOLDER = f"{IMAGE}/{TAG}/manifest.json", f"{IMAGE}/{TAG}"
_FOLDERS = (
    ("DELETE", "/<key>/<path:path>"),
    ("POST", "/api/copy/<key>/<path:path>"),
    ("POST", "/api/move/<key>/<path:path>"),
)
"""What is asked for the folder of the tag, and not for the manifest in it."""
_QUERIES = {
    "/api/search/artifact": "name=manifest.json",
    "/api/search/checksum": f"sha256={digest_of(LAYER).partition(':')[2]}",
    "/api/search/pattern": f"pattern={KEY}:{IMAGE}/*/manifest.json",
    "/api/docker/resolve": f"path={KEY}/{IMAGE}:{TAG}",
    "/api/security/explain": f"user={SOMEBODY}&action=read&path={KEY}/{IMAGE}",
}
"""Searches that find the image, if they may."""


@dataclass(frozen=True)
class Case:
    """One request of the matrix, without who makes it."""

    route: Route
    row: tuple[str, str]
    kind: Kind
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """Its method."""
        return self.route.method

    @property
    def is_first_form(self) -> bool:
        """Whether it is the one form of its row that stands for all of them."""
        return self.route.rule.replace("<repository:key>", "<key>") == self.row[1]

    @property
    def is_reading(self) -> bool:
        """Whether it changes nothing by itself."""
        return self.method in READING

    def filled(self, names: Mapping[str, str]) -> Case:
        """Return the case with each name in its path and body replaced by another one."""
        path, body = self.path, self.body
        for name, other in names.items():
            path, body = path.replace(name, other), body.replace(name.encode(), other.encode())
        return replace(self, path=path, body=body)

    def mentions(self, text: str) -> bool:
        """Return whether it names something itself."""
        return text in self.path or text.encode() in self.body

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def cases_of(app: Flask) -> list[Case]:
    """Return all cases. Fails for a route without a row, or with an argument that is not known."""
    arguments = {
        "key": KEY,
        "image": IMAGE,
        "digest": digest_of(LAYER),
        "reference": TAG,
        "upload_id": UPLOAD,
        "rest": "nothing/here",
        "path": _FILE,
        "uuid": "nothing",
        "name": SOMEBODY,
        "resource": "artifact",
        "token": TOKEN,
    }
    return [_case(route) for route in routes_of(app, arguments)]


def _case(route: Route) -> Case:
    row = route.method, row_of(route.rule)
    assert row in ROWS, f"{route.method} {route.rule} has no row in the matrix of rights"
    kind = ROWS[row]
    path, _, query = route.path.partition("?")
    if "permissions" in route.rule:
        path = path.replace(SOMEBODY, NOTE)
    if kind is Kind.ADMIN:
        path = path.replace(f"/{KEY}", f"/{SPARE}")
    if row in _FOLDERS:
        path = path.replace(_FILE, _FOLDER)
    if row == ("DELETE", "/v2/<key>/<path:image>/blobs/<digest>"):
        path = path.replace(digest_of(LAYER), digest_of(LOOSE))
    query = _QUERIES.get(row[1], query).replace("&dry=1", "")
    case = Case(route, row, kind, f"{path}?{query}" if query else path, body_of(route))
    if route.method in READING or (route.method == "DELETE" and not case.body):
        return case
    if row[1] == "/api/security/token/revoke":
        return replace(case, body=f"token_id={TOKEN}".encode())
    if row[1] in ("/<key>/<path:path>", "/v2/<key>/<path:image>/manifests/<reference>"):
        return replace(case, body=_MANIFEST, headers={"Content-Type": OCI_IMAGE})
    if row[1] in _OBJECTS:
        body = json.dumps(_OBJECTS[row[1]]).encode()
        return replace(case, body=body, headers={"Content-Type": "application/json"})
    return case


def absent_names(token: str) -> Mapping[str, str]:
    """Return what names of things that are there are replaced by, to name things that are not."""
    return {**ABSENT, token: "0" * len(token)}
