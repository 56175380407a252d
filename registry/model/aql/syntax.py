"""The grammar of AQL: from a text to what is written in it, whatever that means.

::

    query    = "items" "." "find" "(" [ object { "," object } ] ")" { suffix }
    suffix   = "." "include" "(" text { "," text } ")"
             | "." "sort" "(" object ")"
             | "." "offset" "(" number ")"  |  "." "limit" "(" number ")"
             | "." "transitive" "(" ")"
    object   = "{" [ text ":" value { "," text ":" value } ] "}"
    array    = "[" [ value { "," value } ] "]"
    value    = object | array | text | number | "true" | "false" | "null"

Suffixes may stand in any order, each once. An object may have a key several times, and all of
them count; so it is a list of pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from registry.model.aql.tokens import Kind, Token, refusal, shortened, tokens

NESTING_LIMIT: Final = 32
"""Objects and arrays within each other."""
VALUES_LIMIT: Final = 10_000
"""Values of any kind in one query."""

DOMAINS: Final = ("items", "item")
_CONSTANTS: Final = ("true", "false", "null")

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, a number as it is spelled, ``true``, ``false``, or None for ``null``."""

    text: str | None
    position: int


@dataclass(frozen=True, slots=True)
class Pair:
    """One key of an object with its value."""

    key: str
    value: Value
    position: int


@dataclass(frozen=True, slots=True)
class Pairs:
    """An object."""

    pairs: Sequence[Pair]
    position: int


@dataclass(frozen=True, slots=True)
class Elements:
    """An array."""

    values: Sequence[Value]
    position: int


Value = Scalar | Pairs | Elements


@dataclass(slots=True)
class Written:
    """A query as it is written."""

    text: str
    criteria: Sequence[Pairs] = ()
    include: Sequence[Scalar] = ()
    sort: Pairs | None = None
    offset: int = 0
    limit: int | None = None
    suffixes: list[str] = field(default_factory=list)
    """The names of the suffixes that are there."""


def read(text: str) -> Written:
    """Return what is written in a query.

    Raises:
        QueryInvalid: the text breaks the grammar, or a limit; the message says where, and what
            was expected.
    """
    return _Reader(text).query()


