"""The smaller searches: files and folders by name, properties, checksums, patterns and dates.

Source: Artifactory's REST API, "Searches". Finding nothing is an answer, with an empty list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from flask import Response, request

from registry.model.ant import ant_pattern
from registry.model.aql import operands, searches
from registry.model.aql.criteria import Condition
from registry.model.aql.predicates import value_of
from registry.model.errors import AuthenticationRequired, QueryInvalid
from registry.model.items import Item
from registry.services.searching_facts import StoredFacts
from registry.web.answers import Answer, json_answer
from registry.web.artifactory import item_answers
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.item_answers import storage_uri
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

_TYPE: Final = "application/vnd.org.jfrog.artifactory.search"
_NO_PROPERTIES: Final = ("repos", "type")
"""Arguments of the property search that name no property."""
_DETAIL: Final = "X-Result-Detail"


@route(blueprint, FORMS, "/api/search/artifact", ["GET"], Right.LOGIN)
def search_artifact() -> Response:
    """Files by their name or a part of it."""
    condition = searches.by_name(_argument("name"), _argument("repos"))
    return _detailed("ArtifactSearchResult", condition)


@route(blueprint, FORMS, "/api/search/prop", ["GET"], Right.LOGIN)
def search_prop() -> Response:
    """Files and folders by their properties, which the arguments name."""
    wanted = [
        (name, value)
        for name, value in request.args.items(multi=True)
        if name not in _NO_PROPERTIES
    ]
    kind = _argument("type") or "any"
    condition = searches.by_properties(wanted, _argument("repos"), kind)
    return _detailed("MetadataSearchResult", condition)


@route(blueprint, FORMS, "/api/search/checksum", ["GET"], Right.LOGIN)
def search_checksum() -> Response:
    """Files by a checksum of their content."""
    sums = {kind: _argument(kind) for kind in searches.SUMS}
    condition = searches.by_checksum(sums, _argument("repos"))
    return _detailed("ChecksumSearchResult", condition)


@route(blueprint, FORMS, "/api/search/pattern", ["GET"], Right.LOGIN)
def search_pattern() -> Response:
    """Files of one repository by an Ant pattern."""
    pattern = _argument("pattern")
    key, path, condition = searches.by_pattern(pattern)
    current().directory.open(key).require_known()
    fits = ant_pattern(path).matches
    found = [item.location for item in _found(condition)[0] if fits(item.location)]
    uri = f"{current().address.base}/artifactory/{key}"
    document = {"repositoryUri": uri, "sourcePattern": pattern, "files": found}
    return _answer("PatternResultFileSet", document)


@route(blueprint, FORMS, "/api/search/creation", ["GET"], Right.LOGIN)
def search_creation() -> Response:
    """Files by the time of their creation."""
    _refuse_anonymous()
    first = _moment("from", "0" * 9)
    last = _moment("to") or _now()
    condition = searches.between(["created"], first, last, _argument("repos"))
    return _listed("ArtifactCreationResult", condition, {"created": "created"})


@route(blueprint, FORMS, "/api/search/dates", ["GET"], Right.LOGIN)
def search_dates() -> Response:
    """Files by the times of their creation, last change or last download."""
    _refuse_anonymous()
    names = [name for name in _argument("dateFields").split(",") if name]
    if not names or not set(names) <= searches.DATES.keys():
        known = ", ".join(searches.DATES)
        raise QueryInvalid(f"the search needs 'dateFields', with some of {known}")
    fields = {name: searches.DATES[name] for name in names}
    first = _required("from")
    last = _moment("to") or _now()
    condition = searches.between(list(fields.values()), first, last, _argument("repos"))
    return _listed("ArtifactResult", condition, fields)


@route(blueprint, FORMS, "/api/search/usage", ["GET"], Right.LOGIN)
def search_usage() -> Response:
    """Files that nobody has downloaded since a time, and that are older than that or another."""
    _refuse_anonymous()
    since = _required("notUsedSince")
    before = _moment("createdBefore") or since
    condition = searches.unused(since, before, _argument("repos"))
    return _listed("ArtifactUsageResult", condition, {"lastDownloaded": "stat.downloaded"})


# --- what all searches share ------------------------------------------------------------------


def _found(condition: Condition) -> tuple[Sequence[Item], StoredFacts]:
    searching = current().instance.searching
    facts = searching.facts()
    return searching.find(current().directory, condition, facts), facts


def _detailed(kind: str, condition: Condition) -> Answer:
    """Return what was found, with as much detail as a header of the request asks for."""
    details = {part.strip() for part in request.headers.get(_DETAIL, "").lower().split(",")}
    return _answer(kind, {"results": [_result(item, details) for item in _found(condition)[0]]})


def _result(item: Item, details: set[str]) -> dict[str, Any]:
    key = str(item.repository)
    result: dict[str, Any] = {}
    if "info" in details:
        result |= _info(key, item)
    if "properties" in details:
        properties = item_answers.properties_document(key, item, item.properties)
        result["properties"] = properties["properties"]
    return result | {"uri": storage_uri(key, item.location)}


def _info(key: str, item: Item) -> dict[str, Any]:
    if not item.is_folder:
        return item_answers.file_info(key, item)
    names = current().directory.items(key).names(item)
    return item_answers.folder_info(key, item, names)


def _listed(kind: str, condition: Condition, fields: Mapping[str, str]) -> Answer:
    """Return what was found, each with some dates as far as it has them."""
    found, facts = _found(condition)
    getters: dict[str, Callable[[Item], Any]] = {
        name: value_of(field, facts) for name, field in fields.items()
    }
    results = []
    for item in found:
        dates = {name: value for name, get in getters.items() if (value := get(item)) is not None}
        results.append({"uri": storage_uri(str(item.repository), item.location), **dates})
    return _answer(kind, {"results": results})


def _answer(kind: str, document: Any) -> Answer:
    return json_answer(document, 200, f"{_TYPE}.{kind}+json")


def _refuse_anonymous() -> None:
    if current().directory.principal.anonymous:
        raise AuthenticationRequired("Authentication is required")


def _argument(name: str) -> str:
    return request.args.get(name, "")


def _moment(name: str, default: str = "") -> str:
    """Return an argument that is a moment, in milliseconds since 1970 or ISO 8601."""
    text = _argument(name) or default
    moment = operands.moment(text.rjust(9, "0") if text.isdigit() else text)
    if text and moment is None:
        raise QueryInvalid(f"'{name}' is a moment, in milliseconds since 1970 or ISO 8601")
    return moment or ""


def _required(name: str) -> str:
    moment = _moment(name)
    if not moment:
        raise QueryInvalid(f"the search needs '{name}', in milliseconds since 1970 or ISO 8601")
    return moment


def _now() -> str:
    return operands.written(current().instance.searching.facts().now)
