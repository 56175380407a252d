"""The fields of a request's head, read quickly where there is nothing unusual about them.

Clients and proxies send the same lines again and again; what a line says is looked up, not parsed.
Whatever is not plain here goes through waitress's parser, which is strict and says what is wrong.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_FIELD: Final = re.compile(rb"([!#$%&'*+.^`|~0-9A-Za-z-]+):([\x20-\x7e]*)")
"""A field with a value in printable ASCII, and without an underscore in its name."""
_SHORT: Final = 128
"""Bytes of a line that is remembered; longer ones are hardly ever sent twice."""
_SECRET: Final = re.compile(rb"authorization|cookie|x-jfrog-art-api", re.IGNORECASE).match
"""Fields that carry secrets, which are not kept in memory for longer than the request."""
_LENGTHS: Final = frozenset({"CONTENT_LENGTH", "TRANSFER_ENCODING", "EXPECT"})

Field = tuple[str, str]


def plain_fields(header: bytes) -> dict[str, str] | None:
    """Return the fields of a head without a body, by their names in the environment.

    None if there is anything unusual: a field twice, one that tells of a body, a folded line, or
    one that breaks the grammar.
    """
    fields: dict[str, str] = {}
    for line in header.split(b"\r\n"):
        if not line:
            continue
        known = len(line) <= _SHORT and not _SECRET(line)
        found = _remembered(line) if known else _parse(line)
        if found is None or found[0] in fields:
            return None
        fields[found[0]] = found[1]
    return None if _LENGTHS & fields.keys() else fields


def _parse(line: bytes) -> Field | None:
    match = _FIELD.fullmatch(line)
    if match is None:
        return None
    return match[1].decode("ascii").upper().replace("-", "_"), match[2].decode("ascii").strip(" ")


_remembered = lru_cache(maxsize=4096)(_parse)