class _Reader:
    """Reads one query, token by token."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._token = next(self._tokens)
        self._depth = 0
        self._values = 0

    # --- the query ---------------------------------------------------------------------------

    def query(self) -> Written:
        domain = self._expect(Kind.WORD, "'items.find(…)'")
        if domain.text not in DOMAINS:
            raise self._refusal(
                f"only items can be searched, as 'items.find(…)', not '{shortened(domain.text)}'",
                domain,
            )
        self._mark(".")
        self._word("find")
        written = Written(self._text)
        self._mark("(")
        written.criteria = self._list(self._criteria, ")", empty=True)
        while self._token.kind is not Kind.END:
            self._mark(".", "'.' and a suffix such as '.include(…)', or the end of the query")
            self._suffix(written)
        return written

    def _suffix(self, written: Written) -> None:
        readers: dict[str, Callable[[Written], None]] = {
            "include": self._include,
            "sort": self._sort,
            "offset": self._offset,
            "limit": self._limit,
            "transitive": self._transitive,
        }
        token = self._expect(Kind.WORD, "a suffix")
        reader = readers.get(token.text)
        if reader is None:
            known = ", ".join(f"'.{name}(…)'" for name in readers)
            raise self._refusal(
                f"there is no suffix '.{shortened(token.text)}'; there are {known}", token
            )
        if token.text in written.suffixes:
            raise self._refusal(f"'.{token.text}' stands here for the second time", token)
        written.suffixes.append(token.text)
        self._mark("(")
        reader(written)

    def _include(self, written: Written) -> None:
        written.include = self._list(self._quoted, ")", empty=False)

    def _sort(self, written: Written) -> None:
        written.sort = self._object()
        self._mark(")")

    def _offset(self, written: Written) -> None:
        written.offset = self._whole_number()
        self._mark(")")

    def _limit(self, written: Written) -> None:
        written.limit = self._whole_number()
        self._mark(")")

    def _transitive(self, written: Written) -> None:
        # It asks for what remote repositories of other servers have; here every search does
        # what can be done.
        self._mark(")")

    def _whole_number(self) -> int:
        token = self._expect(Kind.NUMBER, "a whole number")
        if not token.text.isdigit():
            raise self._refusal(f"a whole number is expected, not {token.shown()}", token)
        return int(token.text)

    # --- values ------------------------------------------------------------------------------

    def _criteria(self) -> Pairs:
        if not self._is("{"):
            raise self._unexpected("criteria between '{' and '}', or ')'")
        return self._object()

    def _value(self) -> Value:
        if self._is("{"):
            return self._object()
        if self._is("["):
            return self._array()
        return self._scalar()

    def _object(self) -> Pairs:
        position = self._token.position
        self._enter("{")
        pairs = self._list(self._pair, "}", empty=True)
        self._depth -= 1
        return Pairs(pairs, position)

    def _array(self) -> Elements:
        position = self._token.position
        self._enter("[")
        values = self._list(self._value, "]", empty=True)
        self._depth -= 1
        return Elements(values, position)

    def _pair(self) -> Pair:
        key = self._expect(Kind.STRING, "a key in quotes")
        self._mark(":")
        return Pair(key.text, self._value(), key.position)

    def _quoted(self) -> Scalar:
        token = self._expect(Kind.STRING, "a field in quotes")
        return Scalar(token.text, token.position)

    def _scalar(self) -> Scalar:
        token = self._token
        constant = token.kind is Kind.WORD and token.text in _CONSTANTS
        if not constant and token.kind not in (Kind.STRING, Kind.NUMBER):
            raise self._unexpected("a value: a text in quotes, a number, null, '{' or '['")
        self._count()
        self._next()
        return Scalar(None if constant and token.text == "null" else token.text, token.position)

    def _list(self, read: Callable[[], Part], end: str, *, empty: bool) -> list[Part]:
        """Read what stands between the mark that was read and ``end``, divided by commas."""
        found: list[Part] = []
        if empty and self._is(end):
            self._next()
            return found
        while True:
            found.append(read())
            if not self._is(","):
                break
            self._next()
        self._mark(end, f"',' or '{end}'")
        return found

    # --- tokens ------------------------------------------------------------------------------

    def _enter(self, mark: str) -> None:
        """Read the mark that begins an object or array, unless that goes too deep."""
        if self._is(mark):
            self._depth += 1
            self._count()
            if self._depth > NESTING_LIMIT:
                raise self._refusal(f"at most {NESTING_LIMIT} objects and arrays may be nested")
        self._mark(mark)

    def _count(self) -> None:
        self._values += 1
        if self._values > VALUES_LIMIT:
            raise self._refusal(f"a query may have {VALUES_LIMIT} values")

    def _is(self, mark: str) -> bool:
        return self._token.kind is Kind.MARK and self._token.text == mark

    def _next(self) -> None:
        if self._token.kind is not Kind.END:
            self._token = next(self._tokens)

    def _mark(self, mark: str, expected: str = "") -> None:
        if not self._is(mark):
            raise self._unexpected(expected or f"'{mark}'")
        self._next()

    def _word(self, word: str) -> None:
        if self._token.kind is not Kind.WORD or self._token.text != word:
            raise self._unexpected(f"'{word}'")
        self._next()

    def _expect(self, kind: Kind, expected: str) -> Token:
        token = self._token
        if token.kind is not kind:
            raise self._unexpected(expected)
        self._next()
        return token

    def _unexpected(self, expected: str) -> Exception:
        return self._refusal(f"{expected} is expected, not {self._token.shown()}")

    def _refusal(self, what: str, token: Token | None = None) -> Exception:
        return refusal(self._text, (token or self._token).position, what)
