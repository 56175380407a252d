"""Sockets that ask the call they belong to how long they may wait; and connecting them."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from registry.repositories.upstream.addresses import Address
from registry.repositories.upstream.calls import current_call
from registry.repositories.upstream.failures import Failure


class PatientSocket(socket.socket):
    """A socket on which nothing takes longer than its call."""

    def recv(self, *arguments: Any) -> bytes:
        """Receive, as long as the call lasts."""
        self.settimeout(current_call().patience())
        return super().recv(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        """Receive, as long as the call lasts."""
        self.settimeout(current_call().patience())
        return super().recv_into(*arguments)


class PatientTlsSocket(PatientSocket, ssl.SSLSocket):
    """The same under TLS."""


class Trust:
    """Whom we trust under TLS: what the system and requests do, and a PEM file of our own."""

    def __init__(self, authorities: str) -> None:
        self._authorities = authorities
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def __call__(self) -> ssl.SSLContext:
        """Return it, read once.

        Raises:
            Failure: the file cannot be read.
        """
        with self._lock:
            if self._context is None:
                self._context = self._read()
            return self._context

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if os.path.exists(DEFAULT_CA_BUNDLE_PATH):
            context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        if self._authorities:
            try:
                context.load_verify_locations(self._authorities)
            except OSError:
                raise Failure("'upstream_ca' names no file of certificates") from None
        context.sslsocket_class = PatientTlsSocket
        return context


def connect(addresses: Sequence[Address], source: str) -> PatientSocket:
    """Return a socket that is connected to the first of the addresses that can be reached.

    None of several may take all the time: a host may have an address that leads nowhere.

    Raises:
        OSError: to none of them.
    """
    last: OSError = OSError("no address")
    for left, (host, port) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        connection = PatientSocket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(current_call().patience() / left)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source:
                connection.bind((source, 0))
            connection.connect((host, port))
        except OSError as error:
            connection.close()
            last = error
        else:
            return connection
    raise last


def resolve(
    look_up: Callable[[str, int], Sequence[Address]], host: str, port: int, seconds: float
) -> Sequence[Address]:
    """Return the addresses of a name, unless that takes too long.

    The system's resolver knows no time-out of ours, so it is asked on a thread of its own.

    Raises:
        OSError: it has none.
        TimeoutError: nobody says.
    """
    found: list[Sequence[Address] | OSError] = []

    def ask() -> None:
        try:
            found.append(look_up(host, port))
        except (OSError, UnicodeError) as error:
            found.append(error if isinstance(error, OSError) else socket.gaierror(str(error)))

    thread = threading.Thread(target=ask, name="look-up", daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise TimeoutError("the name service does not answer in time")
    if isinstance(found[0], OSError):
        raise found[0]
    return found[0]
