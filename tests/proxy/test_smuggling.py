"""The corpus of hidden requests, through nginx and straight to the server.

Through nginx many clients share few connections to the server, so one that has lost count there
would answer a hidden request to somebody else. Behind each attack a bystander asks for things of
its own, on the connections that the attack has left; the access log tells what the server saw.
"""

from __future__ import annotations

import io
import random
import select
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.live.wire import Wire
from tests.proxy.fronts import Front, Place
from tests.proxy.smuggling import CORPUS, SIGN, Attack
from tests.proxy.wire import FrontWire
from tests.support.live import LiveServer

ATTACKERS, BYSTANDER = "127.66.", "127.0.0.77"
"""Each attack comes from an address of its own: its line may be in the log after the next one."""
PATIENCE = 1.0
"""Seconds after which an attack that is not answered is taken for one that waits for more."""
DATA = random.Random(13).randbytes(150_000)
SIZES = (1000, 2000, 3000, len(DATA))


def test_the_corpus_is_as_large_as_was_promised() -> None:
    names = [attack.name for attacks in CORPUS.values() for attack in attacks]
    assert len(names) == len(set(names)) > 400


class Log:
    """What a server has written since the last look."""

    def __init__(self, path: Path) -> None:
        self._file: io.TextIOWrapper = path.open(errors="replace")
        self._file.seek(0, io.SEEK_END)

    def lines(self) -> list[str]:
        """The requests that came into sight."""
        return [line for line in self._file.read().splitlines() if " ms=" in line]

    def close(self) -> None:
        """Stop looking."""
        self._file.close()


def filled(attack: Attack, wire: Wire, host: str, blobs: Sequence[str]) -> bytes:
    """The bytes of an attack with what a client knows."""
    data = attack.data
    for name, value in (
        ("host", host), ("authorization", wire.authorization),
        ("small", blobs[0]), ("large", blobs[-1]),
    ):  # fmt: skip
        data = data.replace(f"@{name}@".encode(), value.encode())
    return data


def strike(connection: socket.socket, data: bytes) -> bytes:
    """Send an attack; return what comes back until the end, or until nothing more comes."""
    answers = bytearray()
    try:
        connection.sendall(data)
        if select.select([connection], [], [], PATIENCE)[0]:
            answers += connection.recv(65536)
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65536):
            answers += part
    except TimeoutError:
        raise
    except OSError:
        pass  # The other side has had enough, which is as good as an end.
    return bytes(answers)


# --- through a proxy ------------------------------------------------------------------------------


def attacker(number: int) -> str:
    """The address of one attack."""
    return f"{ATTACKERS}{number // 250}.{number % 250 + 1}"


def what_is_wrong(lines: Sequence[str], attacks: Sequence[Attack]) -> list[str]:
    """What the log says of the attacks that have got through."""
    wrong = [
        f"a request of nobody: {line}"
        for line in lines
        if f" {ATTACKERS}" not in line and f" {BYSTANDER} " not in line
    ]
    for number, attack in enumerate(attacks):
        if attack.lenient:
            continue
        its = [line for line in lines if f" {attacker(number)} " in line]
        if len(its) > 1 or any(SIGN in line for line in its):
            wrong.append(f"{attack.name}: {its}")
    return wrong


def assert_nothing_gets_through(place: Place, attacks: Sequence[Attack]) -> None:
    """Try all attacks; after each, the bystander asks for four things, and is given them."""
    datas, failures = [DATA[:size] for size in SIZES], list[str]()
    with FrontWire(place, secure=False, source=BYSTANDER) as wire:
        paths = [f"{wire.image}/blobs/{wire.push_blob(data, wire.image)}" for data in datas]
    with closing(Log(place.server.log)) as log:
        for number, attack in enumerate(attacks):
            data = filled(attack, wire, wire.host, paths)
            address = ("127.0.0.1", place.http_port)
            with socket.create_connection(address, 30, (attacker(number), 0)) as connection:
                strike(connection, data)
            with FrontWire(place, secure=False, source=BYSTANDER) as bystander:
                for path, expected in zip(paths, datas, strict=True):
                    reply = bystander.ask("GET", path)
                    if (reply.status, reply.body) != (200, expected):
                        failures.append(f"{attack.name}: the bystander got {reply}")
        lines = log.lines()
    assert any(f" {ATTACKERS}" in line for line in lines)
    assert failures + what_is_wrong(lines, attacks) == []


@pytest.mark.parametrize("method", ["path", "subdomain"])
@pytest.mark.parametrize("family", CORPUS)
def test_d1_nothing_hidden_gets_through_nginx(
    fronts: Mapping[str, Front], method: str, family: str
) -> None:
    assert_nothing_gets_through(fronts[method], CORPUS[family])


# --- straight to the server ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("direct") / "storage", workers=1) as server:
        yield server


@pytest.mark.parametrize("family", CORPUS)
def test_d1_nothing_hidden_gets_through_to_the_server(direct: LiveServer, family: str) -> None:
    failures = []
    with Wire(direct) as bystander, closing(Log(direct.log)) as log:
        blobs = [f"/v2/docker-local/live/app/blobs/{bystander.push_blob(DATA[:n])}" for n in SIZES]
        for attack in CORPUS[family]:
            log.lines()
            data = filled(attack, bystander, direct.host, blobs)
            with socket.create_connection(("127.0.0.1", direct.port), 30) as connection:
                answers = strike(connection, data)
            assert bystander.ask("GET", blobs[0]).body == DATA[: SIZES[0]]
            seen = [line for line in log.lines() if SIGN in line]
            if seen or answers.count(b"HTTP/1.1 ") > 2:
                failures.append(f"{attack.name}: {seen}, {answers[:2000]!r}")
    assert failures == []
