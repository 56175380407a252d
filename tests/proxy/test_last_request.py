"""What stands behind the last request of a connection is not read, however late somebody looks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from waitress.adjustments import Adjustments

from registry.metrics.figures import Figures
from registry.server.channel import Channel

REFUSED = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"
HIDDEN = b"GET /v2/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


class Server:
    """As much of a server as a channel needs; tasks wait until the test runs them."""

    draining = False

    def __init__(self) -> None:
        self.active_channels: dict[int, Any] = {}
        self.tasks: list[Any] = []
        self.adj = Adjustments(ident="")
        self.application = None
        self.effective_host, self.effective_port = "127.0.0.1", "1"
        self.server_name = "x"
        self.figures = Figures(1)

    def add_task(self, task: Any) -> None:
        """Keep the work for later."""
        self.tasks.append(task)

    def pull_trigger(self) -> None:
        """Do nothing: there is no loop."""


@pytest.fixture
def channel() -> Iterator[Any]:
    """A channel that has read a request that it will refuse, and one behind that."""
    ours, theirs = socket.socketpair()
    server = Server()
    made: Any = Channel(server, ours, ("127.0.0.1", 1), server.adj, map={})
    theirs.sendall(REFUSED + HIDDEN)
    made.handle_read()
    with theirs:
        yield made
        made.handle_close()


def test_the_connection_ends_between_the_answer_and_the_look(channel: Any) -> None:
    """The loop may send the end of the connection while the thread has not looked yet."""
    looked = channel.received

    def late(data: bytes) -> bool:
        channel.handle_write()
        return bool(looked(data))

    channel.received = late
    assert len(channel.server.tasks) == 1
    channel.service()
    assert channel.requests == []
    assert len(channel.server.tasks) == 1


def test_the_connection_ends_after_the_look(channel: Any) -> None:
    channel.service()
    channel.handle_write()
    assert channel.requests == []
    assert len(channel.server.tasks) == 1
