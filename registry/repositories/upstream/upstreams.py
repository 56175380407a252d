"""The upstream registries of all remote repositories, each asked by one client in a process."""

from __future__ import annotations

import logging
import threading

from registry.model.names import RepositoryKey
from registry.model.upstream_errors import UpstreamFailed
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.upstream.client import Upstream
from registry.repositories.upstream.condition import Condition
from registry.repositories.upstream.remembering import Notes, Unkept, kept_condition
from registry.repositories.upstream.sockets import Trust
from registry.repositories.upstream.terms import Surroundings, terms_of


class Upstreams:
    """One client for each remote repository, as long as its definition says the same of it.

    Nothing is opened before something is asked.
    """

    def __init__(
        self, surroundings: Surroundings | None = None, notes: Notes | None = None
    ) -> None:
        """Ask in these surroundings; ``notes`` are what all processes know together."""
        self._notes = notes or Unkept()
        self._surroundings = surroundings or Surroundings()
        # Its messages have whole addresses, and some of those have secrets in their queries.
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)
        self._trust = Trust(self._surroundings.authorities)
        self._lock = threading.Lock()
        self._clients: dict[RepositoryKey, Upstream] = {}

    def of(self, definition: RepositoryDefinition) -> Upstream:
        """Return the client of the upstream registry of a remote repository.

        Raises:
            UpstreamFailed: the definition names no upstream registry that could be asked.
        """
        try:
            terms = terms_of(definition, self._surroundings)
        except ValueError as error:
            raise UpstreamFailed(
                f"the remote repository '{definition.key}' cannot ask its upstream: {error}"
            ) from None
        with self._lock:
            client = self._clients.get(definition.key)
            if client is None or client.terms != terms:
                if client is not None:
                    client.close()
                client = Upstream(terms, self._surroundings, self._trust, self._notes)
                self._clients[definition.key] = client
            return client

    def condition(self, definition: RepositoryDefinition) -> Condition:
        """Return what all processes know of the upstream registry of a remote repository.

        Nobody is asked, and what names no upstream registry has never been.
        """
        try:
            terms = terms_of(definition, self._surroundings)
        except ValueError:
            return Condition()
        return kept_condition(self._notes, terms)

    def close(self) -> None:
        """Close the connections that nobody uses; each upstream can be asked again."""
        with self._lock:
            for client in self._clients.values():
                client.close()
