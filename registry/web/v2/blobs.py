"""Blobs: reading and deleting."""

from __future__ import annotations

from flask import Response, request

from registry.access.principals import Action
from registry.model.digests import Digest
from registry.web.answers import Answer
from registry.web.context import open_image
from registry.web.routing import REPOSITORY_FORMS, Right, route
from registry.web.sending import send_blob
from registry.web.v2.base import blueprint
from registry.web.v2.described import blob_headers


@route(blueprint, REPOSITORY_FORMS, "/<path:image>/blobs/<digest>", ["GET"], Right.PULL)
def get_blob(key: str, image: str, digest: str) -> Response:
    """end-2: the blob or a range of it; HEAD answers the same headers."""
    repository, name = open_image(key, image)
    repository.require(Action.READ, name)
    blob = repository.blob(name, Digest.parse(digest), fetch=request.method == "GET")
    return send_blob(blob, blob_headers(key, blob))


@route(blueprint, REPOSITORY_FORMS, "/<path:image>/blobs/<digest>", ["DELETE"], Right.DELETE)
def delete_blob(key: str, image: str, digest: str) -> Response:
    """end-10: the image no longer shows the blob; refused for one that a manifest needs."""
    repository, name = open_image(key, image)
    repository.require(Action.DELETE, name)
    parsed = Digest.parse(digest)
    repository.delete_blob(name, parsed)
    return Answer(202, [("Docker-Content-Digest", parsed)])
