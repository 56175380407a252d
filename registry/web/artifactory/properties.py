"""Properties of items: setting, changing and deleting them.

Source: Artifactory's REST API, "Set Item Properties", "Delete Item Properties", "Update Item
Properties".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from flask import Response, request

from registry.model.errors import PropertyInvalid
from registry.model.property_language import (
    PAIRS_LIMIT,
    PropertyChange,
    parse_names,
    parse_properties,
    query_argument,
    require_key,
    require_value,
)
from registry.web.answers import Answer
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.locations import flag, pointed
from registry.web.artifactory.storage import ABOVE, ROOT, RULE
from registry.web.context import current
from registry.web.receiving import receive_bytes
from registry.web.routing import FORMS, Right, route

_METADATA_LIMIT: Final = 4 * 1024 * 1024


@route(blueprint, FORMS, ROOT, ["PUT"], Right.ANNOTATE)
@route(blueprint, FORMS, RULE, ["PUT"], Right.ANNOTATE)
def set_properties(key: str, path: str = "") -> Response:
    """Give an item properties; those that are not named stay."""
    change = PropertyChange(parse_properties(_argument()))
    if not change.values:
        raise PropertyInvalid("'properties' names no property")
    return _change(key, change, recursive=flag("recursive", default=True))


@route(blueprint, FORMS, ROOT, ["DELETE"], Right.ANNOTATE)
@route(blueprint, FORMS, RULE, ["DELETE"], Right.ANNOTATE)
def delete_properties(key: str, path: str = "") -> Response:
    """Take properties from an item; those that it does not have are no error."""
    names = frozenset(parse_names(_argument()))
    return _change(key, PropertyChange(removed=names), recursive=flag("recursive", default=True))


@route(blueprint, FORMS, "/api/metadata/<key>", ["PATCH"], Right.ANNOTATE)
@route(blueprint, FORMS, "/api/metadata/<key>/<path:path>", ["PATCH"], Right.ANNOTATE)
def update_properties(key: str, path: str = "") -> Response:
    """Change properties as the document says: null takes one away."""
    change = _parse(receive_bytes(_METADATA_LIMIT))
    default = flag("recursive", default=True)
    return _change(key, change, recursive=flag("recursiveProperties", default=default))


def _argument() -> str:
    text = query_argument(request.query_string.decode("latin-1"), "properties")
    if text is None:
        raise PropertyInvalid("the query has no 'properties'")
    return text


def _change(key: str, change: PropertyChange, *, recursive: bool) -> Response:
    tree = current().directory.items(key)
    tree.change_properties(tree.item(pointed(ABOVE).location), change, recursive=recursive)
    return Answer(204)


def _parse(body: bytes) -> PropertyChange:
    """Return the change that a document says. Raises PropertyInvalid."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise PropertyInvalid("the body is no JSON document") from None
    props = document.get("props") if isinstance(document, dict) else None
    if not isinstance(props, dict) or len(props) > PAIRS_LIMIT:
        raise PropertyInvalid("the body is {'props': {name: value, list of values, or null}}")
    return PropertyChange(
        {name: _values(props, name) for name, given in props.items() if given is not None},
        frozenset(name for name, given in props.items() if given is None),
    )


def _values(props: Mapping[str, Any], name: str) -> list[str]:
    given = props[require_key(name)]
    values = given if isinstance(given, list) else [given]
    if not all(isinstance(value, (str, int, float)) for value in values):
        raise PropertyInvalid(f"the property '{name[:80]}' has texts as values")
    return [require_value(_text(value)) for value in values]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
