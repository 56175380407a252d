"""The listening socket, bound once and shared by all workers."""

from __future__ import annotations

import errno
import socket

from registry.model.errors import SettingInvalid

BACKLOG = 1024


def listen(address: tuple[str, int]) -> socket.socket:
    """Return a socket that listens on a host and port.

    Raises:
        SettingInvalid: the address cannot be used; the message has the remedy.
    """
    host, port = address
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise SettingInvalid(f"'{host}' is no address of this machine") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingInvalid(_reason(error, host, port)) from None
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use; stop the other program, or choose another "
            "address with --listen HOST:PORT"
        )
    if error.errno == errno.EACCES:
        return f"port {port} needs special rights; choose one above 1023 with --listen HOST:PORT"
    return f"cannot listen on {host}:{port}: {error.strerror}; choose another with --listen"
