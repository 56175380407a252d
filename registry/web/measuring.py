"""As what a request is counted: the kinds of routes, which are few and always the same."""

from __future__ import annotations

from typing import Final

from flask import Flask, request

from registry.metrics.figures import route_number
from registry.model.bodies import PENDING

_KINDS: Final = (
    ("/access/", "access"),
    ("/repositories", "repositories"),
    ("/search", "search"),
    ("/blobs/uploads", "uploads"),
    ("/blobs/", "blobs"),
    ("/manifests/", "manifests"),
    ("/referrers/", "referrers"),
    ("/tags/list", "tags"),
    ("/_catalog", "catalog"),
    ("/v2/token", "token"),
    ("/api/docker/", "docker"),
    ("/v2/", "docker"),
    ("/system/ping", "health"),
    ("/api/v1/system/", "health"),
    ("/healthz", "health"),
    ("/readyz", "health"),
    ("/metrics", "metrics"),
    ("/api/storageinfo", "system"),
    ("/api/storage", "storage"),
    ("/api/metadata", "storage"),
    ("/api/security", "security"),
    ("/api/build", "builds"),
    ("/api/replication", "replication"),
    ("/api/copy", "content"),
    ("/api/move", "content"),
    ("/api/trash", "content"),
    ("/api/", "system"),
    ("/ui", "ui"),
    ("/static", "ui"),
)
"""What a rule contains, and the kind of route that it is therefore; the first one counts."""
UNKNOWN: Final = route_number("unknown")


def kind_of(rule: str) -> str:
    """Return the kind of the route that has this rule."""
    return next((kind for part, kind in _KINDS if part in rule), "content")


def kinds_of(app: Flask) -> dict[str, int]:
    """Return for each end point of an application the number by which its requests are counted."""
    return {
        rule.endpoint: route_number(kind_of(rule.rule))
        for rule in app.url_map.iter_rules()
    }  # fmt: skip


def received() -> int:
    """Return the bytes of the request's body, as far as it was taken in."""
    environ = request.environ
    length = environ.get("CONTENT_LENGTH")
    if not length or PENDING in environ or not length.isdecimal():
        return 0
    return int(length)
