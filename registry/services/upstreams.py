"""How the upstream registries of remote repositories do: for people, programs and monitoring.

It is what all workers have noted; nobody is asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from registry.model.errors import RequestInvalid, StorageFailed
from registry.model.names import RepositoryKey
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.definitions import Definitions
from registry.repositories.upstream.condition import Condition
from registry.repositories.upstream.upstreams import Upstreams


class State(StrEnum):
    """How an upstream registry does."""

    OFFLINE = "offline"
    """The remote repository is configured to ask nobody."""
    PAUSED = "paused"
    """It is left alone for a while."""
    FAILS = "fails"
    """The last thing that was heard of it is a failure."""
    ANSWERS = "answers"
    NEVER_ASKED = "never asked"
    """Nothing is known, since the repository was made or has another upstream."""


@dataclass(frozen=True, slots=True)
class UpstreamState:
    """What is known of the upstream registry of one remote repository."""

    key: RepositoryKey
    url: str
    """Its address as configured, without a user name and a password."""
    state: State
    condition: Condition

    def document(self, *, to_admin: bool) -> dict[str, Any]:
        """Return it in the form of the API.

        Others than admins do not learn to whom upstream counts the pulls, which is an address or
        an account of whoever runs this server.
        """
        document = self.condition.document()
        allowance = document["allowance"]
        if allowance is not None and not to_admin:
            del allowance["source"]
        return {"key": self.key, "url": self.url, "state": str(self.state), **document}


class UpstreamStates:
    """Tells how the upstream registries of one storage folder do."""

    def __init__(self, definitions: Definitions, upstreams: Upstreams) -> None:
        self._definitions = definitions
        self._upstreams = upstreams

    def all(self) -> list[UpstreamState]:
        """Return those of all remote repositories, sorted by key; a damaged definition has none."""
        found = list[RepositoryDefinition]()
        for key in self._definitions.all_keys():
            try:
                definition = self._definitions.find(key)
            except StorageFailed:
                continue
            if definition is not None:
                found.append(definition)
        return self.of(found)

    def one(self, key: RepositoryKey) -> UpstreamState:
        """Return that of one remote repository.

        Raises:
            RepositoryUnknown: there is no such repository.
            RequestInvalid: it is no remote one.
        """
        found = self.of([self._definitions.get(key)])
        if not found:
            raise RequestInvalid(
                f"'{key}' is no remote repository, so it has no upstream", {"repository": key}
            )
        return found[0]

    def of(self, definitions: Iterable[RepositoryDefinition]) -> list[UpstreamState]:
        """Return those of the remote repositories among some."""
        now = time.time()
        return [self._state(definition, now) for definition in definitions if definition.is_remote]

    def _state(self, definition: RepositoryDefinition, now: float) -> UpstreamState:
        # A pause that is over is none, although its note stays until upstream is asked again.
        condition = self._upstreams.condition(definition).joined(Condition(), now)
        url = _without_user(definition.text("url"))
        state = _state_of(condition, offline=definition.flag("offline"))
        return UpstreamState(definition.key, url, state, condition)


def _state_of(condition: Condition, *, offline: bool) -> State:
    if offline:
        return State.OFFLINE
    if condition.pause is not None:
        return State.PAUSED
    if condition.failed is not None:
        return State.FAILS
    return State.NEVER_ASKED if condition.answered is None else State.ANSWERS


def _without_user(url: str) -> str:
    """Return an address without what stands before the host; a definition by hand may have that."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
