"""The fields of AQL: what can be asked of an item, and what a row of the answer can have."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


class Type(enum.Enum):
    """What values a field has, and so how it is compared."""

    TEXT = "text"
    NUMBER = "number"
    MOMENT = "moment"
    SUM = "checksum"
    KIND = "file, folder or any"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an item."""

    name: str
    type: Type
    in_rows: bool = True
    """Whether a row of the answer can have it."""


_ITEM: Final = (
    Field("repo", Type.TEXT),
    Field("path", Type.TEXT),
    Field("name", Type.TEXT),
    Field("type", Type.KIND),
    Field("size", Type.NUMBER),
    Field("created", Type.MOMENT),
    Field("created_by", Type.TEXT),
    Field("modified", Type.MOMENT),
    Field("modified_by", Type.TEXT),
    Field("updated", Type.MOMENT),
)
_MORE: Final = (
    Field("depth", Type.NUMBER),
    Field("actual_md5", Type.SUM),
    Field("actual_sha1", Type.SUM),
    Field("sha256", Type.SUM),
    Field("original_md5", Type.SUM),
    Field("original_sha1", Type.SUM),
)
_STATISTICS: Final = (
    Field("stat.downloads", Type.NUMBER),
    Field("stat.downloaded", Type.MOMENT),
    Field("stat.downloaded_by", Type.TEXT),
    Field("stat.remote_downloads", Type.NUMBER),
    Field("stat.remote_downloaded", Type.MOMENT),
    Field("stat.remote_downloaded_by", Type.TEXT),
)
_ELSEWHERE: Final = (
    Field("virtual_repos", Type.TEXT, in_rows=False),
    Field("artifact.module.build.name", Type.TEXT, in_rows=False),
    Field("artifact.module.build.number", Type.TEXT, in_rows=False),
    Field("dependency.module.build.name", Type.TEXT, in_rows=False),
    Field("dependency.module.build.number", Type.TEXT, in_rows=False),
)

FIELDS: Final[Mapping[str, Field]] = {
    field.name: field for field in (*_ITEM, *_MORE, *_STATISTICS, *_ELSEWHERE)
}
"""Every field but the properties."""
USUAL: Final = tuple(field.name for field in _ITEM)
"""The fields of a row if the query does not say which."""
ALL: Final = (*USUAL, *(field.name for field in _MORE), "id")
"""The fields of a row that ``include("*")`` asks for."""
STATISTICS: Final = tuple(field.name.removeprefix("stat.") for field in _STATISTICS)

ANY: Final = "*"
"""Instead of the value of a property: that it is there at all."""
_PREFIXES: Final = ("items.", "item.")


def bare(name: str) -> str:
    """Return the name of a field without the domain that may stand before it."""
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name
