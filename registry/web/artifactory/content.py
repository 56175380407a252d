"""The repositories as trees: deleting what a path names."""

from __future__ import annotations

from flask import Blueprint, Response

from registry.model.names import ImageName
from registry.web.answers import Answer
from registry.web.context import current
from registry.web.routing import Right, route

blueprint = Blueprint("artifactory", __name__)


@route(blueprint, ("/artifactory",), "/<key>/<path:path>", ["DELETE"], Right.DELETE)
def delete_path(key: str, path: str) -> Response:
    """Delete a tag, an image, or all images below a path; they go to the trash."""
    repository = current().directory.open(key)
    repository.delete_path(ImageName.parse(path.rstrip("/")))
    return Answer(204)
