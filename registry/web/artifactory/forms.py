"""Small bodies that come as a form or as JSON, and the many spellings of their values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from flask import request

from registry.model.errors import RequestInvalid
from registry.web.receiving import receive_bytes

_LIMIT: Final = 64 * 1024
_FIELDS: Final = 200
_FALSE: Final = ("", "0", "false", "no", "off", "none", "null")


def received_fields() -> Mapping[str, Any]:
    """Return the fields of the body: JSON if its type says so, else a form.

    Raises:
        RequestInvalid: it is neither.
        BodyTooLarge: it has more than 64 KiB.
    """
    body = receive_bytes(_LIMIT)
    if "json" in request.mimetype:
        document = _json(body)
        if not isinstance(document, dict):
            raise RequestInvalid("the body is no JSON object")
        return document
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        raise RequestInvalid("the form is malformed") from None
    return dict(pairs)


def received_document() -> Any:
    """Return the JSON document in the body, whatever its type says.

    Raises:
        RequestInvalid, BodyTooLarge.
    """
    return _json(receive_bytes(_LIMIT))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise RequestInvalid("the body is no JSON document") from None


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """Return a field as a text, empty if it is not there. Raises RequestInvalid."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestInvalid(f"'{name}' is a text")
    return value


def number_of(fields: Mapping[str, Any], name: str) -> int | None:
    """Return a field as a whole number, None if it is not there. Raises RequestInvalid."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    raise RequestInvalid(f"'{name}' is a whole number")


def flag_of(fields: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return a field as true or false; clients write it in many ways. Raises RequestInvalid."""
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return is_set(value)
    raise RequestInvalid(f"'{name}' is true or false")


def is_set(text: str | None) -> bool:
    """Return whether a text says yes; an argument that is not there says no."""
    return text is not None and text.strip().lower() not in _FALSE
