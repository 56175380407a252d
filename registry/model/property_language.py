"""How clients write properties into an address: the ``properties=`` language, matrix parameters.

Pairs are separated by ``;`` (or ``|``), a key from its values by the first ``=``, values by ``,``.
A backslash makes the next of these characters an ordinary one. Source: Artifactory's REST API,
"Set Item Properties" and "Deploy Artifact", as its clients write it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, unquote_plus

from registry.model.errors import PropertyInvalid
from registry.model.properties import Properties

KEY_LIMIT: Final = 255
VALUE_LIMIT: Final = 4096
PAIRS_LIMIT: Final = 1000
"""Properties that one request may name."""

_FORBIDDEN: Final = re.compile(r"[)(}{\]\[*+^$\\/~`@!%&<>;=,±§\s\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """What is to become of properties: some get new values, some go, the others stay."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()

    def apply(self, properties: Mapping[str, Sequence[str]]) -> Properties:
        """Return the properties after the change, sorted by name."""
        kept = {name: list(v) for name, v in properties.items() if name not in self.removed}
        kept |= {name: list(v) for name, v in self.values.items()}
        return dict(sorted(kept.items()))


def require_key(key: str) -> str:
    """Return a key that a property may have.

    Raises:
        PropertyInvalid: it is empty, too long, begins with a digit, or has a forbidden character.
    """
    if not key or len(key) > KEY_LIMIT or key[0].isdigit() or _FORBIDDEN.search(key):
        raise PropertyInvalid(
            f"'{key[:80]}' cannot be the name of a property: it has 1 to {KEY_LIMIT} characters, "
            "does not begin with a digit, and has no blanks and none of )(}{][*+^$\\/~`@!%&<>;=,±§",
            {"property": key[:80]},
        )
    return key


def require_value(value: str) -> str:
    """Return a value that a property may have. Raises PropertyInvalid."""
    if len(value) > VALUE_LIMIT:
        raise PropertyInvalid(f"the value of a property has at most {VALUE_LIMIT} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PropertyInvalid("the value of a property is text in UTF-8") from None
    return value


def parse_properties(text: str) -> Properties:
    """Return what a text of the ``properties=`` language says, decoded already.

    Raises:
        PropertyInvalid: a pair has no ``=``, or a key or value cannot be used.
    """
    found: Properties = {}
    for pair in split(text, ";|"):
        if not pair:
            continue
        key, separator, values = _cut(pair, "=")
        if not separator:
            raise PropertyInvalid(f"'{pair[:80]}' is not of the form name=value")
        _add(found, _unescape(key), [_unescape(value) for value in split(values, ",")])
    return found


def parse_names(text: str) -> list[str]:
    """Return the names in a list that is separated by commas; a comma at the end is no more."""
    return [_unescape(name) for name in split(text, ",") if name]


def query_argument(query: str, name: str) -> str | None:
    """Return the decoded value of an argument in a raw query string, or None if it is not there.

    What frameworks take for a separator, such as ``;``, is part of the value.
    """
    for argument in query.split("&"):
        key, _, value = argument.partition("=")
        if unquote_plus(key) == name:
            return unquote_plus(value)
    return None


def split_matrix(raw_path: str) -> tuple[str, Properties, frozenset[str]]:
    """Return a raw path without its matrix parameters, still encoded, and what these say.

    The third value names the parameters that are mandatory, ``key+=value``. What is encoded in a
    parameter is data; a parameter may stand before a slash, too.

    Raises:
        PropertyInvalid: a parameter has no ``=``, or a key or value cannot be used.
    """
    path: list[str] = []
    found: Properties = {}
    mandatory: set[str] = set()
    for part in raw_path.split("/"):
        name, *parameters = part.split(";")
        path.append(name)
        for parameter in filter(None, parameters):
            key, separator, value = parameter.partition("=")
            if not separator:
                raise PropertyInvalid(f"'{parameter[:80]}' is not of the form name=value")
            if key.endswith("+"):
                key = key.removesuffix("+")
                mandatory.add(unquote(key))
            values = [unquote(_unescape(v)) for v in split(value, ",")]
            _add(found, unquote(key), values)
    return "/".join(path), found, frozenset(mandatory)


def _add(found: Properties, key: str, values: Sequence[str]) -> None:
    known = found.setdefault(require_key(key), [])
    known += [v for v in dict.fromkeys(map(require_value, values)) if v not in known]
    if len(found) > PAIRS_LIMIT or len(known) > PAIRS_LIMIT:
        raise PropertyInvalid(f"a request names at most {PAIRS_LIMIT} properties or values")


def split(text: str, separators: str) -> list[str]:
    """Return the parts between separators that no backslash stands before; escapes stay."""
    return list(_split(text, separators))


def _split(text: str, separators: str) -> Iterator[str]:
    start = position = 0
    while position < len(text):
        if text[position] == "\\":
            position += 2
        elif text[position] in separators:
            yield text[start:position]
            position += 1
            start = position
        else:
            position += 1
    yield text[start:]


def _cut(text: str, separator: str) -> tuple[str, str, str]:
    first = next(_split(text, separator))
    if len(first) == len(text):
        return text, "", ""
    return first, separator, text[len(first) + 1 :]


def _unescape(text: str) -> str:
    return re.sub(r"\\([,=|;\\])", r"\1", text)
