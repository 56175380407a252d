"""Packages: looking for tags across repositories, and the indexes that an image is part of."""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Response, request

from registry.model.digests import Digest
from registry.model.errors import FieldInvalid, PageSizeInvalid
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.model.packages import Package, PackageQuery
from registry.web.answers import json_answer
from registry.web.artifactory.content import blueprint
from registry.web.context import current
from registry.web.receiving import receive_bytes
from registry.web.routing import FORMS, Right, route

_LIMIT: Final = 50
_MOST: Final = 1000
"""Packages of one page, and at most so many."""
_BODY_LIMIT: Final = 16 * 1024


@route(blueprint, FORMS, "/api/docker/search", ["GET"], Right.LOGIN)
def find_packages() -> Response:
    """A page of the tags with an image name, tag, digest and labels, in chosen repositories."""
    offset, limit = _number("offset", 0), min(_number("limit", _LIMIT), _MOST)
    found = current().instance.packages.find(current().directory, _query(), offset, limit)
    return json_answer(
        {
            "total": found.total,
            "offset": offset,
            "limit": limit,
            "packages": list(map(_document, found.packages)),
        }
    )


@route(
    blueprint,
    ("/artifactory/api/docker/<key>/v2", "/api/docker/<key>/v2"),
    "/<path:image>/parentManifests",
    ["POST"],
    Right.PULL,
)
def find_parents(key: str, image: str) -> Response:
    """The indexes of an image that have one of its manifests as a part."""
    asked = _body()
    name = ImageName.parse(asked.get("dockerRepository") or image)
    reference: Reference = (
        Digest.parse(asked["digest"]) if "digest" in asked else Tag.parse(asked.get("tag", ""))
    )
    found = current().instance.packages.parents(current().directory, key, name, reference)
    parents = [
        {"dockerRepository": name, "digest": digest, "tags": tags} for digest, tags in found.items()
    ]
    return json_answer({"parentManifestLists": parents})


def _query() -> PackageQuery:
    arguments = request.args
    labels = dict(text.partition("=")[::2] for text in arguments.getlist("label"))
    if "" in labels:
        raise FieldInvalid("'label' is of the form NAME or NAME=VALUE", {"field": "label"})
    keys = [key for text in arguments.getlist("repos") for key in text.split(",") if key]
    digest = arguments.get("digest", "")
    if digest and ":" not in digest:
        digest = f"sha256:{digest}"
    return PackageQuery(
        image=arguments.get("image", ""),
        tag=arguments.get("tag", ""),
        digest=Digest.parse(digest) if digest else None,
        labels=labels,
        repositories=frozenset(map(RepositoryKey, keys)) if keys else None,
    )


def _document(package: Package) -> dict[str, Any]:
    is_tag = isinstance(package.reference, Tag)
    return {
        "repository": package.repository,
        "image": package.image,
        "tag": package.reference if is_tag else None,
        "digest": package.digest,
        "size": package.size,
        "modified": package.modified,
        "labels": {name: list(values) for name, values in package.labels.items()},
    }


def _number(name: str, default: int) -> int:
    text = request.args.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise PageSizeInvalid(f"'{name}' is a number, 0 or more", {name: text[:40]})
    return int(text)


def _body() -> dict[str, str]:
    """Return the texts that the body names; other fields are left out."""
    try:
        document = json.loads(receive_bytes(_BODY_LIMIT))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise FieldInvalid("the body is no JSON object")
    return {name: value for name, value in document.items() if isinstance(value, str)}
