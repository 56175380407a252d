"""The settings: one frozen object from defaults, the settings file, the environment and options.

Later ones win in that order. Every setting is described beside its default; the documentation and
the example file are made from the same descriptions.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from registry.model.errors import SettingInvalid

ENVIRONMENT: Final[Mapping[str, str]] = {
    "REGISTRY_STORAGE_ROOT": "storage_root",
    "REGISTRY_LISTEN": "listen",
    "REGISTRY_WORKERS": "workers",
}
"""Environment variables and the settings that they give."""

OLDEST_VERSION: Final = (7, 33, 3)
"""The first version of Artifactory with which jf publishes build info of docker images."""
_VERSION: Final = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})")

UNIX_PREFIX: Final = "unix:"
UNIX_PEER: Final = "unix"
"""The address of whoever connects to the unix socket."""
_SOCKET_PATH_LIMIT: Final = 107
"""Bytes of a socket's path, by unix(7)."""

ENVIRONMENT_CONFIG: Final = "REGISTRY_CONFIG"
ENVIRONMENT_ADMIN_PASSWORD: Final = "REGISTRY_ADMIN_PASSWORD"  # noqa: S105 - a name


def _setting(default: Any, description: str, least: int | None = None) -> Any:
    metadata = {"description": description, "least": least}
    if isinstance(default, tuple):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Config:
    """All settings. Values are valid: whoever makes one gets `SettingInvalid` otherwise."""

    storage_root: str = _setting("storage_root", "The folder in which everything is kept.")
    listen: str = _setting(
        "127.0.0.1:8082", "The address to listen on: HOST:PORT, or unix:PATH for a unix socket."
    )
    workers: int = _setting(0, "Worker processes; 0 means one for each processor core.", 0)
    threads: int = _setting(8, "Threads in each worker that work on requests.", 1)
    connection_limit: int = _setting(
        4096, "Open connections that a worker accepts at the same time.", 16
    )
    idle_timeout: int = _setting(
        900, "Seconds after which a connection on which nothing moves is closed.", 10
    )
    shutdown_timeout: int = _setting(
        60, "Seconds that requests in flight get to finish after SIGTERM.", 0
    )
    external_url: str = _setting(
        "",
        "The address under which clients reach the server, such as https://registry.example.com; "
        "empty: taken from each request.",
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Addresses or networks of reverse proxies, or unix for whoever connects to the unix "
        "socket: only their X-Forwarded-*, X-Original-URI and X-Registry-Offload are believed.",
    )
    anonymous_pull: bool = _setting(False, "Whether images can be pulled without logging in.")
    token_lifetime: int = _setting(
        3600, "Seconds that a token of the token endpoint is good for.", 60
    )
    prune_interval: int = _setting(
        300, "Seconds between two pruning passes; 0: only by the command prune.", 0
    )
    prune_grace: int = _setting(
        86400,
        "Seconds for which content that nothing needs stays. No push may take longer between a "
        "blob and its manifest; less than ten minutes is for tests.",
        1,
    )
    prune_hold: int = _setting(
        3600, "Seconds for which content that is about to be freed can still be brought back.", 0
    )
    prune_limit: int = _setting(
        1000, "Names that one pass takes away; a tenth of all, where that is more.", 1
    )
    trash_lifetime: int = _setting(
        1209600, "Seconds for which deleted images can be restored; 0: deleted is gone.", 0
    )
    upload_lifetime: int = _setting(
        604800, "Seconds after which an upload on which nothing happens is dropped.", 1
    )
    upstream_ca: str = _setting(
        "",
        "A PEM file with certificates of authorities that remote repositories trust beside the "
        "usual ones; empty: none.",
    )
    upstream_proxy: str = _setting(
        "",
        "The proxy through which remote repositories ask, such as http://proxy.example.com:3128, "
        "unless they name another or none; empty: none.",
    )
    artifactory_version: str = _setting(
        "7.77.5",
        "The version of Artifactory that clients are told, by which they choose what they ask "
        "for; 7.33.3 or later.",
    )
    metrics_anonymous: bool = _setting(
        False, "Whether the figures for monitoring can be read without logging in."
    )
    log_level: str = _setting("info", "What is logged: debug, info, warning or error.")

    def __post_init__(self) -> None:
        for setting in dataclasses.fields(self):
            _check_type(setting, getattr(self, setting.name))
        parse_address(self.listen)
        if not self.storage_root:
            raise SettingInvalid("storage_root names a folder; it is empty")
        for network in self.trusted_proxies:
            _check_network(network)
        if parse_version(self.artifactory_version) < OLDEST_VERSION:
            raise SettingInvalid("artifactory_version is at least 7.33.3: clients need that")
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise SettingInvalid("log_level is one of debug, info, warning, error")
        if self.external_url and not self.external_url.startswith(("http://", "https://")):
            raise SettingInvalid("external_url begins with http:// or https://")
        if self.upstream_proxy:
            _check_proxy(self.upstream_proxy)

    @property
    def address(self) -> tuple[str, int] | str:
        """The host and port to listen on, or the path of the unix socket."""
        return parse_address(self.listen)

    @property
    def lease_renewal(self) -> float:
        """After how many seconds a lease is renewed again: a small part of the grace."""
        return min(300.0, self.prune_grace / 4)

    @property
    def worker_count(self) -> int:
        """How many worker processes to run."""
        return self.workers or os.cpu_count() or 1


