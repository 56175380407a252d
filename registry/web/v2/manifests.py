"""Manifests: reading, pushing and deleting, by tag and by digest."""

from __future__ import annotations

from flask import Response, request

from registry.access.principals import Action
from registry.model.digests import Digest
from registry.model.errors import RequestInvalid, TooManyTags
from registry.model.manifests import MANIFEST_LIMIT
from registry.model.names import Tag, parse_reference
from registry.web.answers import Answer
from registry.web.context import current, open_image
from registry.web.receiving import receive_bytes
from registry.web.routing import REPOSITORY_FORMS, Right, route
from registry.web.sending import is_cached_by_client, not_modified
from registry.web.v2.base import blueprint
from registry.web.v2.described import ManifestHeaders, freshness_headers, member_headers

TAGS_LIMIT = 50
"""Tags of one push by digest; the specification demands at least 10."""

_described = ManifestHeaders()

_RULE = "/<path:image>/manifests/<reference>"


@route(blueprint, REPOSITORY_FORMS, _RULE, ["GET"], Right.PULL)
def get_manifest(key: str, image: str, reference: str) -> Response:
    """end-3: the very bytes that were pushed, under their own type, whatever ``Accept`` says."""
    repository, name = open_image(key, image)
    repository.require(Action.READ, name)
    parsed = parse_reference(reference)
    stored = repository.manifest(name, parsed)
    if is_cached_by_client(stored.digest):
        return not_modified(stored.digest)
    headers = [
        *_described.of(stored, current().instance.store),
        ("X-Artifactory-Docker-Registry", key),
        *member_headers(stored),
    ]
    if isinstance(parsed, Tag):
        headers.append(("Cache-Control", "no-cache"))
    if stored.freshness is not None:
        headers += freshness_headers(stored.freshness, stored.allowance)
    if request.method == "GET":
        repository.record_pull(name, parsed, stored.digest)
    return Answer(200, headers, stored.body)


@route(blueprint, REPOSITORY_FORMS, _RULE, ["PUT"], Right.PUSH)
def put_manifest(key: str, image: str, reference: str) -> Response:
    """end-7: store a manifest under a tag, or under its digest and the tags in ``?tag=``."""
    repository, name = open_image(key, image)
    repository.require(Action.WRITE, name)
    parsed = parse_reference(reference)
    tags = _asked_tags()
    if tags and not isinstance(parsed, Digest):
        raise RequestInvalid("'tag' goes with a push by digest only")
    body = receive_bytes(MANIFEST_LIMIT)
    pushed = repository.put_manifest(
        name, parsed, body, request.headers.get("Content-Type", ""), tags
    )
    headers = [
        ("Location", current().address.path(key, name, f"manifests/{pushed.digest}")),
        ("Docker-Content-Digest", pushed.digest),
    ]
    if pushed.subject is not None:
        headers.append(("OCI-Subject", pushed.subject))
    headers += [("OCI-Tag", tag) for tag in pushed.tags]
    return Answer(201, headers)


def _asked_tags() -> list[Tag]:
    """Return the tags in the query, each once; all are checked before anything is done."""
    texts = request.args.getlist("tag")
    if len(texts) > TAGS_LIMIT:
        raise TooManyTags(f"at most {TAGS_LIMIT} tags can be given in one request")
    return [Tag.parse(text) for text in dict.fromkeys(texts)]


@route(blueprint, REPOSITORY_FORMS, _RULE, ["DELETE"], Right.DELETE)
def delete_manifest(key: str, image: str, reference: str) -> Response:
    """end-9: a tag alone, or a manifest with all its tags."""
    repository, name = open_image(key, image)
    repository.require(Action.DELETE, name)
    repository.delete_manifest(name, parse_reference(reference))
    return Answer(202)
