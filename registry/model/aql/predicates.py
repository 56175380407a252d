"""Whether an item fulfils the conditions of a query.

The conditions become nested functions once, which are then asked for each item. What they need to
know beside the item, they ask of `Facts`.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from registry.model.aql import operands
from registry.model.aql.criteria import (
    NEGATIVE,
    RELATIVE,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    PropertyComparison,
    SameProperty,
)
from registry.model.aql.fields import Type
from registry.model.aql.operands import Test, compare
from registry.model.aql.properties import properties_test, same_property
from registry.model.digests import Digest
from registry.model.items import Item

Predicate = Callable[[Item], bool]


class Downloaded(Protocol):
    """How often something was downloaded."""

    @property
    def count(self) -> int:
        """How often."""

    @property
    def last(self) -> str:
        """When last, in the form of `Item.created`."""

    @property
    def last_by(self) -> str:
        """By whom."""


class Facts(Protocol):
    """What is known beside the items themselves."""

    @property
    def now(self) -> datetime.datetime:
        """The present moment, in UTC."""

    def physical(self, key: str) -> frozenset[str]:
        """Return the repositories that a key stands for: itself, or the members of a virtual."""
        ...

    def virtuals(self, key: str) -> Sequence[str]:
        """Return the virtual repositories that show a repository."""
        ...

    def downloads(self, item: Item) -> Downloaded | None:
        """Return the downloads of an item, or None if there are none."""
        ...

    def contents(self, kind: str, encoded: str) -> frozenset[Digest]:
        """Return all content that is known to have a checksum; the kind is sha1 or md5."""
        ...

    def checksum(self, digest: Digest, kind: str) -> str | None:
        """Return a checksum of content if it is known; the kind is sha1 or md5."""
        ...


def predicate(condition: Condition, facts: Facts) -> Predicate:
    """Return the function that decides on an item."""
    if isinstance(condition, AllOf):
        return _all([predicate(part, facts) for part in condition.conditions])
    if isinstance(condition, AnyOf):
        return _any([predicate(part, facts) for part in condition.conditions])
    if isinstance(condition, SameProperty):
        return same_property(condition)
    if isinstance(condition, PropertyComparison):
        return properties_test(condition)
    return _field(condition, facts)


def _all(parts: Sequence[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]

    def every(item: Item) -> bool:
        for part in parts:  # noqa: SIM110 - it takes half the time, for each item
            if not part(item):
                return False
        return True

    return every


def _any(parts: Sequence[Predicate]) -> Predicate:
    return lambda item: any(part(item) for part in parts)


# --- fields -----------------------------------------------------------------------------------


def value_of(name: str, facts: Facts) -> Callable[[Item], Any]:
    """Return what gets the value of a field, None where an item has none."""
    if name.startswith("stat."):
        attribute = _STATISTICS.get(name)
        if attribute is None:
            return lambda item: None
        get = operator.attrgetter(attribute)
        return lambda item: None if (found := facts.downloads(item)) is None else get(found)
    if name.startswith(("actual_", "original_")):
        kind = name.partition("_")[2]
        return lambda item: None if item.digest is None else facts.checksum(item.digest, kind)
    return _VALUES[name]


def _sha256(item: Item) -> str | None:
    digest = item.digest
    return digest.encoded if digest is not None and digest.algorithm == "sha256" else None


def _property(name: str) -> Callable[[Item], Any]:
    return lambda item: next(iter(item.properties.get(name, ())), None)


BUILD_PROPERTIES: Final[Mapping[str, str]] = {
    "artifact.module.build.name": "build.name",
    "artifact.module.build.number": "build.number",
}
"""Fields about builds, and the properties by which files say which build made them."""
_VALUES: Final[Mapping[str, Callable[[Item], Any]]] = {
    "repo": operator.attrgetter("repository"),
    "path": operator.attrgetter("path"),
    "name": operator.attrgetter("name"),
    "type": lambda item: "folder" if item.is_folder else "file",
    "size": operator.attrgetter("size"),
    "created": operator.attrgetter("created"),
    "created_by": operator.attrgetter("created_by"),
    "modified": operator.attrgetter("modified"),
    "modified_by": operator.attrgetter("modified_by"),
    "updated": operator.attrgetter("modified"),
    "depth": operator.attrgetter("depth"),
    "sha256": _sha256,
    **{field: _property(name) for field, name in BUILD_PROPERTIES.items()},
    "dependency.module.build.name": lambda item: None,
    "dependency.module.build.number": lambda item: None,
}
_STATISTICS: Final = {
    "stat.downloads": "count",
    "stat.downloaded": "last",
    "stat.downloaded_by": "last_by",
}


def _field(condition: Comparison, facts: Facts) -> Predicate:
    name = condition.field.name
    if name == "repo":
        return _repository(condition, facts)
    if name == "virtual_repos":
        return _virtual(condition, facts)
    if condition.field.type is Type.KIND:
        return _kind(condition)
    if condition.field.type is Type.SUM and name != "sha256":
        return _sum(condition, facts)
    test = _test(condition, facts)
    if name == "path":
        test = _in_both_forms(condition, test)
    get = value_of(name, facts)
    if condition.operand is None:
        return _null(condition, get)
    return lambda item: (value := get(item)) is not None and test(value)


def _null(condition: Comparison, get: Callable[[Item], Any]) -> Predicate:
    if condition.operator == "$eq":
        return lambda item: get(item) is None
    return lambda item: get(item) is not None


def _repository(condition: Comparison, facts: Facts) -> Predicate:
    """Compare the key; that of a virtual repository stands for all its members."""
    if condition.operand is not None and condition.operator in ("$eq", "$ne"):
        keys, wanted = facts.physical(condition.operand), condition.operator == "$eq"
        return lambda item: (item.repository in keys) is wanted
    if condition.operand is None:
        return _null(condition, operator.attrgetter("repository"))
    test = _test(condition, facts)
    return lambda item: test(item.repository)


def _virtual(condition: Comparison, facts: Facts) -> Predicate:
    if condition.operand is None:
        return _null(condition, lambda item: facts.virtuals(item.repository) or None)
    test = _test(condition, facts)
    return lambda item: any(map(test, facts.virtuals(item.repository)))


def _kind(condition: Comparison) -> Predicate:
    if condition.operand in ("any", None) and condition.operator == "$eq":
        return lambda item: True
    test = compare(condition.operator, condition.operand or "")
    return lambda item: test("folder" if item.is_folder else "file")


def _sum(condition: Comparison, facts: Facts) -> Predicate:
    """Compare a checksum: whether files have one does not depend on whether it is known yet."""
    kind, operand = condition.field.name.partition("_")[2], condition.operand
    if operand is None:
        return _null(condition, operator.attrgetter("digest"))
    if condition.operator in ("$eq", "$ne"):
        contents, wanted = facts.contents(kind, operand), condition.operator == "$eq"
        return lambda item: item.digest is not None and (item.digest in contents) is wanted
    if condition.operator == "$match" and not operand.strip("*"):
        return lambda item: item.digest is not None
    get, test = value_of(condition.field.name, facts), _test(condition, facts)
    return lambda item: (value := get(item)) is not None and test(value)


def _in_both_forms(condition: Comparison, test: Test) -> Test:
    """Let ``sha256:…`` and ``sha256__…`` be the same thing as the name of a folder."""
    operand = condition.operand
    if operand is None:
        return test
    other = compare(condition.operator, operands.folder_form(operand))
    negative = condition.operator in NEGATIVE

    def both(text: str) -> bool:
        if "sha" not in text:
            return test(text)
        form = operands.folder_form(text)
        if negative:
            return test(text) and other(form)
        return test(text) or other(form)

    return both


def _test(condition: Comparison, facts: Facts) -> Test:
    operand = condition.operand or ""
    if condition.operator in RELATIVE:
        moment = operands.ago(operand, facts.now)
        if condition.operator == "$before":
            return lambda value: bool(value < moment)
        return lambda value: bool(value >= moment)
    if condition.field.type is Type.NUMBER and condition.operator not in ("$match", "$nmatch"):
        return compare(condition.operator, operands.number(operand) or 0)
    if condition.field.type is Type.NUMBER:
        test = compare(condition.operator, operand)
        return lambda value: test(str(value))
    return compare(condition.operator, operand)
