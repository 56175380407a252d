"""Which process has the other end of a connection: what the kernel says of its sockets."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_DEADLINE: Final = 60.0


class Peer(NamedTuple):
    """The server's end of a connection."""

    inode: str
    """The number of its socket; 0 while no process has taken it."""
    unread: int
    """Bytes that have come and that nobody has read."""


def peer_of(client: socket.socket) -> Peer:
    """Return the other end of a connection to this machine."""
    own, other = client.getsockname()[1], client.getpeername()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, _, queues, *rest = line.split()[1:]
        if _port(local) == other and _port(remote) == own:
            return Peer(rest[4], int(queues.partition(":")[2], 16))
    return Peer("0", 0)


def process_of(client: socket.socket, processes: Iterable[int]) -> int:
    """Return which of the processes has taken a connection, once one has."""
    deadline = time.monotonic() + _DEADLINE
    while (peer := peer_of(client)).inode == "0":
        assert time.monotonic() < deadline, "nobody takes the connection"
        time.sleep(0.01)
    (found,) = [pid for pid in processes if f"socket:[{peer.inode}]" in open_files(pid)]
    return found


def open_files(process: int) -> set[str]:
    """Return what a process has open, as the kernel names it."""
    found, folder = set(), f"/proc/{process}/fd"
    for name in os.listdir(folder):
        # It goes on opening and closing files meanwhile.
        with suppress(FileNotFoundError):
            found.add(os.readlink(f"{folder}/{name}"))
    return found


def _port(address: str) -> int:
    return int(address.partition(":")[2], 16)
