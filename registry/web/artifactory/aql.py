"""Queries in AQL.

Source: Artifactory's REST API, "Artifactory Query Language".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from flask import Response

from registry.model.aql import query as aql
from registry.model.aql.tokens import TEXT_LIMIT
from registry.model.errors import QueryInvalid
from registry.model.media_types import JSON
from registry.services.aql import Found, Row
from registry.web.answers import json_answer
from registry.web.artifactory.content import blueprint
from registry.web.context import current
from registry.web.receiving import receive_bytes
from registry.web.routing import FORMS, Right, route

_BODY_LIMIT: Final = 4 * TEXT_LIMIT
"""Bytes of a query: a character has at most four."""
_PIECE: Final = 1000
"""Rows that are written at once; an answer with no more has its length told beforehand."""


@route(blueprint, FORMS, "/api/search/aql", ["POST"], Right.LOGIN)
@route(blueprint, FORMS, "/api/search//aql", ["POST"], Right.LOGIN)
def search_aql() -> Response:
    """The items that a query finds; the body is its text, under any type or none."""
    query = aql.parse(_text(receive_bytes(_BODY_LIMIT)))
    found = current().instance.aql.run(current().directory, query)
    if found.count <= _PIECE:
        return json_answer({"results": list(found.rows), "range": _range(found)})
    return Response(_pieces(found), content_type=JSON, direct_passthrough=True)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise QueryInvalid("AQL: the query is not in UTF-8") from None


def _range(found: Found) -> dict[str, Any]:
    limit = {} if found.limit is None else {"limit": found.limit}
    return {
        "start_pos": found.offset,
        "end_pos": found.offset + found.count,
        "total": found.total,
        **limit,
    }


def _pieces(found: Found) -> Iterator[bytes]:
    """Yield a long answer in pieces, so that it is never in memory as a whole."""
    yield b'{"results":['
    separator = b""
    while rows := list(islice(found.rows, _PIECE)):
        yield separator + b",".join(map(_encoded, rows))
        separator = b","
    yield b'],"range":' + _encoded(_range(found)) + b"}\n"


def _encoded(document: Row) -> bytes:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")
