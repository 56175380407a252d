"""The criteria of a query: what is written, as conditions that an item fulfils or not.

The rules that are not obvious, all of them those of Artifactory:

* What stands side by side in one object, or in the array of ``$and``, must all be true. Inside the
  array of ``$or`` it is enough if one of the fields of an object is.
* ``property.key`` and ``property.value`` side by side are about one and the same property; ``$msp``
  says so of everything in it.
* A property that an item does not have is different from every value: ``$ne`` and ``$nmatch`` are
  true of it.
* Without any condition on ``type`` only files are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from registry.model.aql import operands
from registry.model.aql.fields import FIELDS, Field, Type, bare
from registry.model.aql.syntax import Elements, Pair, Pairs, Scalar, Value, Written
from registry.model.aql.tokens import refusal, shortened
from registry.model.errors import QueryInvalid

CRITERIA_LIMIT: Final = 1000
"""Comparisons in one query."""

NEGATIVE: Final = ("$ne", "$nmatch")
RELATIVE: Final = ("$before", "$last")
COMPARISONS: Final = ("$eq", *NEGATIVE, "$gt", "$gte", "$lt", "$lte", "$match", *RELATIVE)
_GROUPS: Final = ("$and", "$or", "$msp")
_KINDS: Final = ("file", "folder", "any")
_PATTERNS: Final = ("$match", "$nmatch")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A condition on one field of an item; ``operand`` is None for null."""

    field: Field
    operator: str
    operand: str | None


@dataclass(frozen=True, slots=True)
class PropertyComparison:
    """A condition on the properties of an item, or on one of them."""

    name: str | None
    """The property that it is about, or `ANY`; None if ``property.key`` beside it says which."""
    of_key: bool
    """Whether it is the key that is compared, not a value."""
    operator: str
    operand: str | None


