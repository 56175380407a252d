"""The first pull through a remote repository: bytes flow while they come, and none is wrong."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.remotes import (
    IMAGE,
    SIZE,
    add_remote,
    halved_layer,
    in_two_parts,
    leader,
    new_layer,
    read_bytes,
    read_head,
)
from tests.live.wire import Reply, Wire, digest_of
from tests.support.connections import process_of
from tests.support.live import LiveServer
from tests.support.upstream import ScriptedUpstream

HALF = SIZE // 2


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as made:
        yield made


@pytest.fixture(scope="module")
def remote_server(
    tmp_path_factory: pytest.TempPathFactory, scripted: ScriptedUpstream
) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("remote") / "storage", workers=2) as running:
        add_remote(running, scripted, hardFail=True, failedRetrievalCachePeriodSecs=0)
        yield running


@pytest.fixture
def upstream(scripted: ScriptedUpstream) -> ScriptedUpstream:
    scripted.forget()
    return scripted


def pull(server: LiveServer, digest: str, *headers: str) -> Reply:
    with Wire(server) as wire:
        return wire.ask("GET", f"{IMAGE}/blobs/{digest}", *headers)


def of_both_workers(server: LiveServer, stack: ExitStack) -> list[Wire]:
    """Open twenty connections, or as many as it takes until each worker has taken one."""
    opened: list[Wire] = []
    workers, took = server.worker_pids(), set[int]()
    while len(opened) < 20 or len(took) < len(workers):
        opened.append(stack.enter_context(Wire(server)))
        took.add(process_of(opened[-1].socket, workers))
    return opened


def nothing_left(server: LiveServer) -> bool:
    return not os.listdir(server.storage / "uploads")


def test_the_first_bytes_are_here_before_upstream_has_sent_the_last(
    remote_server: LiveServer, upstream: ScriptedUpstream
) -> None:
    data, digest, gate = halved_layer(upstream)
    with Wire(remote_server) as wire:
        wire.begin("GET", f"{IMAGE}/blobs/{digest}")
        head = read_head(wire)
        assert b" 200 " in head
        assert f"Content-Length: {SIZE}".encode() in head
        first = read_bytes(wire, HALF)
        assert first == data[:HALF]
        gate.set()
        assert read_bytes(wire, SIZE - HALF) == data[HALF:]
    assert pull(remote_server, digest).body == data
    assert len(upstream.asked("GET", digest)) == 1


def test_the_last_bytes_of_a_lie_never_leave(
    remote_server: LiveServer, upstream: ScriptedUpstream
) -> None:
    data, digest = new_layer(upstream)
    lie = data[:-1] + bytes([data[-1] ^ 1])
    gate = threading.Event()
    gate.set()
    upstream.script(digest, in_two_parts(lie, HALF, gate))
    with Wire(remote_server) as wire:
        wire.begin("GET", f"{IMAGE}/blobs/{digest}")
        read_head(wire)
        assert len(read_bytes(wire, SIZE)) < SIZE
        assert wire.socket.recv(1) == b""
    assert not Path(remote_server.storage, "filestore/sha256", digest[7:9], digest[7:]).exists()
    assert nothing_left(remote_server)


def test_a_client_that_leaves_stops_nobody(
    remote_server: LiveServer, upstream: ScriptedUpstream
) -> None:
    data, digest, gate = halved_layer(upstream)
    with Wire(remote_server) as stays:
        with Wire(remote_server) as leaves:
            leaves.begin("GET", f"{IMAGE}/blobs/{digest}")
            read_head(leaves)
            stays.begin("GET", f"{IMAGE}/blobs/{digest}")
            read_head(stays)
        gate.set()
        assert read_bytes(stays, SIZE) == data
    assert len(upstream.asked("GET", digest)) == 1


def test_many_clients_of_both_workers_cause_one_download(
    remote_server: LiveServer, upstream: ScriptedUpstream
) -> None:
    data, digest, gate = halved_layer(upstream)
    with ThreadPoolExecutor(50) as pool:
        pulls = [pool.submit(pull, remote_server, digest) for _ in range(50)]
        upstream.wait_for(1, "GET", digest)
        gate.set()
        assert all(one.result().body == data for one in pulls)
    assert len(upstream.asked("GET", digest)) == 1


def test_when_the_worker_that_downloads_is_killed_another_goes_on(
    remote_server: LiveServer, upstream: ScriptedUpstream
) -> None:
    gate = threading.Event()
    data, digest = new_layer(upstream)
    upstream.script(digest, in_two_parts(data, HALF, gate), upstream.content.answer)
    with ExitStack() as stack:
        clients = of_both_workers(remote_server, stack)
        for wire in clients:
            wire.begin("GET", f"{IMAGE}/blobs/{digest}")
        for wire in clients:
            read_head(wire)
        assert all(read_bytes(wire, 1000) == data[:1000] for wire in clients)
        remote_server.kill_worker(leader(remote_server))
        whole = 0
        for wire in clients:
            try:
                whole += read_bytes(wire, SIZE - 1000) == data[1000:]
            except ConnectionResetError:
                continue
    # Those of the killed worker have lost their connection, and the others nothing.
    assert 0 < whole < len(clients)
    assert pull(remote_server, digest).body == data
    first, second = upstream.asked("GET", digest)
    assert "range" not in first.headers
    assert int(second.headers["range"].removeprefix("bytes=").rstrip("-")) > 0


def test_parts_and_old_clients_get_what_they_ask_for_while_it_comes(
    remote_server: LiveServer, upstream: ScriptedUpstream
) -> None:
    data, digest, gate = halved_layer(upstream)
    with Wire(remote_server) as middle, Wire(remote_server) as end, Wire(remote_server) as old:
        middle.begin("GET", f"{IMAGE}/blobs/{digest}", "Range: bytes=1000-2999")
        head = read_head(middle)
        assert b" 206 " in head
        assert f"Content-Range: bytes 1000-2999/{SIZE}".encode() in head
        assert read_bytes(middle, 2000) == data[1000:3000]
        # The connection goes on after a part of something that is still coming.
        assert middle.ask("GET", "/v2/").status == 200

        end.begin("GET", f"{IMAGE}/blobs/{digest}", "Range: bytes=-10")
        old.send(f"GET {IMAGE}/blobs/{digest} HTTP/1.0\r\n{old.authorization}\r\n\r\n".encode())
        gate.set()
        read_head(end)
        assert read_bytes(end, 10) == data[-10:]
        read_head(old)
        assert read_bytes(old, SIZE + 1) == data
    assert len(upstream.asked("GET", digest)) == 1


def test_a_request_behind_one_whose_answer_is_coming_is_answered_after_it(
    remote_server: LiveServer, upstream: ScriptedUpstream
) -> None:
    data, digest, gate = halved_layer(upstream)
    with Wire(remote_server) as wire:
        wire.begin("GET", f"{IMAGE}/blobs/{digest}")
        wire.begin("GET", "/v2/")
        read_head(wire)
        assert read_bytes(wire, HALF) == data[:HALF]
        gate.set()
        assert read_bytes(wire, SIZE - HALF) == data[HALF:]
        assert b" 200 " in read_head(wire)


def test_to_ask_whether_a_blob_is_there_downloads_nothing(
    remote_server: LiveServer, upstream: ScriptedUpstream
) -> None:
    _, digest = new_layer(upstream)
    with Wire(remote_server) as wire:
        reply = wire.ask("HEAD", f"{IMAGE}/blobs/{digest}")
        assert (reply.status, reply.headers["Content-Length"]) == (200, str(SIZE))
        assert wire.ask("HEAD", f"{IMAGE}/blobs/{digest_of(b'absent')}").status == 404
    assert upstream.asked("GET", digest) == []


def test_a_server_that_ends_lets_what_is_coming_arrive(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    data, digest, gate = halved_layer(upstream)
    with LiveServer(tmp_path / "storage", workers=1) as server:
        add_remote(server, upstream)
        with Wire(server) as wire:
            wire.begin("GET", f"{IMAGE}/blobs/{digest}")
            read_head(wire)
            ending = threading.Thread(target=server.stop)
            ending.start()
            read_bytes(wire, HALF)
            gate.set()
            assert read_bytes(wire, SIZE - HALF) == data[HALF:]
        ending.join(30)
        server.start()
