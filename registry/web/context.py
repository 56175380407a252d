"""What a handler knows of the request that it serves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from flask import g, request

from registry.access.principals import Principal
from registry.model.names import ImageName, require_length
from registry.model.via import NOWHERE, Way, pseudonym_of, set_way, way_of
from registry.repositories.directory import GuardedDirectory
from registry.repositories.guarded import GuardedRepository
from registry.services.instance import Instance
from registry.web.addressing import Address, address_of
from registry.web.routing import Right


@dataclass(slots=True)
class Call:
    """One request: who asks, from where, and what the repositories look like from there."""

    instance: Instance
    right: Right
    client: str
    started: float
    """When it began, on the clock of ``time.perf_counter``."""
    principal: Principal | None = None
    offloaded: int = 0
    """Bytes of the answer that the reverse proxy sends."""
    directory: GuardedDirectory = field(init=False)

    def identify(self, principal: Principal) -> None:
        """Set who asks; from here on the repositories are open, as far as the principal may."""
        self.principal = principal
        set_way(self._way())
        self.directory = self.instance.directory.as_seen_by(
            principal, self.client, cached_only=_is_from_artifactory()
        )

    def _way(self) -> Way:
        header: str = request.environ.get("HTTP_VIA", "")
        if not header:
            return NOWHERE
        return way_of(header, pseudonym_of(self.instance.system_info.service_id))

    @property
    def address(self) -> Address:
        """Where the client believes to be."""
        config = self.instance.config
        return address_of(request, config.external_url, config.trusted_proxies)


def _is_from_artifactory() -> bool:
    """Return whether a remote repository of an Artifactory asks, and not a client."""
    environ = request.environ
    agent: str = environ.get("HTTP_USER_AGENT", "")
    return agent.startswith("Artifactory/") or "HTTP_X_ARTIFACTORY_ORIGINATED" in environ


def current() -> Call:
    """Return the request that is being served."""
    return cast(Call, g.call)


def open_image(key: str, image: str) -> tuple[GuardedRepository, ImageName]:
    """Return the guarded repository and the image that a route names.

    Raises:
        RepositoryUnknown, AuthenticationRequired: see `GuardedDirectory.open`.
        NameInvalid: the image name breaks the grammar, or is too long for any client.
    """
    repository = current().directory.open(key)
    name = ImageName.parse(image)
    require_length(key, name)
    return repository, name
