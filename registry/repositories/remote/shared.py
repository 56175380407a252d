"""What all requests to one remote repository share in a process: as long as its definition is so.

Nothing here is needed for what is right: it saves questions to upstream. Whatever has to outlive
the process is on the disk.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence
from typing import Final

from registry.model.content import Actor
from registry.model.errors import RegistryError
from registry.model.names import ImageName, Reference
from registry.model.upstream_errors import UpstreamFailed, UpstreamRefused, UpstreamUnavailable
from registry.model.via import current_way
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.local import LocalRepository
from registry.repositories.remote.arrival import Arrival
from registry.repositories.remote.asked import Upstream, Upstreams
from registry.repositories.remote.flights import Flights
from registry.repositories.remote.remembered import Remembered
from registry.repositories.remote.watching import Watcher
from registry.storage.store import Store

ASKING: Final = 32
DOWNLOADING: Final = 16
"""Threads that ask upstream, and that download from it, for clients, at most. A download takes
2 MiB."""
_THINGS: Final = 10_000
"""Manifests and blobs of which it is remembered that they are absent, or that upstream failed."""
_NAMES: Final = 200_000
"""Names in the lists of upstream that are remembered."""

What = tuple[ImageName, str]
"""An image, and a tag or digest in it."""


class Shared:
    """The working parts of one remote repository."""

    def __init__(
        self, store: Store, definition: RepositoryDefinition, upstreams: Upstreams
    ) -> None:
        self.store = store
        self.definition = definition
        self._upstreams = weakref.ref(upstreams)
        self.cache = LocalRepository(store, definition.cache())
        self.actor = Actor(definition.key, "upstream")
        self.flights = Flights(f"asking {definition.key}", ASKING)
        self.downloading = Flights(f"downloading {definition.key}", DOWNLOADING)
        self.arrivals: dict[What, Arrival] = {}
        self.watcher = Watcher(store.arrivals)
        self.absent: Remembered[bool] = Remembered(_THINGS)
        self.failures: Remembered[RegistryError] = Remembered(_THINGS)
        self.lists: Remembered[Sequence[str]] = Remembered(_NAMES)
        self.looked: Remembered[bool] = Remembered(_THINGS)
        """What upstream was asked of, such as the referrers of a manifest, a short while ago."""

    @property
    def upstream(self) -> Upstream:
        """The upstream registry.

        Raises:
            UpstreamFailed: the definition names none that could be asked.
        """
        upstreams = self._upstreams()
        if upstreams is None:
            raise UpstreamFailed("the registry is about to end")
        return upstreams.of(self.definition)

    @property
    def offline(self) -> bool:
        """Whether nobody is ever asked."""
        return self.definition.flag("offline")

    @property
    def asks_nobody(self) -> bool:
        """Whether nobody is asked for the request that this thread works for."""
        return self.offline or current_way().comes_back

    @property
    def remembers(self) -> bool:
        """Whether what could not be had for the request may be remembered.

        Another registry that asks us may be asked by our upstream in turn, and then says no more
        than what it has at hand.
        """
        return not current_way().is_forwarded

    def is_young(self, moment: float) -> bool:
        """Return whether what was so then is still trusted. A moment to come never is."""
        age = time.time() - moment
        return 0 <= age < self.definition.number("retrievalCachePeriodSecs")

    def miss(self, image: ImageName, reference: Reference) -> None:
        """Remember that upstream has not got something, if it `remembers`."""
        if not self.remembers:
            return
        seconds = self.definition.number("missedRetrievalCachePeriodSecs")
        self.absent.put((image, str(reference)), True, seconds)

    def misses(self, image: ImageName, reference: Reference) -> bool:
        """Return whether upstream is remembered not to have it."""
        return self.absent.get((image, str(reference))) is not None

    def found(self, image: ImageName, reference: Reference) -> None:
        """Forget whatever was remembered against something."""
        self.absent.forget((image, str(reference)))
        self.failures.forget((image, str(reference)))

    def fail(self, image: ImageName, reference: Reference, error: RegistryError) -> None:
        """Remember that upstream could not say, if it `remembers`."""
        if not self.remembers:
            return
        seconds = self.definition.number("failedRetrievalCachePeriodSecs")
        self.failures.put((image, str(reference)), error, seconds)

    def failure(self, image: ImageName, reference: Reference) -> RegistryError | None:
        """Return why upstream could not say, a short while ago, or None."""
        return self.failures.get((image, str(reference)))

    def told(self, error: RegistryError) -> RegistryError:
        """Return an error as clients are told of it: no more than that there is nothing, or all."""
        if isinstance(error, UpstreamRefused):
            return error
        if isinstance(error, UpstreamFailed) and not self.definition.flag("hardFail"):
            return UpstreamUnavailable(f"{error.message}; it is not in the cache")
        return error
