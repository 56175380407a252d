"""What an answer 401 asks for: the header WWW-Authenticate, by its grammar.

Source: RFC 9110, sections 5.6 and 11; several challenges may stand in one header, and several
headers in one answer. A comma divides both challenges and parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a grammar
_SKIPPED: Final = re.compile(r"[ \t,]*")
_PARAMETER: Final = re.compile(
    rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))[ \t]*(?=,|$)'
)
_SCHEME: Final = re.compile(rf"({_TOKEN})(?:[ \t]+|(?=,)|$)")
_TOKEN68: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)")
_LONGEST: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to say who one is: the scheme in lower case, and parameters with such names."""

    scheme: str
    parameters: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.parameters.get(name, "")


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """Return the challenges of all headers of an answer; what follows no grammar ends a header."""
    return [challenge for header in headers for challenge in _parse(header[:_LONGEST])]


def _parse(text: str) -> list[Challenge]:
    found: list[Challenge] = []
    at = _after(_SKIPPED, text, 0)
    while at < len(text):
        parameter = _PARAMETER.match(text, at) if found else None
        if parameter is not None:
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            # The first of two parameters with one name counts: nobody may add a second.
            parameters = {name.lower(): value} | dict(found[-1].parameters)
            found[-1] = Challenge(found[-1].scheme, parameters)
            at = _after(_SKIPPED, text, parameter.end())
            continue
        scheme = _SCHEME.match(text, at)
        if scheme is None:
            break
        found.append(Challenge(scheme[1].lower(), {}))
        at = _after(_SKIPPED, text, scheme.end())
        if _PARAMETER.match(text, at) is None and not _SCHEME.match(text, at):
            at = _after(_TOKEN68, text, at)
            at = _after(_SKIPPED, text, at)
    return found


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()
