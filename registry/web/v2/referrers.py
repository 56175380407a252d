"""Referrers: what has been attached to a manifest (signatures, SBOMs, attestations)."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from registry.access.principals import Action
from registry.model import media_types
from registry.model.content import StoredManifest
from registry.model.digests import Digest
from registry.model.manifests import Manifest, parse_manifest
from registry.web.answers import json_answer
from registry.web.context import open_image
from registry.web.routing import REPOSITORY_FORMS, Right, route
from registry.web.v2.base import blueprint


@route(blueprint, REPOSITORY_FORMS, "/<path:image>/referrers/<digest>", ["GET"], Right.PULL)
def list_referrers(key: str, image: str, digest: str) -> Response:
    """end-12: an index of all that names ``digest`` as its subject; empty, never 404."""
    repository, name = open_image(key, image)
    repository.require(Action.READ, name)
    wanted = request.args.get("artifactType", "")
    descriptors = [
        _descriptor(stored) for stored in repository.referrers(name, Digest.parse(digest))
    ]
    if wanted:
        descriptors = [d for d in descriptors if d.get("artifactType") == wanted]
    index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": descriptors}
    response = json_answer(index, content_type=media_types.OCI_INDEX)
    if wanted:
        response.headers["OCI-Filters-Applied"] = "artifactType"
    return response


def _descriptor(stored: StoredManifest) -> dict[str, Any]:
    manifest = parse_manifest(stored.body, stored.media_type)
    descriptor: dict[str, Any] = {
        "mediaType": stored.media_type,
        "digest": stored.digest,
        "size": len(stored.body),
    }
    artifact_type = _artifact_type(manifest)
    if artifact_type:
        descriptor["artifactType"] = artifact_type
    if manifest.annotations:
        descriptor["annotations"] = dict(manifest.annotations)
    return descriptor


def _artifact_type(manifest: Manifest) -> str:
    """Return the manifest's own type, or for an image that of its config."""
    if manifest.artifact_type or manifest.config is None:
        return manifest.artifact_type
    return manifest.config.media_type
