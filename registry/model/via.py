"""Through which registries a request has come: the header ``Via`` of RFC 9110, 7.6.3.

Registries that are each other's upstream would ask in circles. So what one asks carries its name,
and the names of those that the request behind it has come through; and whoever finds its own name
in a request asks nobody for it. Anybody can write such a header, so it only ever keeps from asking.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

MOST: Final = 10
"""Servers that a request may have come through; more look like a circle of which nobody knows."""
REASON: Final = "the request has come through this server before"
_OURS: Final = re.compile(r"jf[a-z]{1,8}-[0-9A-Za-z-]{1,64}")
"""Names of registries of this kind; web servers in front have others, and mean nothing here."""
_NO_TOKEN: Final = re.compile(r"[^0-9A-Za-z!#$%&'*+.^_`|~-]")


def pseudonym_of(service_id: str) -> str:
    """Return the name of a registry as the header takes it: without the ``@`` of its service id."""
    return _NO_TOKEN.sub("-", service_id)


@dataclass(frozen=True, slots=True)
class Way:
    """The registries that a request has come through."""

    registries: tuple[str, ...] = ()
    """Their names, the first one first."""
    comes_back: bool = False
    """Whether this one is among them, or there are more than can be right."""

    @property
    def is_forwarded(self) -> bool:
        """Whether another registry asks, which waits for the answer."""
        return bool(self.registries)

    def onward(self, pseudonym: str) -> str:
        """Return the header of what a registry of that name asks because of the request."""
        return ", ".join(f"1.1 {name}" for name in (*self.registries, pseudonym))


NOWHERE: Final = Way()
"""That of a client's own request."""


def way_of(header: str, pseudonym: str) -> Way:
    """Return the way of a request to the registry of that name, from whatever the header says."""
    entries = header.split(",")
    names = [words[1] for words in map(str.split, entries) if len(words) > 1]
    if pseudonym in names or len(entries) > MOST:
        return Way(comes_back=True)
    return Way(tuple(name for name in names if _OURS.fullmatch(name)))


_CURRENT: ContextVar[Way] = ContextVar("way", default=NOWHERE)


def current_way() -> Way:
    """Return the way of the request that this thread works for."""
    return _CURRENT.get()


def set_way(way: Way) -> None:
    """Let this thread work for a request that has come this way, until it is set again."""
    _CURRENT.set(way)


@contextlib.contextmanager
def on_way(way: Way) -> Iterator[None]:
    """Let what is done within it be done for a request that has come this way."""
    token = _CURRENT.set(way)
    try:
        yield
    finally:
        _CURRENT.reset(token)
