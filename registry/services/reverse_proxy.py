"""Writing the configuration of a reverse proxy: nginx or Apache, in each of the three methods.

Facts, in sections 4.3 and 4.4 of Artifactory's contract: the client's own view of scheme, host and
port is passed on; nothing limits or buffers bodies; sub-domains and ports become the path of one
repository.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from registry.config import UNIX_PEER, UNIX_PREFIX
from registry.model.reverse_proxy import (
    Method,
    PortOfRepository,
    ReverseProxy,
    Server,
    require_free,
    require_path,
)
from registry.repositories.definitions import Definitions
from registry.storage.store import Store

PORT_FIELD: Final = "registryPort"
OFFLOAD: Final = "/_content/"
"""The internal location of the filestore; no route of the server begins like that."""
_UPSTREAM: Final = "registry"
_USERS: Final = {Server.NGINX: "www-data", Server.APACHE: "www-data"}


class ProxyWriter:
    """Writes configurations for the repositories of one registry."""

    def __init__(self, store: Store, definitions: Definitions) -> None:
        self._store = store
        self._definitions = definitions
        self._templates = Environment(  # noqa: S701 - this is no HTML; values are checked
            loader=PackageLoader("registry.services", "proxy_templates"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def write(self, server: Server, proxy: ReverseProxy) -> str:
        """Return the configuration.

        Raises:
            SettingInvalid: two things have one port, or a path cannot be written down.
        """
        ports = self._ports() if proxy.method is Method.PORT else []
        require_free(proxy, ports)
        filestore = os.path.abspath(self._store.layout.top("filestore"))
        require_path("the storage folder", filestore)
        values = self._values(proxy, ports, filestore)
        template = self._templates.get_template(f"{server.value}.conf")
        return template.render(values, nginx_user=_USERS[server])

    def _ports(self) -> Sequence[PortOfRepository]:
        return [
            PortOfRepository(definition.key, definition.number(PORT_FIELD))
            for definition in self._definitions.all()
            if definition.number(PORT_FIELD)
        ]

    @staticmethod
    def _values(
        proxy: ReverseProxy, ports: Sequence[PortOfRepository], filestore: str
    ) -> dict[str, Any]:
        by_socket = proxy.backend.startswith(UNIX_PREFIX)
        return {
            "server_name": proxy.server_name,
            "server_pattern": re.escape(proxy.server_name),
            "method": proxy.method.value,
            "http_port": proxy.http_port,
            "https_port": proxy.https_port,
            "certificate": proxy.certificate,
            "key": proxy.key,
            "backend": proxy.backend,
            # Apache names a socket, and then a host that it does not look up.
            "target": f"{proxy.backend}|http://registry"
            if by_socket
            else f"http://{proxy.backend}",
            "frontends": [
                (port, scheme)
                for port, scheme in ((proxy.http_port, "http"), (proxy.https_port, "https"))
                if port is not None
            ],
            "standard": (80, 443),
            "peer": UNIX_PEER if by_socket else proxy.backend.rpartition(":")[0],
            "upstream": _UPSTREAM,
            "offload": OFFLOAD,
            "filestore": filestore,
            "ports": ports,
        }
