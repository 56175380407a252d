"""Searches about builds and bad checksums, and those for packages that are no images.

Source: Artifactory's REST API, "Searches".
"""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Response, request

from registry.model.aql import searches
from registry.model.errors import PathUnknown, QueryInvalid, RouteUnknown
from registry.model.items import Item
from registry.web.answers import json_answer
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.item_answers import download_uri
from registry.web.context import current
from registry.web.receiving import receive_bytes
from registry.web.routing import FORMS, Right, route

_TYPE: Final = "application/vnd.org.jfrog.artifactory.search"
_BODY_LIMIT: Final = 64 * 1024
_LATEST: Final = "LATEST"
_SHA1: Final = 40


@route(blueprint, FORMS, "/api/search/badChecksum", ["GET"], Right.LOGIN)
def search_bad_checksum() -> Response:
    """Files whose content is not what their uploader said: there are none.

    An upload whose checksum is not the announced one is refused, whichever it is.
    """
    if request.args.get("type") not in ("md5", "sha1"):
        raise QueryInvalid("the search needs 'type', which is md5 or sha1")
    return json_answer({"results": []}, 200, f"{_TYPE}.BadChecksumSearchResult+json")


@route(blueprint, FORMS, "/api/search/dependency", ["GET"], Right.LOGIN)
def search_dependency() -> Response:
    """Builds that used a file: no file says so of itself."""
    sha1 = request.args.get("sha1", "")
    if len(sha1) != _SHA1:
        raise QueryInvalid(f"the search needs 'sha1', {_SHA1} hex digits")
    return json_answer({"results": []}, 200, f"{_TYPE}.DependencyBuilds+json")


@route(blueprint, FORMS, "/api/search/buildArtifacts", ["POST"], Right.LOGIN)
def search_build_artifacts() -> Response:
    """Files that a build has made, as their properties say."""
    document = _document()
    name, number = _text(document, "buildName"), _text(document, "buildNumber")
    if not name or not number:
        raise QueryInvalid("'buildName' and 'buildNumber' are needed; the latter may be LATEST")
    for unsupported in ("mappings", "buildStatus"):
        if document.get(unsupported):
            raise QueryInvalid(f"'{unsupported}' is not supported")
    wanted = "" if number == _LATEST else number
    repositories = ",".join(_texts(document, "repos"))
    searching = current().instance.searching
    condition = searches.of_build(name, wanted, repositories)
    found = searching.find(current().directory, condition, searching.facts())
    if not wanted and found:
        latest = max(found, key=_started)
        found = [item for item in found if _number(item) == _number(latest)]
    if not found:
        raise PathUnknown(f"no files of build '{name[:80]}', number '{number[:80]}' were found")
    results = [{"downloadUri": download_uri(item.repository, item.location)} for item in found]
    return json_answer({"results": results}, 200, f"{_TYPE}.BuildArtifactsSearchResult+json")


@route(blueprint, FORMS, "/api/search/versions", ["GET"], Right.LOGIN)
@route(blueprint, FORMS, "/api/search/latestVersion", ["GET"], Right.LOGIN)
@route(blueprint, FORMS, "/api/search/gavc", ["GET"], Right.LOGIN)
@route(blueprint, FORMS, "/api/search/license", ["GET"], Right.LOGIN)
@route(blueprint, FORMS, "/api/search/archive", ["GET"], Right.LOGIN)
def search_packages() -> Response:
    """Searches for what only packages have that are no images."""
    raise RouteUnknown("images have no versions, licenses or archive entries to search for")


def _document() -> dict[str, Any]:
    try:
        document = json.loads(receive_bytes(_BODY_LIMIT))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise QueryInvalid("the body is no JSON object")
    return document


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _texts(document: dict[str, Any], name: str) -> list[str]:
    value = document.get(name) or []
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise QueryInvalid(f"'{name}' is a list of texts")
    return value


def _started(item: Item) -> tuple[int, str, str]:
    """Return when the build of a file began, in a form that sorts by time."""
    text = next(iter(item.properties.get("build.timestamp", ())), "")
    return len(text), text, item.created


def _number(item: Item) -> str:
    return next(iter(item.properties.get("build.number", ())), "")
