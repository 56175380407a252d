"""Doors to the network: each leads only to addresses that stand as far away as it says.

The name is looked up once, every address that it has is checked, and the connection goes to the
checked address, while TLS verifies the name. Connections are kept by door, so that one that was
opened under more trust is never used under less.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from registry.repositories.upstream.addresses import Address, Standing, is_numeric
from registry.repositories.upstream.calls import current_call
from registry.repositories.upstream.failures import Failure
from registry.repositories.upstream.sockets import PatientSocket, Trust, connect, resolve
from registry.repositories.upstream.terms import Surroundings, Terms

_KEPT: Final = 8
"""Idle connections that are kept to each host."""


class Door(HTTPAdapter):
    """Sends requests to whoever stands as far away as ``nearest``, or farther.

    Raises, beside what requests raises:
        Failure: an address stands nearer.
    """

    def __init__(
        self,
        terms: Terms,
        surroundings: Surroundings,
        trusted: Trust,
        nearest: Standing,
    ) -> None:
        self._terms = terms
        self._surroundings = surroundings
        self._trusted = trusted
        self._nearest = nearest
        super().__init__(pool_connections=_KEPT, pool_maxsize=_KEPT)
        self.poolmanager.pool_classes_by_scheme = _pools(self._connect)

    def send(self, request: PreparedRequest, *arguments: Any, **words: Any) -> Response:
        """Send a request; where a proxy leads to the host, look at its address here."""
        if self._terms.proxy:
            self._check_behind_proxy(request)
        return super().send(request, *arguments, **words)

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        """Return what tells connections apart."""
        host, _ = super().build_connection_pool_key_attributes(request, True, cert)
        if host["scheme"] == "https":
            return host, {"ssl_context": self._trusted(), "cert_reqs": "CERT_REQUIRED"}
        return host, {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the connections as they are: all verify, and by our authorities."""

    def proxy_manager_for(self, proxy: str, **words: Any) -> Any:
        """Return what connects by the proxy; the proxy is one that an admin has named."""
        manager = super().proxy_manager_for(proxy, **words, proxy_ssl_context=self._trusted())
        manager.pool_classes_by_scheme = _pools(self._connect_to_proxy)
        return manager

    def _connect(self, host: str, port: int) -> tuple[PatientSocket, Standing | None]:
        found = resolve(self._surroundings.look_up, host, port, current_call().patience())
        near = max(self._surroundings.standing_of(address) for address, _ in found)
        if near > self._nearest and not self._is_configured(host, port):
            raise _too_near(host)
        connection = connect(found, self._terms.local_address)
        peer = connection.getpeername()[0]
        return connection, self._surroundings.standing_of(peer)

    def _connect_to_proxy(self, host: str, port: int) -> tuple[PatientSocket, Standing | None]:
        found = resolve(self._surroundings.look_up, host, port, current_call().patience())
        return connect(found, self._terms.local_address), None

    def _is_configured(self, host: str, port: int) -> bool:
        """Return whether an admin has written that very address, so that no name stands for it."""
        place = self._terms.place
        return self._nearest == Standing.LOOPBACK and is_numeric(host) and host == place.host

    def _check_behind_proxy(self, request: PreparedRequest) -> None:
        """Refuse a host that the proxy should not be asked for, as far as it is known here."""
        pool = self.build_connection_pool_key_attributes(request, True)[0]
        host = str(pool["host"]).strip("[]")
        if self._nearest == Standing.LOOPBACK:
            return
        try:
            found: list[Address] = list(
                resolve(self._surroundings.look_up, host, 0, current_call().patience())
            )
        except OSError:
            return  # Names that only the proxy knows are the proxy's to judge.
        if max(self._surroundings.standing_of(address) for address, _ in found) > self._nearest:
            raise _too_near(host)


def _too_near(host: str) -> Failure:
    return Failure(f"it leads to '{host[:80]}', an address that it may not name")


def _pools(
    opened: Callable[[str, int], tuple[PatientSocket, Standing | None]],
) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools whose connections are opened by a function of ours."""

    class Opened(HTTPConnection):
        def _new_conn(self) -> PatientSocket:
            connection, self.standing = opened(self._dns_host, self.port)
            return connection

        def getresponse(self) -> Any:
            answer = super().getresponse()
            current_call().peer = self.standing
            return answer

    class Secure(Opened, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Opened

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
