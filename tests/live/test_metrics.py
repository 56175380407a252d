"""Figures over several workers: the sum is right whoever is asked, and never goes back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.test_workers import only
from tests.live.wire import IMAGE, Wire
from tests.support.live import LiveServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server of the test's own, so that its counters begin with the test."""
    with LiveServer(tmp_path / "storage") as running:
        yield running


def figure(server: LiveServer, name: str, worker: int = 0) -> float:
    """Return a figure as one worker tells it; one that is not told is 0."""
    with only(server, worker), Wire(server) as wire:
        reply = wire.ask("GET", "/metrics")
    assert reply.status == 200
    found = re.search(rf"^{re.escape(name)} (\S+)$", reply.body.decode(), re.MULTILINE)
    return float(found[1]) if found else 0


def asked(route: str, method: str, status: int) -> str:
    return f'registry_http_requests_total{{method="{method}",route="{route}",status="{status}"}}'


def test_each_worker_tells_what_all_of_them_have_answered(server: LiveServer) -> None:
    for worker, count in ((0, 3), (1, 4)):
        with only(server, worker), Wire(server) as wire:
            for _ in range(count):
                assert wire.ask("GET", f"{IMAGE}/manifests/none").status == 404
    for worker in (0, 1):
        assert figure(server, asked("manifests", "GET", 404), worker) == 7


def test_bytes_of_bodies_are_counted_whichever_way_they_come(server: LiveServer) -> None:
    data = os.urandom(300_000)
    with Wire(server) as wire:
        for body in (data, data[:1000]):
            upload = wire.start_upload()
            assert wire.ask("PATCH", upload, body=body).status == 202
    received = 'registry_http_received_bytes_total{route="uploads"}'
    assert figure(server, received) == 301_000
    assert figure(server, "registry_uploads_in_progress") == 2


def test_a_refused_body_was_not_received(server: LiveServer) -> None:
    data = os.urandom(300_000)
    with Wire(server, user="admin", password="wrong") as wire:
        assert wire.ask("PUT", f"{IMAGE}/blobs/uploads/x?digest=y", body=data).status == 401
    assert figure(server, asked("uploads", "PUT", 401)) == 1
    assert figure(server, 'registry_http_received_bytes_total{route="uploads"}') == 0


def test_a_worker_that_dies_takes_no_figure_with_it(server: LiveServer) -> None:
    name = asked("manifests", "GET", 404)
    for _ in range(2):
        for worker in (0, 1):
            with only(server, worker), Wire(server) as wire:
                wire.ask("GET", f"{IMAGE}/manifests/none")
        before = figure(server, name)
        server.kill_worker(server.worker_pids()[0])
        assert figure(server, name) == before
    assert figure(server, name) == 4
    assert figure(server, "registry_workers") == 2
    assert figure(server, 'registry_log_messages_total{level="error"}') == 0


def test_open_connections_are_those_that_are_open(server: LiveServer) -> None:
    with only(server, 1):
        wires = [Wire(server) for _ in range(3)]
        for wire in wires:
            assert wire.ask("GET", "/healthz").status == 200
    # A worker writes the number down when it next looks after its sockets, so that may take turns.
    name = 'registry_connections{worker="1"}'
    while figure(server, name, worker=0) != 3:
        continue
    for wire in wires:
        wire.__exit__(None, None, None)
    while figure(server, name, worker=0) != 0:
        continue


def test_what_is_no_request_is_counted_too(server: LiveServer) -> None:
    with only(server, 0), Wire(server) as wire:
        wire.socket.sendall(b"GET / HTTP/1.1\r\nHost: r\r\nContent-Length: x\r\n\r\n")
        while wire.socket.recv(65536):
            continue
    assert figure(server, asked("unread", "other", 400)) == 1


def test_the_figures_of_the_storage_come_by_themselves(server: LiveServer) -> None:
    """The thread beside the requests counts what is stored; nobody has to ask for it."""
    name = "registry_repositories_counted_timestamp_seconds"
    path = server.storage / "storage-summary.json"
    while not path.exists():
        os.sched_yield()
    assert figure(server, name) > 0
    assert figure(server, 'registry_repository_files{repository="docker-local"}') == 0


def test_each_worker_tells_of_its_own_index(server: LiveServer) -> None:
    with Wire(server) as wire:
        wire.push_image("1.0", b"layer")
    for worker in ("0", "1"):
        while figure(server, f'registry_index_manifests{{worker="{worker}"}}') != 1:
            continue
        assert figure(server, f'registry_index_ready{{worker="{worker}"}}') == 1
