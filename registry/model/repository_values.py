"""The values of a repository's fields: taken as clients send them, refused where they are wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from registry.model.errors import FieldInvalid
from registry.model.immutable_tags import FIELD, require_patterns
from registry.model.repository_fields import (
    FIELDS,
    FIELDS_OF,
    FIXED,
    LOCAL,
    MASKED,
    Field,
    FieldValue,
)
from registry.model.retention_rules import parse_rules

MASK: Final = "********"
"""Shown in the place of a password."""
_MASKED: Final = re.compile(r"\*+")
"""A password like that stays what it is: some clients send a mask of their own."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,10}")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_SECRETS: Final = re.compile("passw|passphrase|secret|token|apikey|privatekey", re.IGNORECASE)
_DEEPEST: Final = 8
_TRUTHS: Final[Mapping[object, bool]] = {"true": True, "false": False, 1: True, 0: False}
_MEANT: Final[Mapping[type, str]] = {
    bool: "is 'true' or 'false'",
    int: "is a whole number",
    str: "is a text",
    list: "is a list of texts",
    dict: "is an object",
}


def checked(kind: str, given: Mapping[str, object]) -> dict[str, Any]:
    """Return the values to be stored of what a client has given for a repository of that kind.

    Null is as if it were not given, and so is a masked password. Fields of other kinds are left
    out, and unknown ones are kept if they can be: clients send, and want back, what has no
    meaning here.

    Raises:
        FieldInvalid: a value cannot be that of its field, or a field never changes.
    """
    values: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or (name == MASKED and _MASKED.fullmatch(str(value))):
            continue
        if name in FIXED:
            raise FieldInvalid(f"'{name}' cannot be changed", {"field": name})
        field = FIELDS_OF[kind].get(name)
        if field is not None:
            values[name] = _value(name, field, value)
        elif name not in FIELDS and _is_harmless(name, value):
            values[name] = value
    return values


def parse_field(text: str, kind: str = LOCAL) -> tuple[str, FieldValue]:
    """Return the name and value that a text of the form ``FIELD=VALUE`` spells.

    Raises:
        FieldInvalid: the kind has no such field, or the value is not of its type.
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise FieldInvalid(f"'{text}' is not of the form FIELD=VALUE")
    field = FIELDS_OF[kind].get(name)
    if field is None:
        reason = "cannot be changed" if name in FIXED else f"is not a field of a {kind} repository"
        raise FieldInvalid(f"'{name}' {reason}; the fields are: {', '.join(FIELDS_OF[kind])}")
    given: object = value
    if isinstance(field.default, list):
        given = [part.strip() for part in value.split(",") if part.strip()]
    elif isinstance(field.default, dict):
        given = _parsed(value)
    return name, _value(name, field, given)


def wrong_fields(document: Mapping[str, Any]) -> list[str]:
    """Return the fields of a stored definition whose values are not of their type."""
    fields = FIELDS_OF.get(document.get("rclass", ""))
    if fields is None:
        return ["rclass"]
    return [
        name
        for name, field in fields.items()
        if type(document.get(name, field.default)) is not type(field.default)
    ]


def _value(name: str, field: Field, given: object) -> FieldValue:
    value = _typed(name, field, given)
    if value == "" and field.default:
        return field.default
    if field.choices and value not in field.choices:
        raise _wrong(name, f"is one of {', '.join(field.choices)}")
    if isinstance(value, int) and not isinstance(value, bool):
        if value < field.least:
            raise _wrong(name, f"is at least {field.least}, not {value}")
        if value > field.most:
            raise _wrong(name, f"is at most {field.most}, not {value}")
    if name in _RULES:
        _RULES[name](value)
    return value


def _typed(name: str, field: Field, given: object) -> FieldValue:
    """Return a value in the type of its field; some clients send it as text."""
    default = field.default
    if isinstance(default, dict) and isinstance(given, dict):
        return _merged(name, default, given)
    if isinstance(default, list) and isinstance(given, list):
        if all(isinstance(part, str) for part in given):
            return [str(part) for part in given]
    elif isinstance(default, bool):
        truth = given.lower() if isinstance(given, str) else given
        if isinstance(truth, (str, int)) and truth in _TRUTHS:
            return _TRUTHS[truth]
    elif isinstance(given, bool):
        pass
    elif isinstance(default, int) and _NUMBER.fullmatch(str(given)):
        return int(str(given))
    elif isinstance(default, str) and isinstance(given, str):
        return given
    raise _wrong(name, _MEANT[type(default)])


def _merged(name: str, default: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object of which everything is there that the default has, and nothing else."""
    values = dict(default)
    for part, value in given.items():
        if part in values and value is not None:
            values[part] = _typed(f"{name}.{part}", Field(values[part], ""), value)
    return values


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _is_harmless(name: str, value: object) -> bool:
    """Return whether an unknown field can be kept: no secret, and nothing to harm its readers."""
    return (
        _NAME.fullmatch(name) is not None
        and not _SECRETS.search(name)
        and _is_shallow(value, _DEEPEST)
    )


def _is_shallow(value: object, depth: int) -> bool:
    inside: list[object] = []
    if isinstance(value, dict):
        inside = list(value.values())
    elif isinstance(value, list):
        inside = value
    return depth > 0 and all(_is_shallow(part, depth - 1) for part in inside)


def _require_upstream(value: Any) -> None:
    """Raise FieldInvalid unless a text is the address of a registry."""
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right or not value.isprintable() or " " in value or parts.query or parts.fragment:
        raise _wrong("url", "is an address such as https://registry.example.com")
    if "@" in parts.netloc:
        raise _wrong("url", "has no user name and password; 'username' and 'password' are fields")


def _require_proxy(value: Any) -> None:
    """Raise FieldInvalid where a text has what is shown to nobody, or is no proxy for the web."""
    if "@" in value:
        raise _wrong("proxy", "has no user name and password")
    if "://" in value and not value.lower().startswith(("http://", "https://")):
        raise _wrong("proxy", "is an address such as http://proxy.example.com:3128")


def _require_stored(value: Any) -> None:
    if not value:
        raise _wrong("storeArtifactsLocally", "is true for Docker")


_RULES: Final = {
    FIELD: lambda value: require_patterns(value),
    "retention": lambda value: parse_rules(str(value)),
    "proxy": _require_proxy,
    "url": _require_upstream,
    "storeArtifactsLocally": _require_stored,
}
"""What else a value must fulfil."""


def _wrong(name: str, reason: str) -> FieldInvalid:
    return FieldInvalid(f"'{name}' {reason}", {"field": name})
