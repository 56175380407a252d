"""What the soak has found in the server, as the one order of steps that it takes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from waitress.server import create_server

from registry.model.bodies import BodyWanted, MemorySink
from registry.server.bodies import MEMORY_LIMIT
from registry.server.channel import Channel
from registry.server.waking import Question
from tests.faults.races.gates import DEADLINE

BODY = bytes(number % 251 for number in range(MEMORY_LIMIT + 5))
HEAD = f"PUT /blob HTTP/1.1\r\nHost: registry.test\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
FIRST = 64 * 1024 - len(HEAD)
"""How much of the body comes with the head."""


def wants_body(environ: dict[str, Any], start_response: object) -> list[bytes]:
    """Ask for the body, as a handler does of which the body is large."""
    raise BodyWanted(MemorySink(2 * len(BODY)), None)


@pytest.fixture
def channel() -> Iterator[Channel]:
    """A connection of which the loop is the test itself."""
    ours, theirs = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener, ours, theirs:
        server = create_server(
            wants_body, sockets=[listener], map={}, clear_untrusted_proxy_headers=False
        )
        server.draining = False
        yield Channel(server, ours, ("127.0.0.1", 1), server.adj, map={})
        server.task_dispatcher.shutdown(timeout=DEADLINE)
        server.close()
        server.trigger.close()


def test_a_body_is_taken_in_once_however_soon_a_thread_knows_where_it_goes(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that asks is done with asking before the loop has let go of what it has read."""
    take, loop, knows = channel.received, threading.current_thread(), threading.Event()
    asking: list[threading.Thread] = []
    complete: list[object] = []

    def received(data: bytes) -> bool:
        if threading.current_thread() is not loop:
            knows.set()
        return take(data)

    def add_task(task: Any) -> None:
        if not isinstance(task, Question):
            complete.append(task)
            return
        asking.append(threading.Thread(target=task.service))
        asking[0].start()
        assert knows.wait(DEADLINE)

    monkeypatch.setattr(channel, "received", received)
    monkeypatch.setattr(channel.server._server, "add_task", add_task)
    channel.received(HEAD + BODY[:FIRST])
    asking[0].join(DEADLINE)
    channel.received(BODY[FIRST:])

    assert complete == [channel]
    sink = channel.requests[0].body.received.sink
    assert sink.getvalue() == BODY
