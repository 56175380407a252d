"""The listening socket, TCP or unix, bound once and shared by all workers."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat

from registry.model.errors import SettingInvalid

BACKLOG = 1024
_SOCKET_MODE = 0o660
"""Who is in the group of the socket's folder, such as a reverse proxy, may connect."""


def listen(address: tuple[str, int] | str) -> socket.socket:
    """Return a socket that listens on a host and port, or on the path of a unix socket.

    Raises:
        SettingInvalid: the address cannot be used; the message has the remedy.
    """
    return _listen_unix(address) if isinstance(address, str) else _listen_tcp(*address)


def _listen_tcp(host: str, port: int) -> socket.socket:
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
    return _shared(listener)


def _listen_unix(path: str) -> socket.socket:
    try:
        _remove_stale(path)
        return _shared(_bound(path))
    except OSError as error:
        raise SettingInvalid(
            f"cannot listen on the unix socket '{path}': {error.strerror}; its folder must be "
            "there, and the server's user must have the right to write there"
        ) from None


def _bound(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        os.chmod(path, _SOCKET_MODE)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _remove_stale(path: str) -> None:
    """Remove the socket of a server that has ended.

    Raises:
        SettingInvalid: a server listens there, or there is something else of that name.
    """
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise SettingInvalid(f"'{path}' is no socket; choose another path with --listen")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # One that is too busy to answer is alive.
        probe.settimeout(1.0)
        with contextlib.suppress(TimeoutError):
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
                return
    raise SettingInvalid(
        f"another server listens on '{path}'; stop it, or choose another path with --listen"
    )


def _shared(listener: socket.socket) -> socket.socket:
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
