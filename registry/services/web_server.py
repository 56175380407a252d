"""The settings of the web server in front, as Artifactory's REST API knows them.

They are one document in ``etc/web-server.json``, with the fields of section 4.5 of Artifactory's
contract; from them and the repositories the configuration of nginx or Apache is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from registry.config import UNIX_PREFIX
from registry.model.errors import FieldInvalid, RouteUnknown, SettingInvalid
from registry.model.reverse_proxy import Method, ReverseProxy, Server
from registry.services.reverse_proxy import ProxyWriter
from registry.storage import documents
from registry.storage.store import Store

DIRECT: Final = "DIRECT"
"""The type of a server that nothing stands in front of."""
TYPES: Final = ("NGINX", "APACHE", DIRECT)
METHODS: Final[Mapping[str, Method]] = {
    "REPOPATHPREFIX": Method.PATH,
    "SUBDOMAIN": Method.SUBDOMAIN,
    "PORTPERREPO": Method.PORT,
    "NOVALUE": Method.PATH,
}
"""Artifactory's names of the methods; the one that is not chosen needs nothing of the proxy."""
CONTEXTS: Final = ("artifactory", "")
"""The first part of the path below which the REST API is; there are no others."""

_DEFAULTS: Final[Mapping[str, Any]] = {
    "key": "direct",
    "webServerType": DIRECT,
    "artifactoryAppContext": "artifactory",
    "publicAppContext": "artifactory",
    "serverName": "",
    "serverNameExpression": "",
    "artifactoryServerName": "localhost",
    "artifactoryPort": 8082,
    "sslCertificate": "",
    "sslKey": "",
    "dockerReverseProxyMethod": "NOVALUE",
    "useHttps": False,
    "useHttp": True,
    "sslPort": 443,
    "httpPort": 80,
    "upStreamName": "",
}
_OPTIONAL: Final = ("upStreamName",)


class WebServer:
    """The settings of the web server in front of one registry."""

    def __init__(self, store: Store, writer: ProxyWriter, listen: str) -> None:
        self._store = store
        self._writer = writer
        self._listen = listen

    def read(self) -> dict[str, Any]:
        """Return the settings; as long as none were stored, those of a server without a front."""
        stored = self._stored()
        return _shown(self._defaults() if stored is None else stored)

    def save(self, document: object) -> None:
        """Store settings durably. What is missing or null gets its default; the unknown is ignored.

        Raises:
            FieldInvalid: a value has the wrong type, or no configuration can be made from it.
        """
        if not isinstance(document, dict):
            raise FieldInvalid("the settings of the web server are a JSON object")
        values = {
            name: _value(name, document.get(name), default)
            for name, default in self._defaults().items()
        }
        if document.get("key") is None:
            values["key"] = values["webServerType"].lower()
        _require_known(values)
        if values["webServerType"] != DIRECT:
            _proxy(values)
        documents.replace(self._store.layout.web_server(), values)

    def write(self, server: Server) -> str:
        """Return the configuration of a reverse proxy with the stored settings.

        Raises:
            RouteUnknown: none are stored, or they say that nothing stands in front.
            FieldInvalid: together with the repositories they contradict themselves.
        """
        stored = self._stored()
        if stored is None or stored["webServerType"] == DIRECT:
            raise RouteUnknown(
                "no reverse proxy is configured; say what stands in front by POST to "
                "/artifactory/api/system/configuration/webServer"
            )
        try:
            return self._writer.write(server, _proxy(stored))
        except SettingInvalid as error:
            raise FieldInvalid(error.message) from None

    def _stored(self) -> dict[str, Any] | None:
        stored = self._store.documents.read(self._store.layout.web_server())
        return None if stored is None else {**_DEFAULTS, **stored}

    def _defaults(self) -> dict[str, Any]:
        """Return the settings of a server without a front, at the address where it listens."""
        if self._listen.startswith(UNIX_PREFIX):
            return {**_DEFAULTS, "artifactoryServerName": self._listen, "artifactoryPort": 0}
        host, _, port = self._listen.rpartition(":")
        return {**_DEFAULTS, "artifactoryServerName": host, "artifactoryPort": int(port)}


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings as a client sees them: the sub-domains named, nothing empty added."""
    shown = {name: value for name, value in values.items() if value or name not in _OPTIONAL}
    if values["serverName"] and not values["serverNameExpression"]:
        shown["serverNameExpression"] = f"*.{values['serverName']}"
    return shown


def _value(name: str, value: object, default: Any) -> Any:
    """Return the value of a field, or its default where there is none."""
    if value is None:
        return default
    if type(value) is not type(default):
        kinds = {str: "a text", int: "a whole number", bool: "true or false"}
        raise FieldInvalid(f"'{name}' is {kinds[type(default)]}", {"field": name})
    return value


def _require_known(values: Mapping[str, Any]) -> None:
    """Raise FieldInvalid for a value that stands for nothing here."""
    known = {
        "webServerType": TYPES,
        "dockerReverseProxyMethod": tuple(METHODS),
        "artifactoryAppContext": CONTEXTS,
        "publicAppContext": CONTEXTS,
    }
    for name, possible in known.items():
        if values[name] not in possible:
            listed = ", ".join(f"'{one}'" for one in possible)
            raise FieldInvalid(f"'{name}' is one of {listed}", {"field": name})


def _proxy(values: Mapping[str, Any]) -> ReverseProxy:
    """Return what the settings describe. Raises FieldInvalid where that is nothing."""
    backend = values["artifactoryServerName"]
    if not backend.startswith(UNIX_PREFIX):
        backend = f"{backend}:{values['artifactoryPort']}"
    try:
        return ReverseProxy(
            server_name=values["serverName"],
            method=METHODS[values["dockerReverseProxyMethod"]],
            http_port=values["httpPort"] if values["useHttp"] else None,
            https_port=values["sslPort"] if values["useHttps"] else None,
            certificate=values["sslCertificate"],
            key=values["sslKey"],
            backend=backend,
        )
    except SettingInvalid as error:
        raise FieldInvalid(error.message) from None
