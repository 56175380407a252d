"""Where to look for the items of a query: conditions that every one of them fulfils.

They are necessary, not sufficient: whoever looks there finds all wanted items, and others too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any, Final, TypeVar

from registry.model.aql import operands
from registry.model.aql.criteria import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    PropertyComparison,
    SameProperty,
)
from registry.model.aql.fields import ANY
from registry.model.aql.predicates import BUILD_PROPERTIES, Facts
from registry.model.items import ItemQuery
from registry.model.names import RepositoryKey

Member = TypeVar("Member")

_DIGEST_FORMS: Final = (("sha256__", "sha256:"), ("sha512__", "sha512:"))


_NOTHING_KNOWN: Final = ItemQuery(with_folders=True)


def _known(**facts: Any) -> ItemQuery:
    """Return what is known of all wanted items if ``facts`` is all of it."""
    return replace(_NOTHING_KNOWN, **facts)


def limits(condition: Condition, facts: Facts) -> ItemQuery:
    """Return where to look for what fulfils a condition."""
    if isinstance(condition, AllOf):
        parts = (limits(part, facts) for part in condition.conditions)
        return reduce(_both, parts, _NOTHING_KNOWN)
    if isinstance(condition, AnyOf):
        return reduce(_either, (limits(part, facts) for part in condition.conditions))
    if isinstance(condition, SameProperty):
        return _same_property(condition)
    if isinstance(condition, PropertyComparison):
        return _property(condition)
    return _field(condition, facts)


# --- together ---------------------------------------------------------------------------------


def _both(one: ItemQuery, other: ItemQuery) -> ItemQuery:
    """Return what is known of items of which both are known."""
    prefix = max(one.path_prefix, other.path_prefix, key=len)
    return ItemQuery(
        _intersection(one.repositories, other.repositories),
        _intersection(one.paths, other.paths),
        prefix,
        _intersection(one.names, other.names),
        one.with_files and other.with_files,
        one.with_folders and other.with_folders,
        _joined(one.properties, other.properties),
        one.sha256 or other.sha256,
        max(one.created_from, other.created_from),
        _earlier(one.created_to, other.created_to),
        max(one.modified_from, other.modified_from),
        _earlier(one.modified_to, other.modified_to),
    )


def _either(one: ItemQuery, other: ItemQuery) -> ItemQuery:
    """Return what is known of items of which one or the other is known."""
    common = {
        name: value if other.properties[name] == value else None
        for name, value in one.properties.items()
        if name in other.properties
    }
    return ItemQuery(
        _union(one.repositories, other.repositories),
        _union(one.paths, other.paths),
        _common_start(one.path_prefix, other.path_prefix),
        _union(one.names, other.names),
        one.with_files or other.with_files,
        one.with_folders or other.with_folders,
        common,
        one.sha256 if one.sha256 == other.sha256 else None,
        min(one.created_from, other.created_from),
        _later(one.created_to, other.created_to),
        min(one.modified_from, other.modified_from),
        _later(one.modified_to, other.modified_to),
    )


def _intersection(
    one: frozenset[Member] | None, other: frozenset[Member] | None
) -> frozenset[Member] | None:
    if one is None or other is None:
        return one if other is None else other
    return one & other


def _union(
    one: frozenset[Member] | None, other: frozenset[Member] | None
) -> frozenset[Member] | None:
    return None if one is None or other is None else one | other


def _joined(
    one: Mapping[str, str | None], other: Mapping[str, str | None]
) -> Mapping[str, str | None]:
    """Return both; of two values that a property has, one, and a value rather than any."""
    return {name: one.get(name) or other.get(name) for name in (*one, *other)}


def _earlier(one: str, other: str) -> str:
    return min(filter(None, (one, other)), default="")


def _later(one: str, other: str) -> str:
    return max(one, other) if one and other else ""


def _common_start(one: str, other: str) -> str:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return one[:count]


# --- one by one -------------------------------------------------------------------------------


def _same_property(condition: SameProperty) -> ItemQuery:
    """One property has a key and a value: then it has them, whatever else is asked of it."""
    parts = condition.condition.conditions if isinstance(condition.condition, AllOf) else ()
    rows = [part for part in parts if isinstance(part, PropertyComparison)]
    known: dict[str, str | None] = {
        name: None for part in rows if (name := _named(part)) is not None
    }
    values = {part.operand for part in rows if part.name is None and _is_value(part)}
    if len(known) == 1 and len(values) == 1:
        return _known(properties=dict.fromkeys(known, values.pop()))
    direct = [_property(part) for part in rows if part.name is not None]
    return reduce(_both, direct, _known(properties=known))


def _named(part: PropertyComparison) -> str | None:
    """Return the key that a comparison of keys asks for."""
    return part.operand if part.of_key and part.operator == "$eq" else None


def _is_value(part: PropertyComparison) -> bool:
    return not part.of_key and part.operator == "$eq" and part.operand not in (None, ANY)


def _property(condition: PropertyComparison) -> ItemQuery:
    name = _named(condition)
    if name is not None:
        return _known(properties={name: None})
    about, operand = condition.name, condition.operand
    if about in (None, ANY) or condition.of_key or operand is None:
        return _NOTHING_KNOWN
    if condition.operator in ("$ne", "$nmatch"):
        return _NOTHING_KNOWN
    exact = condition.operator == "$eq" and operand != ANY
    return _known(properties={str(about): operand if exact else None})


def _field(condition: Comparison, facts: Facts) -> ItemQuery:
    operand, sign = condition.operand, condition.operator
    if operand is None:
        return _NOTHING_KNOWN
    name = condition.field.name
    if name in ("created", "modified", "updated"):
        return _moment("created" if name == "created" else "modified", sign, operand, facts)
    if sign == "$match" and name == "path":
        return _known(path_prefix=_sure_start(operands.literal_start(operand)))
    if sign == "$eq" or (sign == "$match" and not operands.is_wild(operand)):
        return _equal(name, sign, operand, facts)
    return _NOTHING_KNOWN


def _equal(name: str, sign: str, operand: str, facts: Facts) -> ItemQuery:
    if name == "repo":
        # A pattern is compared with the keys themselves, also where it has no wildcard.
        keys = facts.physical(operand) if sign == "$eq" else (operand,)
        return _known(repositories=frozenset(map(RepositoryKey, keys)))
    if name == "path":
        return _known(paths=frozenset(_forms(operand)))
    if name == "name":
        return _known(names=frozenset((operand,)))
    if name in BUILD_PROPERTIES:
        return _known(properties={BUILD_PROPERTIES[name]: operand})
    if name == "sha256":
        return _known(sha256=operand, with_folders=False)
    if name == "type":
        return _known(with_files=operand != "folder", with_folders=operand != "file")
    if name.endswith(("_sha1", "_md5")) and sign == "$eq":
        contents = facts.contents(name.rpartition("_")[2], operand)
        only = next(iter(contents)) if len(contents) == 1 else None
        known = only.encoded if only is not None and only.algorithm == "sha256" else None
        return _known(sha256=known, with_folders=False, with_files=bool(contents))
    return _NOTHING_KNOWN


def _moment(which: str, sign: str, operand: str, facts: Facts) -> ItemQuery:
    if sign in ("$before", "$last"):
        sign, operand = _RELATIVE[sign], operands.ago(operand, facts.now)
    first = operand if sign in ("$eq", "$gt", "$gte") else ""
    last = operand if sign in ("$eq", "$lt", "$lte") else ""
    if which == "created":
        return _known(created_from=first, created_to=last)
    return _known(modified_from=first, modified_to=last)


_RELATIVE: Final[Mapping[str, str]] = {"$before": "$lt", "$last": "$gte"}


def _forms(path: str) -> Iterable[str]:
    """Return a path with the names of digest folders in each of their forms."""
    forms = {path, operands.folder_form(path)}
    for one, other in _DIGEST_FORMS:
        forms |= {form.replace(one, other) for form in forms}
    return forms


def _sure_start(start: str) -> str:
    """Return how a path begins for certain: a digest folder has two names."""
    for form in (form for forms in _DIGEST_FORMS for form in forms):
        start = start.partition(form[:-2] if form.endswith("__") else form[:-1])[0]
    return start
