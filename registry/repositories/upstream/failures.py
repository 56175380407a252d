"""Why an upstream registry did not say what it was asked, in words that hold no secret.

Inside of this package a failure is raised as one of these; the client makes of it the error that
others know, with the key of the repository, and logs it once.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3.exceptions


class Failure(Exception):
    """The upstream failed; ``silent`` when it gave no answer at all, so that it is left alone."""

    def __init__(
        self, cause: str, silent: bool = False, known: bool = False, *, refused: bool = False
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.silent = silent
        self.refused = refused
        """Whether it was asked as it should be, and does not show this to us."""
        self.known = known
        """Whether this has happened before, and has been logged then."""


class Limit(Exception):
    """The upstream has had enough of us for some seconds."""

    def __init__(self, cause: str, seconds: int, known: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.seconds = seconds
        self.known = known


TRANSPORT_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)
"""All that requests, and what it is built on, raise about an upstream; ValueError is theirs too,
for headers and addresses that cannot be read."""


def failure_of(error: BaseException, host: str) -> Failure:
    """Return what an error of the transport means; ``host`` is who was asked."""
    chain = list(_chain(error))
    for part in chain:
        if isinstance(part, Failure):
            return part
    for part in chain:
        if isinstance(part, ssl.SSLCertVerificationError):
            return Failure(f"the certificate of '{host}' is not trusted: {part.verify_message}")
        if isinstance(part, ssl.CertificateError):
            return Failure(f"the certificate of '{host}' is not trusted")
    if is_late(error):
        return Failure(f"'{host}' does not answer in time", silent=True)
    for part in chain:
        if isinstance(part, (ssl.SSLError, requests.exceptions.SSLError)):
            return Failure(f"no secure connection with '{host}' comes about")
        if isinstance(part, (requests.exceptions.ProxyError, urllib3.exceptions.ProxyError)):
            return Failure("the proxy cannot be reached or refuses", silent=True)
    return _broken(chain, host)


def is_stale(error: BaseException) -> bool:
    """Return whether a kept connection had been closed, so that nobody has seen the request."""
    kinds = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
    return any(isinstance(part, kinds) for part in _chain(error))


def is_late(error: BaseException) -> bool:
    """Return whether time is what ran out."""
    return any(isinstance(part, _LATE) for part in _chain(error))


_LATE = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)


def _broken(chain: list[BaseException], host: str) -> Failure:
    for part in chain:
        if isinstance(part, socket.gaierror):
            return Failure(f"the name '{host}' has no address", silent=True)
    for part in chain:
        if isinstance(part, http.client.RemoteDisconnected):
            return Failure(f"'{host}' closes the connection without an answer", silent=True)
        # All errors of requests are errors of the system, too; they have no number.
        if isinstance(part, OSError) and part.errno is not None:
            return Failure(f"'{host}' cannot be reached: {part.strerror}", silent=True)
    return Failure(f"'{host}' answers something that is no proper HTTP")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and all that it was made of."""
    waiting, seen = [error], set()
    while waiting:
        part = waiting.pop(0)
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        inner = [part.__cause__, part.__context__, getattr(part, "reason", None), *part.args]
        waiting += [other for other in inner if isinstance(other, BaseException)]
