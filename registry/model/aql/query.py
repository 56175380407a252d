"""What a text of AQL asks for: the condition, what a row of the answer has, order and page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from registry.model.aql.criteria import Condition, criteria
from registry.model.aql.fields import ALL, ANY, FIELDS, STATISTICS, USUAL, bare
from registry.model.aql.syntax import Elements, Pairs, Scalar, Written, read
from registry.model.aql.tokens import refusal, shortened

_DIRECTIONS: Final = {"$asc": False, "$desc": True}
_PROPERTY_COLUMNS: Final = ("key", "value")


@dataclass(frozen=True, slots=True)
class Columns:
    """What a row of the answer has."""

    fields: Sequence[str] = USUAL
    properties: frozenset[str] | None = None
    """The properties that are shown, `ANY` for all; None if there is no list of them."""
    property_columns: Sequence[str] = _PROPERTY_COLUMNS
    statistics: Sequence[str] = ()
    virtual_repositories: bool = False


@dataclass(frozen=True, slots=True)
class AqlQuery:
    """A query that is understood."""

    condition: Condition
    columns: Columns
    sort: Sequence[str] = ()
    """The fields that the rows are sorted by, the first one first."""
    descending: bool = False
    offset: int = 0
    limit: int | None = None


def parse(text: str) -> AqlQuery:
    """Return the query that a text spells.

    Raises:
        QueryInvalid: it spells none; the message says where it goes wrong, and what is expected.
    """
    written = read(text)
    sort, descending = _sort(written)
    return AqlQuery(
        criteria(written), _columns(written), sort, descending, written.offset, written.limit
    )


def _sort(written: Written) -> tuple[Sequence[str], bool]:
    if written.sort is None:
        return (), False
    if len(written.sort.pairs) != 1 or written.sort.pairs[0].key not in _DIRECTIONS:
        raise _refuse(
            written, written.sort, '\'.sort\' takes one of {"$asc":[…]} and {"$desc":[…]}'
        )
    pair = written.sort.pairs[0]
    values = pair.value.values if isinstance(pair.value, Elements) else [pair.value]
    names = []
    for value in values:
        name = bare(value.text or "") if isinstance(value, Scalar) else ""
        field = FIELDS.get(name)
        if field is None or not field.in_rows:
            raise _refuse(written, value, "the name of a field to sort by is expected")
        names.append(name)
    if not names:
        raise _refuse(written, pair.value, "at least one field to sort by is expected")
    return names, _DIRECTIONS[pair.key]


def _columns(written: Written) -> Columns:
    """Return what ``.include`` asks for; if that is no field of the item, the usual ones too."""
    fields: dict[str, None] = {}
    properties: set[str] = set()
    columns: set[str] = set()
    statistics: dict[str, None] = {}
    virtual = False
    for scalar in written.include:
        name = bare(scalar.text or "")
        first, _, rest = name.partition(".")
        if name in ("*", ""):
            fields.update(dict.fromkeys(ALL))
        elif name in ALL:
            fields[name] = None
        elif name.startswith("@") and len(name) > 1:
            properties.add(name[1:])
        elif first == "property" and rest in ("", "*", *_PROPERTY_COLUMNS):
            properties.add(ANY)
            columns.update(_PROPERTY_COLUMNS if rest in ("", "*") else (rest,))
        elif first == "stat" and rest in ("", "*", *STATISTICS):
            statistics.update(dict.fromkeys(STATISTICS if rest in ("", "*") else (rest,)))
        elif name == "virtual_repos":
            virtual = True
        else:
            raise _refuse(
                written,
                scalar,
                f"'{shortened(scalar.text or '')}' cannot be included; what can: \"*\", "
                f"{', '.join(ALL)}, property, stat, virtual_repos, and @ with a property",
            )
    return Columns(
        tuple(fields) or USUAL,
        frozenset(properties) if properties else None,
        tuple(c for c in _PROPERTY_COLUMNS if c in columns) or _PROPERTY_COLUMNS,
        tuple(statistics),
        virtual,
    )


def _refuse(written: Written, at: Scalar | Pairs | Elements, what: str) -> Exception:
    return refusal(written.text, at.position, what)