@dataclass(frozen=True, slots=True)
class SameProperty:
    """That one property fulfils a condition, in which there are none but on properties."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    """That all conditions are fulfilled; true if there are none."""

    conditions: Sequence[Condition]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """That one of the conditions is fulfilled."""

    conditions: Sequence[Condition]


Condition = Comparison | PropertyComparison | SameProperty | AllOf | AnyOf


def size(condition: Condition) -> int:
    """Return how many comparisons are in a condition."""
    if isinstance(condition, AllOf | AnyOf):
        return sum(map(size, condition.conditions))
    return size(condition.condition) if isinstance(condition, SameProperty) else 1


def criteria(written: Written) -> Condition:
    """Return what an item must fulfil to be found.

    Raises:
        QueryInvalid: a field or operator is unknown, an operand is of the wrong type, or there are
            too many of them.
    """
    reader = _Reader(written.text)
    found = reader.all_of(pair for pairs in written.criteria for pair in pairs.pairs)
    if not reader.has_type:
        found = AllOf([Comparison(FIELDS["type"], "$eq", "file"), *found.conditions])
    return found


class _Reader:
    """Reads the criteria of one query."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = 0
        self.has_type = False

    # --- groups ------------------------------------------------------------------------------

    def all_of(self, pairs: Iterable[Pair]) -> AllOf:
        return AllOf(_paired([c for pair in pairs for c in self._pair(pair)]))

    def _pair(self, pair: Pair) -> Sequence[Condition]:
        if pair.key in _GROUPS:
            return [self._group(pair)]
        if pair.key.startswith("$"):
            known = ", ".join(_GROUPS)
            raise self._refusal(
                f"'{shortened(pair.key)}' groups no criteria; {known} do", pair.position
            )
        return self._comparisons(pair)

    def _group(self, pair: Pair) -> Condition:
        members = list(self._members(pair))
        if pair.key == "$and":
            return self.all_of(members)
        if pair.key == "$or":
            # The comparisons of one field belong together: {"size":{"$gt":1,"$lt":5}} is a range.
            found = [_one(self._pair(member)) for member in members]
            if not found:
                raise self._refusal("'$or' needs at least one criterion", pair.position)
            return AnyOf(found)
        condition = AllOf([c for member in members for c in self._pair(member)])
        self._require_properties(condition, pair)
        return SameProperty(condition)

    def _members(self, pair: Pair) -> Iterable[Pair]:
        """Yield the criteria of a group: of an array of objects, or of one object."""
        values = pair.value.values if isinstance(pair.value, Elements) else [pair.value]
        for value in values:
            if not isinstance(value, Pairs):
                raise self._refusal(
                    f'\'{pair.key}\' takes an array of objects, such as [{{"name":"x"}}]',
                    value.position,
                )
            yield from value.pairs

    def _require_properties(self, condition: Condition, pair: Pair) -> None:
        if isinstance(condition, AllOf | AnyOf):
            for part in condition.conditions:
                self._require_properties(part, pair)
        elif isinstance(condition, Comparison):
            raise self._refusal(
                f"'$msp' is about properties, not about '{condition.field.name}'", pair.position
            )

    # --- comparisons -------------------------------------------------------------------------

    def _comparisons(self, pair: Pair) -> Sequence[Condition]:
        if isinstance(pair.value, Elements):
            raise self._refusal(
                f"'{shortened(pair.key)}' takes a value, or an operator with one", pair.position
            )
        if isinstance(pair.value, Scalar):
            return [self._comparison(pair, "$eq", pair.value)]
        if not pair.value.pairs:
            raise self._refusal('an operator such as "$eq" is expected', pair.value.position)
        return [self._operation(pair, operation) for operation in pair.value.pairs]

    def _operation(self, pair: Pair, operation: Pair) -> Condition:
        if operation.key not in COMPARISONS:
            raise self._refusal(
                f"there is no operator '{shortened(operation.key)}'; there are "
                f"{', '.join(COMPARISONS)}",
                operation.position,
            )
        return self._comparison(pair, operation.key, operation.value)

    def _comparison(self, pair: Pair, operator: str, value: Value) -> Condition:
        self._count += 1
        if self._count > CRITERIA_LIMIT:
            raise self._refusal(f"a query may have {CRITERIA_LIMIT} criteria", pair.position)
        if not isinstance(value, Scalar):
            raise self._refusal(f"'{operator}' takes one value", value.position)
        if value.text is None and operator not in ("$eq", "$ne"):
            raise self._refusal(f"'{operator}' cannot compare with null", value.position)
        name = bare(pair.key)
        if name.startswith("@") or name in ("property.key", "property.value"):
            return self._property(name, operator, value, pair)
        field = FIELDS.get(name)
        if field is None:
            raise self._refusal(
                f"there is no field '{shortened(pair.key)}'; there are {', '.join(FIELDS)}, "
                "property.key, property.value, and @ with the name of a property",
                pair.position,
            )
        self.has_type = self.has_type or field.type is Type.KIND
        return Comparison(field, operator, self._operand(field, operator, value))

    def _property(self, name: str, operator: str, value: Scalar, pair: Pair) -> Condition:
        if operator in RELATIVE:
            raise self._refusal(f"'{operator}' is about moments, not properties", value.position)
        if name == "@":
            raise self._refusal("after '@' comes the name of a property, or '*'", pair.position)
        about = name[1:] if name.startswith("@") else None
        return PropertyComparison(about, name == "property.key", operator, value.text)

    def _operand(self, field: Field, operator: str, value: Scalar) -> str | None:
        """Return an operand of a field; a moment in the form in which items have it."""
        text = value.text
        if operator in RELATIVE and field.type is not Type.MOMENT:
            raise self._refusal(
                f"'{operator}' is about moments; '{field.name}' is none", value.position
            )
        if text is None or operator in _PATTERNS:
            return text
        if operator in RELATIVE:
            self._require(operands.is_span(text), value, "a span of time", operands.UNITS)
        elif field.type is Type.MOMENT:
            moment = operands.moment(text)
            self._require(moment is not None, value, "a moment", "2024-05-01T10:00:00.000Z")
            return moment
        elif field.type is Type.NUMBER:
            self._require(operands.number(text) is not None, value, "a number", "100")
        elif field.type is Type.KIND:
            self._require(text in _KINDS, value, "a type of items", ", ".join(_KINDS))
        elif field.type is Type.SUM:
            return text.lower()
        return text

    def _require(self, fulfilled: bool, value: Scalar, what: str, example: str) -> None:
        if not fulfilled:
            shown = shortened(value.text or "")
            raise self._refusal(
                f"{what} is expected, such as {example}, not '{shown}'", value.position
            )

    def _refusal(self, what: str, position: int) -> QueryInvalid:
        return refusal(self._text, position, what)


def _one(conditions: Sequence[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else AllOf(conditions)


def _paired(conditions: Sequence[Condition]) -> list[Condition]:
    """Put ``property.key`` and ``property.value`` side by side on the same property.

    Where several keys are asked for, each begins another one.
    """
    others: list[Condition] = []
    groups: list[list[PropertyComparison]] = []
    for condition in conditions:
        if not isinstance(condition, PropertyComparison) or condition.name is not None:
            others.append(condition)
        elif not groups or (condition.of_key and any(known.of_key for known in groups[-1])):
            groups.append([condition])
        else:
            groups[-1].append(condition)
    return others + [
        group[0] if len(group) == 1 else SameProperty(AllOf(group)) for group in groups
    ]
