"""One operation in a process of its own, forked from a warm one, which waits before each try."""

from __future__ import annotations

import json
import os
import signal
import socket
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from tests.faults.injection.tracing import DEADLINE
from tests.storage.folders import open_files

KILLED: Final = "killed"
HUNG: Final = "hung"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended."""

    error: str | None
    """The name of the error's class, None for success; or `KILLED` or `HUNG`."""
    text: str = ""
    leaked: int = 0
    """Descriptors that are open afterwards and were not before."""


class Operation:
    """A forked process that does one of its ``works`` each time it is told to.

    It talks through a socket, because the calls on a socket are none that are counted.
    """

    def __init__(self, *works: Callable[[], object]) -> None:
        ours, theirs = socket.socketpair()
        self.process = os.fork()
        if self.process == 0:
            try:
                ours.close()
                _serve(theirs, works)
            finally:
                os._exit(0)
        theirs.close()
        ours.settimeout(DEADLINE)
        # Only now, so that nothing but the work is traced.
        ours.recv(1)
        self._channel = ours

    def attempt(self, work: int = 0) -> Outcome:
        """Let it do the work of that number, once, and return how that ended."""
        self._channel.sendall(bytes([work]))
        answer = b""
        try:
            while not answer.endswith(b"\n"):
                part = self._channel.recv(65536)
                if not part:
                    return Outcome(KILLED)
                answer += part
        except TimeoutError:
            return Outcome(HUNG)
        return Outcome(**json.loads(answer))

    def end(self, *, hung: bool = False) -> None:
        """Let the process end, and wait for that."""
        self._channel.close()
        if hung:
            os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


def _serve(channel: socket.socket, works: Sequence[Callable[[], object]]) -> None:
    # What is logged about a fault is expected, and nobody wants to read it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    channel.sendall(b"\n")
    while chosen := channel.recv(1):
        channel.sendall(json.dumps(asdict(attempted(works[chosen[0]]))).encode() + b"\n")


def attempted(work: Callable[[], object]) -> Outcome:
    """Do the work in this process and return how that ended."""
    before = open_files()
    try:
        work()
    except Exception as error:
        text = "".join(traceback.format_exception(error)[-3:])
        return Outcome(type(error).__name__, text, open_files() - before)
    return Outcome(None, "", open_files() - before)
