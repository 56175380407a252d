"""AQL as a row of tokens, each with its place in the text."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from registry.model.errors import QueryInvalid

TEXT_LIMIT: Final = 256 * 1024
"""Characters of a query."""
NUMBER_LIMIT: Final = 18
"""Characters of a number."""
_SHOWN: Final = 40
"""Characters of a query that a message repeats."""


class Kind(enum.Enum):
    """What a token is, in the words of a message."""

    WORD = "a word"
    STRING = "a quoted text"
    NUMBER = "a number"
    MARK = "a punctuation mark"
    END = "the end of the query"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a query."""

    kind: Kind
    text: str
    """What it means: of a quoted text, what stands between the quotes."""
    position: int

    def shown(self) -> str:
        """Return the token as a message shows it."""
        return self.kind.value if self.kind is Kind.END else f"'{shortened(self.text)}'"


_TOKEN: Final = re.compile(
    r"""
    [ \t\r\n]*+
    (?:
        (?P<STRING>"(?:[^"\\]|\\.)*+")
      | (?P<NUMBER>-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)
      | (?P<WORD>[A-Za-z_$@][A-Za-z0-9_$]*+)
      | (?P<MARK>[][{}(),:.])
      | (?P<END>\Z)
    )
    """,
    re.VERBOSE | re.DOTALL,
)


def shortened(text: str) -> str:
    """Return a text as a message may repeat it: hostile input must not blow up an answer."""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def refusal(text: str, position: int, what: str) -> QueryInvalid:
    """Return the error that says where in a query what is wrong."""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return QueryInvalid(
        f"AQL, line {line}, column {column}: {what}", {"line": line, "column": column}
    )


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a query; the last one is its end.

    Raises:
        QueryInvalid: the text is too long, or there is something that is no token.
    """
    if len(text) > TEXT_LIMIT:
        raise refusal(text, 0, f"the query has {len(text)} characters, {TEXT_LIMIT} are allowed")
    position = 0
    while True:
        match = _TOKEN.match(text, position)
        if match is None:
            raise _no_token(text, position)
        kind = Kind[str(match.lastgroup)]
        start, position = match.span(kind.name)
        yield Token(kind, _meaning(text, kind, match[kind.name], start), start)
        if kind is Kind.END:
            return


def _meaning(text: str, kind: Kind, piece: str, start: int) -> str:
    if kind is Kind.NUMBER and len(piece) > NUMBER_LIMIT:
        raise refusal(text, start, f"a number has at most {NUMBER_LIMIT} characters")
    if kind is not Kind.STRING:
        return piece
    try:
        return str(json.loads(piece, strict=False))
    except ValueError:
        raise refusal(
            text, start, "a quoted text has an escape that is none; a backslash is written as \\\\"
        ) from None


def _no_token(text: str, position: int) -> QueryInvalid:
    while text[position] in " \t\r\n":
        position += 1
    if text[position] == '"':
        return refusal(text, position, "the quoted text that begins here has no end")
    return refusal(text, position, f"'{text[position]}' has no meaning outside quotes")
