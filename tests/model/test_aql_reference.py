"""Evaluation agrees with a plain second reading of the rules, on any criteria and any item."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.model.items import Item
from registry.model.names import RepositoryKey
from tests.model.aql_items import Downloads, KnownFacts, file, finds, folder

Pairs = list[tuple[str, Any]]
"""An object: an operand is a text, a number or None, anything else is pairs or a list of pairs."""

TEXTS = st.sampled_from(["a", "b", "ab", "a/b", "*", "a*", "?", "docker", "x"])
PATTERNS = ("$match", "$nmatch")
SIGNS = st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", *PATTERNS])
MOMENTS = st.sampled_from(["2024-05-01", "2024-05-02T10:00:00.000Z", "2024-06-01"])
NUMBERS = st.sampled_from([0, 1, 100])


def operations(operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return an operand, or some operators with one each."""
    some = st.lists(st.tuples(SIGNS, operands), min_size=1, max_size=2)
    null = st.sampled_from([("$eq", None), ("$ne", None)]).map(lambda pair: [pair])
    return st.one_of(operands, some, null)


PROPERTIES = st.tuples(
    st.sampled_from(["@a", "@b", "@*", "property.key", "property.value"]), operations(TEXTS)
)
FIELDS = st.one_of(
    st.tuples(st.sampled_from(["repo", "path", "name", "created_by"]), operations(TEXTS)),
    st.tuples(st.sampled_from(["size", "stat.downloads"]), operations(NUMBERS)),
    st.tuples(st.sampled_from(["created", "updated"]), operations(MOMENTS)),
    st.tuples(st.just("type"), st.sampled_from(["file", "folder", "any"])),
)
SAME = st.lists(PROPERTIES.map(lambda pair: [pair]), max_size=3).map(lambda some: ("$msp", some))


def groups(pairs: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.lists(pairs, max_size=2)
    every = st.lists(objects, max_size=3).map(lambda some: ("$and", some))
    one = st.lists(objects, min_size=1, max_size=3).filter(any).map(lambda some: ("$or", some))
    return st.one_of(every, one)


CRITERIA = st.lists(
    st.recursive(st.one_of(FIELDS, PROPERTIES, SAME), groups, max_leaves=8), max_size=4
)
OWN = st.dictionaries(st.sampled_from("ab"), st.lists(TEXTS, min_size=1, max_size=2), max_size=2)
ITEMS = st.builds(
    lambda make, location, repository, size, properties: make(
        location, repository=RepositoryKey(repository), size=size, properties=properties
    ),
    st.sampled_from([file, folder]),
    st.sampled_from(["a", "a/b", "b", "ab/a/b", ""]),
    st.sampled_from(["a", "b", "x"]),
    NUMBERS,
    OWN,
)
FACTS = KnownFacts(members={"docker": ["a", "b"]}, pulled={"a/b": Downloads(1)})


def written(pairs: Pairs) -> str:
    """Return criteria as AQL."""
    return "{" + ",".join(f"{json.dumps(key)}:{_written(value)}" for key, value in pairs) + "}"


def _written(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, tuple) for one in value) and value:
        return written(value)
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


