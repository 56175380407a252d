"""The smaller searches of Artifactory's API, each as a condition of AQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from registry.model.aql.criteria import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    PropertyComparison,
)
from registry.model.aql.fields import ANY, FIELDS
from registry.model.aql.operands import is_wild, literal_start
from registry.model.errors import QueryInvalid

SUMS: Final[Mapping[str, int]] = {"md5": 32, "sha1": 40, "sha256": 64}
"""The checksums that can be searched, and how many hex digits each has."""
DATES: Final[Mapping[str, str]] = {
    "created": "created",
    "lastModified": "modified",
    "lastDownloaded": "stat.downloaded",
}
"""The dates that can be searched, and which field of AQL each is."""
PARTS_LIMIT: Final = 200
"""Repositories, or values of properties, in one search."""

_HEX: Final = re.compile(r"[0-9a-f]+")
_ANYTHING_SLASHED: Final = "**"


def compare(field: str, operator: str, operand: str | None) -> Condition:
    """Return a comparison of one field."""
    return Comparison(FIELDS[field], operator, operand)


def files(repositories: str, *conditions: Condition) -> Condition:
    """Return that files fulfil all conditions, in a list of repositories with commas or in all."""
    return AllOf([compare("type", "$eq", "file"), *_within(repositories), *conditions])


def _within(repositories: str) -> Iterable[Condition]:
    keys = _parts(repositories)
    return [AnyOf([compare("repo", "$eq", key) for key in keys])] if keys else []


def _parts(text: str) -> Sequence[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > PARTS_LIMIT:
        raise QueryInvalid(f"at most {PARTS_LIMIT} values may stand in a list")
    return parts


def by_name(name: str, repositories: str) -> Condition:
    """Return that files have a name, or a part of it; ``*`` and ``?`` are wildcards.

    Raises:
        QueryInvalid: there is no name.
    """
    if not name:
        raise QueryInvalid("the search needs 'name', a part of a file's name")
    return files(repositories, compare("name", "$match", name if is_wild(name) else f"*{name}*"))


def by_properties(wanted: Sequence[tuple[str, str]], repositories: str, kind: str) -> Condition:
    """Return that files and folders have properties, each with all of its values.

    Values are divided by commas; where there is none, any will do. ``kind`` is that of AQL's
    ``type``.

    Raises:
        QueryInvalid: no property is asked for, or the kind is none.
    """
    if kind not in ("file", "folder", "any"):
        raise QueryInvalid("'type' is file, folder or any")
    conditions: list[Condition] = []
    for name, values in wanted:
        conditions += [
            PropertyComparison(name, False, "$match" if is_wild(value) else "$eq", value)
            for value in _parts(values) or [ANY]
        ]
    if not conditions:
        raise QueryInvalid("the search needs a property, such as 'docker.manifest=1.0'")
    if len(conditions) > PARTS_LIMIT:
        raise QueryInvalid(f"at most {PARTS_LIMIT} values of properties may be asked for")
    return AllOf([compare("type", "$eq", kind), *_within(repositories), *conditions])


def by_checksum(sums: Mapping[str, str], repositories: str) -> Condition:
    """Return that files have all of the given checksums.

    Raises:
        QueryInvalid: there is none, or one is no checksum.
    """
    conditions = []
    for kind, length in SUMS.items():
        encoded = sums.get(kind, "").lower()
        if not encoded:
            continue
        if len(encoded) != length or not _HEX.fullmatch(encoded):
            raise QueryInvalid(f"'{kind}' is {length} hex digits")
        field = kind if kind == "sha256" else f"actual_{kind}"
        conditions.append(compare(field, "$eq", encoded))
    if not conditions:
        raise QueryInvalid(f"the search needs one of {', '.join(SUMS)}")
    return files(repositories, *conditions)


def by_pattern(pattern: str) -> tuple[str, str, Condition]:
    """Return repository, Ant pattern, and a condition on all that can fit it.

    Raises:
        QueryInvalid: it is not of the form ``<repository>:<path>``, or has ``**``.
    """
    key, separator, path = pattern.partition(":")
    if not separator or not key or not path:
        raise QueryInvalid("the search needs 'pattern', such as docker-local:team/*/1.0/*")
    if _ANYTHING_SLASHED in path:
        raise QueryInvalid("'**' cannot be searched; each '*' stands for one part of a path")
    path = path.lstrip("/")
    folder = literal_start(path).rpartition("/")[0]
    below = [compare("path", "$match", f"{folder}*")] if folder else []
    return key, path, files(key, *below)


def between(fields: Sequence[str], first: str, last: str, repositories: str) -> Condition:
    """Return that one of some moments of a file lies in a span, both its ends included."""
    spans: list[Condition] = [
        AllOf([compare(field, "$gte", first), compare(field, "$lte", last)]) for field in fields
    ]
    return files(repositories, AnyOf(spans))


def unused(since: str, created_before: str, repositories: str) -> Condition:
    """Return that files were created before a moment, and not downloaded since another one."""
    never = compare("stat.downloaded", "$eq", None)
    before = compare("stat.downloaded", "$lt", since)
    created = compare("created", "$lt", created_before)
    return files(repositories, created, AnyOf([never, before]))


def of_build(name: str, number: str, repositories: str) -> Condition:
    """Return that files say of themselves that a build made them; without number, any of these."""
    conditions = [compare("artifact.module.build.name", "$eq", name)]
    if number:
        conditions.append(compare("artifact.module.build.number", "$eq", number))
    return files(repositories, *conditions)
