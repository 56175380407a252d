"""What requests about users, groups and permissions say: names in paths, and fields of bodies.

A field that is not known is not looked at, and a null is as if it were not there. So a client can
send back what it was given, and nobody gets by an extra field what is not given to him.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

from flask import Response, request

from registry.model.errors import RequestInvalid
from registry.web.answers import Answer
from registry.web.artifactory.locations import raw_parts
from registry.web.context import current
from registry.web.receiving import receive_bytes

ACCESS_FORMS: Final = ("/access", "/artifactory/access")
"""The prefixes of the Access API: clients of either kind of base address find it."""
_LIMIT: Final = 1024 * 1024
_TRUTHS: Final[Mapping[object, bool]] = {"true": True, "false": False}
_PAGE: Final = 1000
_PAGES: Final = 10_000


def name_in_path(above: int) -> str:
    """Return the name that stands in the path after ``above`` parts of it.

    The context ``/artifactory`` is not counted. A plus sign stands for a blank, as Artifactory has
    it; the framework could no longer tell it from one that is encoded.
    """
    return unquote(_raw_part(above).replace("+", " "))


def user_in_path(above: int) -> str:
    """Return the name of a user in the path, in lower case; a plus sign in it is one."""
    return unquote(_raw_part(above)).lower()


def _raw_part(above: int) -> str:
    parts = raw_parts()
    return parts[above] if above < len(parts) else ""


def address(*parts: str) -> str:
    """Return the address of an object: a path of ours, and a name of any characters."""
    *path, name = parts
    return f"{current().address.base}/artifactory{''.join(path)}{quote(name, safe='')}"


def received_object() -> Mapping[str, Any]:
    """Return the JSON object in the body. Raises RequestInvalid, BodyTooLarge."""
    try:
        document = json.loads(receive_bytes(_LIMIT))
    except (ValueError, RecursionError):
        raise RequestInvalid("the body is no JSON document") from None
    if not isinstance(document, dict):
        raise RequestInvalid("the body is no JSON object")
    return document


def text_of(fields: Mapping[str, Any], name: str) -> str | None:
    """Return a field that is a text, or None if it is not there. Raises RequestInvalid."""
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise RequestInvalid(f"'{name}' is a text")
    return value


def flag_of(fields: Mapping[str, Any], name: str) -> bool | None:
    """Return a field that is true or false, also as a text. Raises RequestInvalid."""
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return value
    known = _TRUTHS.get(value.lower()) if isinstance(value, str) else None
    if known is None:
        raise RequestInvalid(f"'{name}' is true or false")
    return known


def texts_of(fields: Mapping[str, Any], name: str) -> list[str] | None:
    """Return a field that is a list of texts. Raises RequestInvalid."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise RequestInvalid(f"'{name}' is a list of texts")
    return [str(part) for part in value]


def users_of(fields: Mapping[str, Any], name: str) -> list[str] | None:
    """Return a field that is a list of names of users, in lower case. Raises RequestInvalid."""
    value = texts_of(fields, name)
    return None if value is None else [part.lower() for part in value]


def require_same_name(fields: Mapping[str, Any], key: str, name: str) -> None:
    """Raise RequestInvalid if the body names another object than the path."""
    given = text_of(fields, key)
    if given and given.lower() != name.lower():
        raise RequestInvalid(f"'{key}' is one in the path and another one in the body")


def page_of(names: Sequence[str]) -> tuple[Sequence[str], str]:
    """Return a page of sorted names, and the cursor that asks for the next one, if there is one."""
    limit, cursor = request.args.get("limit", str(_PAGE)), request.args.get("cursor", "")
    if not (limit.isascii() and limit.isdigit() and 0 < int(limit[:9]) <= _PAGES):
        raise RequestInvalid(f"'limit' is a number from 1 to {_PAGES}")
    left = [name for name in names if name > cursor]
    page = left[: int(limit)]
    return page, page[-1] if len(page) < len(left) else ""


def done(status: int = 200, text: str = "") -> Response:
    """Return the answer to a change: mostly nothing but its status."""
    body = f"{text}\n".encode() if text else b""
    return Answer(status, [("Content-Type", "text/plain;charset=utf-8")], body)