class Reference:
    """Reads the rules once more, as plainly as can be, for one item."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.rows = [(key, value) for key, values in item.properties.items() for value in values]
        downloads = FACTS.downloads(item)
        self.values = {
            "path": item.path,
            "name": item.name,
            "created_by": item.created_by,
            "size": item.size,
            "stat.downloads": None if downloads is None else downloads.count,
            "created": item.created,
            "updated": item.modified,
        }

    def finds(self, pairs: Pairs) -> bool:
        if not self.item.is_folder or has_type(pairs):
            return self.all_of(pairs)
        return False

    def all_of(self, pairs: Pairs) -> bool:
        rows: list[list[tuple[str, str, Any]]] = []
        for key, value in pairs:
            for sign, operand in signs(value) if key.startswith("property.") else ():
                keys = [name for name, _, _ in rows[-1]] if rows else []
                if not rows or (key == "property.key" and "property.key" in keys):
                    rows.append([])
                rows[-1].append((key, sign, operand))
        return all(map(self.row_group, rows)) and all(
            self.one(pair) for pair in pairs if not pair[0].startswith("property.")
        )

    def row_group(self, group: Sequence[tuple[str, str, Any]]) -> bool:
        if len(group) == 1:
            return self.properties(*group[0])
        return any(all(self.row(row, *test) for test in group) for row in self.rows)

    def one(self, pair: tuple[str, Any]) -> bool:
        key, value = pair
        if key == "$and":
            return self.all_of([pair for pairs in value for pair in pairs])
        if key == "$or":
            return any(self.one(pair) for pairs in value for pair in pairs)
        if key == "$msp":
            tests = [(k, *test) for pairs in value for k, v in pairs for test in signs(v)]
            return any(all(self.row(row, *test) for test in tests) for row in self.rows)
        if key.startswith(("@", "property.")):
            return all(self.properties(key, *test) for test in signs(value))
        return all(self.field(key, *test) for test in signs(value))

    def field(self, key: str, sign: str, operand: Any) -> bool:
        if key == "type":
            return operand in ("any", "folder" if self.item.is_folder else "file")
        if key == "repo":
            keys = ["a", "b"] if operand == "docker" and sign in ("$eq", "$ne") else [operand]
            if sign in ("$eq", "$ne"):
                return (self.item.repository in keys) is (sign == "$eq")
            return compared(self.item.repository, sign, operand)
        value = self.values[key]
        if operand is None:
            return (value is None) is (sign == "$eq")
        if isinstance(value, int) and sign in PATTERNS:
            return compared(str(value), sign, str(operand))
        if key in ("created", "updated") and len(operand) == 10 and sign not in PATTERNS:
            operand += "T00:00:00.000Z"
        return value is not None and compared(value, sign, operand)

    def properties(self, key: str, sign: str, operand: Any) -> bool:
        """Negative signs, and null, say that there is no such row."""
        values = [self.about(row, key) for row in self.rows]
        mine = [value for value in values if value is not None]
        if operand is None:
            return bool(mine) is (sign == "$ne")
        positive = {"$ne": "$eq", "$nmatch": "$match"}.get(sign, sign)
        found = any(wanted(key, value, positive, operand) for value in mine)
        return found is (positive == sign)

    def row(self, row: tuple[str, str], key: str, sign: str, operand: Any) -> bool:
        value = self.about(row, key)
        if value is None:
            return False
        if operand is None:
            return sign == "$ne"
        positive = {"$ne": "$eq", "$nmatch": "$match"}.get(sign, sign)
        return wanted(key, value, positive, operand) is (positive == sign)

    def about(self, row: tuple[str, str], key: str) -> str | None:
        """Return what of a row is compared, or None if it is not about the row."""
        if key == "property.key":
            return row[0]
        return row[1] if key in ("property.value", "@*", f"@{row[0]}") else None


def signs(value: Any) -> Pairs:
    return value if isinstance(value, list) else [("$eq", value)]


def wanted(key: str, value: str, sign: str, operand: str) -> bool:
    any_value = operand == "*" and sign == "$eq" and key != "property.key"
    return any_value or compared(value, sign, operand)


def compared(value: Any, sign: str, operand: Any) -> bool:
    def fits(value: str, pattern: str) -> bool:
        return re.match(fnmatch.translate(pattern), value) is not None

    tests: dict[str, Callable[[Any, Any], bool]] = {
        "$eq": lambda a, b: bool(a == b),
        "$ne": lambda a, b: bool(a != b),
        "$gt": lambda a, b: bool(a > b),
        "$gte": lambda a, b: bool(a >= b),
        "$lt": lambda a, b: bool(a < b),
        "$lte": lambda a, b: bool(a <= b),
        "$match": fits,
        "$nmatch": lambda a, b: not fits(a, b),
    }
    return tests[sign](value, operand)


def has_type(value: Any) -> bool:
    if isinstance(value, tuple):
        return value[0] == "type" or has_type(value[1])
    return isinstance(value, list) and any(map(has_type, value))


@given(CRITERIA, st.lists(ITEMS, min_size=1, max_size=6))
@settings(max_examples=600)
def test_both_find_the_same(pairs: Pairs, items: list[Item]) -> None:
    text = written(pairs)
    for item in items:
        assert finds(text, item, FACTS) is Reference(item).finds(pairs), text
