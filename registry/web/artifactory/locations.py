"""Where in the tree a request points: read from its address as the client wrote it.

A framework decodes the path first, and so cannot tell a separator from data that looks like one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from flask import request

from registry.model.errors import PathUnknown
from registry.model.property_language import split_matrix

_LOCATION_LIMIT: Final = 1024
"""Characters; the longest tag folder with its file has less than half."""


@dataclass(frozen=True, slots=True)
class Pointed:
    """What an address points to."""

    location: str
    """As `Item.location`; a text that can be no location is one that nothing is at."""
    is_folder: bool
    """Whether it ends in a slash."""
    parameters: Mapping[str, Sequence[str]]
    """Its matrix parameters."""
    mandatory: frozenset[str]


def pointed(above: int) -> Pointed:
    """Return where the request points; ``above`` parts of the path stand before the location.

    The context ``/artifactory`` is not counted.

    Raises:
        PropertyInvalid: the matrix parameters are malformed.
        PathUnknown: the location is too long for anything to be there.
    """
    parts = raw_parts()
    path, parameters, mandatory = split_matrix("/".join(parts[above:]))
    location = "/".join(filter(None, unquote(path).split("/")))
    if len(location) > _LOCATION_LIMIT:
        raise PathUnknown("Unable to find item")
    is_folder = _raw_path().endswith("/") or path.endswith("/")
    return Pointed(location, is_folder, parameters, mandatory)


def raw_parts() -> list[str]:
    """Return the parts of the path as the client wrote them, without the context and empty ones."""
    return [part for part in _raw_path().removeprefix("/artifactory/").split("/") if part]


def _raw_path() -> str:
    return str(request.environ.get("REQUEST_URI", request.path)).partition("?")[0]


def flag(name: str, default: bool = False) -> bool:
    """Return a query flag: to be there means yes, unless it says 0 or false."""
    value = request.args.get(name)
    return default if value is None else value.lower() not in ("0", "false")