def parse_version(text: str) -> tuple[int, int, int]:
    """Return the three numbers of a version such as ``7.77.5``.

    Raises:
        SettingInvalid: the text has another form.
    """
    match = _VERSION.fullmatch(text)
    if match is None:
        raise SettingInvalid(f"artifactory_version has three numbers, such as 7.77.5, not '{text}'")
    return int(match[1]), int(match[2]), int(match[3])


def parse_address(text: str) -> tuple[str, int] | str:
    """Return the host and port of ``HOST:PORT`` or ``[IPV6]:PORT``, or the path of ``unix:PATH``.

    Raises:
        SettingInvalid: the text has another form.
    """
    if text.startswith(UNIX_PREFIX):
        path = text.removeprefix(UNIX_PREFIX)
        if not 0 < len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
            raise SettingInvalid(
                f"listen is unix:PATH with a path of at most {_SOCKET_PATH_LIMIT} bytes"
            )
        return path
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not _is_number(port):
        raise SettingInvalid(
            f"listen is HOST:PORT, such as 127.0.0.1:8082, or unix:PATH, not '{text}'"
        )
    if not 0 < int(port) < 65536:
        raise SettingInvalid(f"listen has a port between 1 and 65535, not {port}")
    return host, int(port)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9


def _check_network(text: str) -> None:
    if text == UNIX_PEER:
        return
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise SettingInvalid(
            f"trusted_proxies has addresses or networks such as 127.0.0.1 or 10.0.0.0/8, "
            f"not '{text}'"
        ) from None


def _check_proxy(text: str) -> None:
    """Settings are shown, so there is no place for a password in them."""
    if not text.startswith(("http://", "https://")) or "@" in text:
        raise SettingInvalid(
            "upstream_proxy begins with http:// or https:// and has no user name in it"
        )


def _check_type(setting: dataclasses.Field[Any], value: Any) -> None:
    default = default_of(setting)
    if isinstance(default, tuple):
        good = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    else:
        good = type(value) is type(default)
    if not good:
        raise SettingInvalid(f"{setting.name} is {type_of(setting)}, not {value!r}")
    least = setting.metadata["least"]
    if least is not None and value < least:
        raise SettingInvalid(f"{setting.name} is at least {least}, not {value}")


def default_of(setting: dataclasses.Field[Any]) -> Any:
    """Return the default of a setting."""
    if setting.default_factory is not dataclasses.MISSING:
        return setting.default_factory()
    return setting.default


def type_of(setting: dataclasses.Field[Any]) -> str:
    """Return the type of a setting in words."""
    names = {bool: "true or false", int: "a whole number", str: "a text", tuple: "a list of texts"}
    return names[type(default_of(setting))]


def load(file: str | None, environment: Mapping[str, str], options: Mapping[str, Any]) -> Config:
    """Return the settings of a file, the environment and options that are not None.

    Raises:
        SettingInvalid: an unknown setting, or a wrong value; the message names where it stands.
    """
    path = file or environment.get(ENVIRONMENT_CONFIG)
    values = _read_file(path) if path else {}
    for variable, name in ENVIRONMENT.items():
        if environment.get(variable):
            values[name] = _from_environment(variable, name, environment[variable])
    values |= {name: value for name, value in options.items() if value is not None}
    return Config(**values)


def _read_file(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as stream:
            values = tomllib.load(stream)
    except OSError as error:
        raise SettingInvalid(f"the settings file '{path}': {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"the settings file '{path}' is not valid TOML: {error}") from None
    known = [setting.name for setting in dataclasses.fields(Config)]
    for name, value in values.items():
        if name not in known:
            raise SettingInvalid(
                f"the settings file '{path}' has the unknown setting '{name}'; "
                f"known are: {', '.join(known)}"
            )
        if isinstance(value, list):
            values[name] = tuple(value)
    return values


def _from_environment(variable: str, name: str, text: str) -> Any:
    if name != "workers":
        return text
    if not _is_number(text):
        raise SettingInvalid(f"{variable} is a whole number, not '{text}'")
    return int(text)


def example_file() -> str:
    """Return a settings file with every setting, its description, type and default."""
    lines = ["# Settings of the registry; every line shows the default.", ""]
    for setting in dataclasses.fields(Config):
        default = default_of(setting)
        shown = list(default) if isinstance(default, tuple) else default
        lines += [
            f"# {setting.metadata['description']} ({type_of(setting)})",
            f"# {setting.name} = {json.dumps(shown)}",
            "",
        ]
    return "\n".join(lines)
