"""Whether the properties of an item are as a query wants them."""

from __future__ import annotations

from collections.abc import Callable

from registry.model.aql.criteria import (
    AllOf,
    AnyOf,
    Condition,
    PropertyComparison,
    SameProperty,
)
from registry.model.aql.fields import ANY
from registry.model.aql.operands import Test, compare
from registry.model.items import Item

_Row = tuple[str, str]
"""Key and value of a property."""
_RowTest = Callable[[_Row], bool]


def same_property(condition: SameProperty) -> Callable[[Item], bool]:
    """Return whether one of the properties fulfils a condition."""
    test = _row_test(condition.condition)
    return lambda item: any(map(test, _rows(item)))


def _rows(item: Item) -> list[_Row]:
    return [(key, value) for key, values in item.properties.items() for value in values]


def _positive(condition: PropertyComparison) -> tuple[bool, str]:
    """Return whether a condition is one that must not be true, and the operator without that."""
    turned = {"$ne": "$eq", "$nmatch": "$match"}.get(condition.operator)
    return turned is not None, turned or condition.operator


def _value_test(condition: PropertyComparison) -> Test:
    """Return whether a key or value is as wanted, whether or not that must be true."""
    operand, (_, sign) = condition.operand, _positive(condition)
    if operand is None or (operand == ANY and sign == "$eq" and not condition.of_key):
        return lambda value: True
    return compare(sign, operand)


def properties_test(condition: PropertyComparison) -> Callable[[Item], bool]:
    """Return whether any property is as wanted, or none is as unwanted."""
    negative, test = _positive(condition)[0], _value_test(condition)
    # That there is none is what null means.
    unwanted = negative is not (condition.operand is None)
    name = condition.name
    if name is not None and name != ANY:
        return lambda item: any(map(test, item.properties.get(name, ()))) is not unwanted
    if condition.of_key:
        return lambda item: any(map(test, item.properties)) is not unwanted
    return lambda item: (
        any(test(value) for values in item.properties.values() for value in values) is not unwanted
    )


def _row_test(condition: Condition) -> _RowTest:
    """Return whether one property fulfils a condition of a `SameProperty`."""
    if isinstance(condition, AllOf):
        parts = [_row_test(part) for part in condition.conditions]
        return lambda row: all(part(row) for part in parts)
    if isinstance(condition, AnyOf):
        parts = [_row_test(part) for part in condition.conditions]
        return lambda row: any(part(row) for part in parts)
    if isinstance(condition, SameProperty):
        return _row_test(condition.condition)
    if not isinstance(condition, PropertyComparison):
        raise TypeError("a property has no fields of an item")
    return _row_comparison(condition)


def _row_comparison(condition: PropertyComparison) -> _RowTest:
    negative, test = _positive(condition)[0], _value_test(condition)
    unwanted = negative is not (condition.operand is None)
    column, name = (0 if condition.of_key else 1), condition.name
    if name is None or name == ANY:
        return lambda row: test(row[column]) is not unwanted
    return lambda row: row[0] == name and test(row[1]) is not unwanted
