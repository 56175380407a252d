"""Worker processes: nothing is shared but the disk, and an end finishes what has begun."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.live.wire import IMAGE, Wire, digest_of
from tests.support.live import LiveServer


@contextmanager
def only(server: LiveServer, worker: int) -> Iterator[None]:
    """Let one worker alone serve: the others are stopped meanwhile."""
    others = [pid for number, pid in enumerate(server.worker_pids()) if number != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def test_requests_of_one_upload_go_to_any_worker(server: LiveServer) -> None:
    data = os.urandom(500_000)
    with only(server, 0), Wire(server) as wire:
        upload = wire.start_upload()
    for number in range(5):
        start = number * 100_000
        span = f"Content-Range: {start}-{start + 99_999}"
        with only(server, number % 2), Wire(server) as wire:
            reply = wire.ask("PATCH", upload, span, body=data[start : start + 100_000])
            assert (reply.status, reply.headers["Range"]) == (202, f"0-{start + 99_999}")
    with only(server, 1), Wire(server) as wire:
        assert wire.ask("PUT", f"{upload}?digest={digest_of(data)}").status == 201
    with only(server, 0), Wire(server) as wire:
        assert wire.ask("GET", f"{IMAGE}/blobs/{digest_of(data)}").body == data
        assert wire.ask("GET", upload).status == 404


def test_a_change_by_the_command_line_is_seen_by_all_workers_at_once(server: LiveServer) -> None:
    server.add_user("carol", "carols-password")
    for worker in (0, 1):
        with only(server, worker), Wire(server, user="carol", password="carols-password") as wire:
            assert wire.ask("GET", "/v2/").status == 200
    assert server.cli("user", "remove", "carol").returncode == 0
    for worker in (0, 1):
        with only(server, worker), Wire(server, user="carol", password="carols-password") as wire:
            assert wire.ask("GET", "/v2/").status == 401


def test_a_worker_that_dies_is_replaced(server: LiveServer) -> None:
    before = server.worker_pids()
    server.kill_worker(before[0])
    after = server.worker_pids()
    assert before[0] not in after
    assert len(after) == len(before)
    with Wire(server) as wire:
        assert wire.ask("GET", "/v2/").status == 200


def test_sigterm_lets_an_upload_in_flight_finish(tmp_path: Path) -> None:
    data = os.urandom(2_000_000)
    server = LiveServer(tmp_path / "storage")
    server.start()
    with Wire(server) as wire:
        length = f"Content-Length: {len(data)}"
        wire.begin("POST", f"{IMAGE}/blobs/uploads/?digest={digest_of(data)}", length)
        wire.send(data[:1_000_000])
        os.kill(server.pid, signal.SIGTERM)
        wait_until_refused(server)
        wire.send(data[1_000_000:])
        reply = wire.reply()
    assert server._running().wait(30) == 0
    assert reply.status == 201
    assert reply.headers["Connection"] == "close"


def wait_until_refused(server: LiveServer) -> None:
    """Return when no process listens any more, so that all of them have heard of their end."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    raise AssertionError("the server goes on listening")


def test_workers_end_when_their_master_is_killed(tmp_path: Path) -> None:
    server = LiveServer(tmp_path / "storage")
    server.start()
    workers = server.worker_pids()
    os.kill(server.pid, signal.SIGKILL)
    server._running().wait()
    # A worker looks for its master once a second, and is nobody's child that could be waited for.
    deadline = time.monotonic() + 30
    while any(is_running(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_running(pid) for pid in workers)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_access_log_has_one_line_a_request(server: LiveServer) -> None:
    with Wire(server) as wire:
        wire.push_image("logged", b"layer one", image="/v2/docker-local/live/logged")
        wire.ask("GET", "/v2/docker-local/live/logged/manifests/logged")
    lines = [line for line in server.log.read_text().splitlines() if "manifests/logged" in line]
    assert len(lines) == 2
    for part in (" admin GET ", " 200 ", "repository=docker-local", "image=live/logged", "ms="):
        assert part in lines[1]
