"""What was answered by one worker is seen by the other at once."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.live.wire import IMAGE, Wire, digest_of
from tests.support.live import LiveServer

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SEARCH = "/artifactory/api/docker/search"


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


@pytest.fixture(scope="module")
def indexed(server: LiveServer) -> LiveServer:
    """The server, when both workers have their index."""
    deadline = time.monotonic() + 30
    while server.log.read_text().count("the index is ready") < 2:
        assert time.monotonic() < deadline, server.log_tail()
        time.sleep(0.02)
    return server


def push(server: LiveServer, tag: str, note: str) -> str:
    config = b"{}"
    with Wire(server) as wire:
        target = f"{IMAGE}/blobs/uploads/?digest={digest_of(config)}"
        assert wire.ask("POST", target, body=config).status == 201
        body = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": "x/y", "digest": digest_of(config), "size": len(config)},
                "layers": [],
                "annotations": {"note": note},
            }
        ).encode()
        kind = f"Content-Type: {MANIFEST}"
        answer = wire.ask("PUT", f"{IMAGE}/manifests/{tag}", kind, body=body)
        assert answer.status == 201, answer.body
    return digest_of(body)


def tags(server: LiveServer) -> list[str]:
    with Wire(server) as wire:
        answer = wire.ask("GET", f"{IMAGE}/tags/list")
    return list(json.loads(answer.body)["tags"]) if answer.status == 200 else []


def found(server: LiveServer, query: str) -> list[str]:
    with Wire(server) as wire:
        answer = wire.ask("GET", f"{SEARCH}?{query}")
    assert answer.status == 200, answer.body
    return [package["tag"] for package in json.loads(answer.body)["packages"]]


def test_a_push_and_a_deletion_are_seen_by_the_other_worker(indexed: LiveServer) -> None:
    for number in range(6):
        pusher, reader = number % 2, 1 - number % 2
        tag = f"t{number}"
        with only(indexed, pusher):
            digest = push(indexed, tag, tag)
        with only(indexed, reader):
            assert tag in tags(indexed)
            assert found(indexed, f"digest={digest}") == [tag]
            with Wire(indexed) as wire:
                assert wire.ask("DELETE", f"{IMAGE}/manifests/{tag}").status == 202
        with only(indexed, pusher):
            assert tag not in tags(indexed)
            assert found(indexed, f"tag={tag}") == []


def test_what_the_command_line_deletes_and_brings_back_is_seen(indexed: LiveServer) -> None:
    push(indexed, "kept", "kept")
    name = IMAGE.removeprefix("/v2/")
    for worker in (0, 1):
        with only(indexed, worker):
            assert found(indexed, "tag=kept") == ["kept"]
    assert indexed.cli("delete", f"{name}:kept").returncode == 0
    for worker in (0, 1):
        with only(indexed, worker):
            assert found(indexed, "tag=kept") == []
            assert "kept" not in tags(indexed)
    done = indexed.cli("trash", "restore", f"{name}:kept")
    assert done.returncode == 0, done.stderr
    for worker in (0, 1):
        with only(indexed, worker):
            assert found(indexed, "tag=kept") == ["kept"]


def test_a_worker_that_takes_the_place_of_a_dead_one_answers_at_once(indexed: LiveServer) -> None:
    push(indexed, "there", "there")
    indexed.kill_worker(indexed.worker_pids()[0])
    for worker in (0, 1):
        with only(indexed, worker):
            assert found(indexed, "tag=there") == ["there"]
            assert "there" in tags(indexed)
