"""How the doctor asks: HTTP by the standard library, with every byte of a request in its hand.

A client that tidies up what it sends or receives would hide what a proxy does; so paths go out as
they are written, bodies in the chunks and with the pauses that a check wants, and headers come back
as often as they were sent.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from registry.model.diagnosis import shown
from registry.model.errors import SettingInvalid

TIMEOUT: Final = 60.0
"""Seconds without a byte after which an answer is given up."""
_PORTS: Final = {"http": 80, "https": 443}
_READ_AT_ONCE: Final = 1 << 20
_BODY_LIMIT: Final = 1 << 20
"""Bytes of an answer that are kept."""

Headers = Mapping[str, str]


class Broken(Exception):
    """No whole answer came; the text says why."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port that clients use."""

    scheme: str
    host: str
    port: int

    @property
    def is_secure(self) -> bool:
        """Whether it is reached by TLS."""
        return self.scheme == "https"

    @property
    def netloc(self) -> str:
        """Host and port as they stand in the Host header: a usual port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def base(self) -> str:
        """What all addresses begin with."""
        return f"{self.scheme}://{self.netloc}"


def parse_url(text: str) -> Origin:
    """Return what ``https://HOST[:PORT]`` names.

    Raises:
        SettingInvalid: the text has another form; it is not repeated, as it may hold a password.
    """
    problem = SettingInvalid("the URL is https://HOST, https://HOST:PORT, or the same with http")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise problem from None
    further = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in _PORTS or not parts.hostname or further or not text.isascii():
        raise problem
    return Origin(parts.scheme, parts.hostname, port or _PORTS[parts.scheme])


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes = field(default=b"", repr=False)

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return self.headers.get_all(name) or []

    def first(self, name: str) -> str:
        """Return the first value of a header, or nothing."""
        return str(self.headers.get(name, ""))

    @property
    def message(self) -> str:
        """What an error of the registry says; empty for answers of others."""
        try:
            return shown(str(json.loads(self.body)["errors"][0]["message"]))
        except (ValueError, LookupError, TypeError, RecursionError):
            return ""

    @property
    def is_the_servers(self) -> bool:
        """Whether the registry itself has refused, and not what stands in front of it.

        A proxy with a configuration of ours speaks the same dialect, and calls itself the proxy.
        """
        return self.status < 500 and bool(self.message) and "proxy" not in self.message

    def __str__(self) -> str:
        return f"{self.status} ({self.message})" if self.message else str(self.status)


class Wire:
    """Connections to one origin; each request has one of its own."""

    def __init__(self, origin: Origin, authorities: str | None = None) -> None:
        """Set up TLS with the usual authorities and those in the file ``authorities``.

        Raises:
            SettingInvalid: the file holds no certificates.
        """
        self.origin = origin
        self._context = ssl.create_default_context()
        if authorities is not None:
            try:
                self._context.load_verify_locations(authorities)
            except OSError as error:
                reason = "no certificate in PEM form" if isinstance(error, ssl.SSLError) else ""
                raise SettingInvalid(f"'{authorities}': {reason or error.strerror}") from None

    @contextlib.contextmanager
    def open(self, origin: Origin | None = None) -> Iterator[http.client.HTTPConnection]:
        """Connect; what goes wrong inside comes out as `Broken`."""
        to = origin or self.origin
        made: http.client.HTTPConnection
        if to.is_secure:
            made = http.client.HTTPSConnection(
                to.host, to.port, timeout=TIMEOUT, context=self._context
            )
        else:
            made = http.client.HTTPConnection(to.host, to.port, timeout=TIMEOUT)
        with translated(), contextlib.closing(made):
            made.connect()
            yield made

    def certificate(self) -> tuple[str, float]:
        """Return the version of TLS, and until when the certificate is good."""
        with self.open() as connection:
            secured = connection.sock
            if not isinstance(secured, ssl.SSLSocket):
                raise Broken("there is no TLS")
            until = (secured.getpeercert() or {}).get("notAfter")
            return secured.version() or "TLS", ssl.cert_time_to_seconds(str(until))

    def ask(
        self,
        method: str,
        path: str,
        headers: Headers | None = None,
        take: Callable[[bytes], object] | None = None,
        origin: Origin | None = None,
    ) -> Answer:
        """Send a request without a body; ``take`` gets what comes with a success, part by part."""
        with self.open(origin) as connection:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", "0")
            connection.endheaders()
            return _answer(connection, take)

    @contextlib.contextmanager
    def begin(self, method: str, path: str, headers: Headers) -> Iterator[Exchange]:
        """Send the head of a request, whose body is sent by parts."""
        with self.open() as connection:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            yield Exchange(connection)


class Exchange:
    """A request on its way."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._cut = False
        """Whether the other side takes no more of the body; an answer may wait nevertheless."""

    def chunk(self, data: bytes) -> bool:
        """Send a chunk, the last one if it is empty; return whether more is taken."""
        if not self._cut:
            try:
                self._connection.send(b"%x\r\n%s\r\n" % (len(data), data))
            except OSError:
                self._cut = True
        return not self._cut

    def answer(self) -> Answer:
        """Return the answer. Raises Broken."""
        with translated():
            return _answer(self._connection, None)

    def word(self, seconds: float) -> Answer | None:
        """Return what is said before the body is sent, or None if nothing is for some seconds."""
        self._connection.sock.settimeout(seconds)
        with self._connection.sock.makefile("rb") as stream:
            try:
                line = stream.readline(4096).split()
                headers = http.client.parse_headers(stream)
                length = min(int(headers.get("Content-Length") or 0), _BODY_LIMIT)
                return Answer(int(line[1]), headers, stream.read(length))
            except TimeoutError:
                return None
            except (IndexError, ValueError):
                raise Broken("the connection was closed without an answer") from None


def ask_here(address: tuple[str, int] | str, path: str) -> Answer:
    """Ask a server at the address where it listens, a unix socket or a port."""
    if isinstance(address, str):
        connection: http.client.HTTPConnection = _UnixConnection(address)
    else:
        connection = http.client.HTTPConnection(*address, timeout=TIMEOUT)
    with translated(), contextlib.closing(connection):
        connection.request("GET", path)
        return _answer(connection, None)


class _UnixConnection(http.client.HTTPConnection):
    """A connection to a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _answer(
    connection: http.client.HTTPConnection, take: Callable[[bytes], object] | None
) -> Answer:
    response = connection.getresponse()
    if take is None or response.status >= 300:
        return Answer(response.status, response.headers, response.read(_BODY_LIMIT))
    while part := response.read(_READ_AT_ONCE):
        take(part)
    return Answer(response.status, response.headers)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Let what the network does come out as `Broken`, with its reason in words."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise Broken(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not good: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS fails: {error.reason}"
    if isinstance(error, TimeoutError):
        return f"nothing came for {TIMEOUT:.0f} s"
    if isinstance(error, socket.gaierror):
        return "the host name is not known"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer broke off"
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    return "the answer is no HTTP"
