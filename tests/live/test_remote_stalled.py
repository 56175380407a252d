"""Upstreams that stall: they cost neither a thread that works on requests nor anybody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.live.remotes import (
    IMAGE,
    KEY,
    add_remote,
    in_two_parts,
    new_layer,
    read_bytes,
    read_head,
)
from tests.live.wire import Wire
from tests.support.live import LiveServer
from tests.support.upstream import ScriptedUpstream
from tests.support.upstream_answers import held


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as made:
        yield made


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream
) -> Iterator[LiveServer]:
    """A server with one worker and one thread: whatever costs a thread stops it."""
    folder = tmp_path_factory.mktemp("stalled")
    settings = folder / "settings.toml"
    settings.write_text("threads = 1\n")
    environment = {"REGISTRY_CONFIG": str(settings)}
    with LiveServer(folder / "storage", workers=1, settings=environment) as running:
        add_remote(running, upstream)
        yield running


def assert_serves(server: LiveServer) -> None:
    with Wire(server) as wire:
        assert wire.ask("GET", "/v2/").status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_waiting_for_a_manifest_stops_nobody_else(
    server: LiveServer, upstream: ScriptedUpstream, method: str
) -> None:
    gate = threading.Event()
    body = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json"}'
    kind = "application/vnd.oci.image.index.v1+json"
    digest = upstream.manifest("team/app", method.lower(), body, kind)
    path = f"manifests/{method.lower()}"
    upstream.script(path, held(gate, upstream.content.answer))
    with ExitStack() as stack:
        clients = [stack.enter_context(Wire(server)) for _ in range(20)]
        for wire in clients:
            wire.begin(method, f"{IMAGE}/{path}")
        upstream.wait_for(1, part=path)
        assert_serves(server)
        # Somebody who has had enough of it harms nobody.
        clients.pop().socket.close()
        gate.set()
        for wire in clients:
            head = read_head(wire)
            assert b" 200 " in head
            assert f"Docker-Content-Digest: {digest}".encode() in head
            if method == "GET":
                assert read_bytes(wire, len(body)) == body
            assert wire.ask("GET", "/v2/").status == 200
    assert len(upstream.asked("GET", path)) == 1


def test_waiting_for_a_blob_stops_nobody_else(
    server: LiveServer, upstream: ScriptedUpstream
) -> None:
    gate = threading.Event()
    silent, before = new_layer(upstream)
    slow, begun = new_layer(upstream)
    upstream.script(before, held(gate, upstream.content.answer))
    upstream.script(begun, in_two_parts(slow, 100_000, gate))
    with ExitStack() as stack:
        waiting = [stack.enter_context(Wire(server)) for _ in range(10)]
        reading = [stack.enter_context(Wire(server)) for _ in range(10)]
        for wire in waiting:
            wire.begin("GET", f"{IMAGE}/blobs/{before}")
        for wire in reading:
            wire.begin("GET", f"{IMAGE}/blobs/{begun}")
            read_head(wire)
            assert read_bytes(wire, 50_000) == slow[:50_000]
        upstream.wait_for(1, part=before)
        assert_serves(server)
        gate.set()
        for wire in waiting:
            read_head(wire)
            assert read_bytes(wire, len(silent)) == silent
        assert all(read_bytes(w, len(slow) - 50_000) == slow[50_000:] for w in reading)


def test_lists_and_referrers_that_do_not_come_stop_nobody_else(
    server: LiveServer, upstream: ScriptedUpstream
) -> None:
    gate = threading.Event()
    add_remote(server, upstream, key=f"{KEY}-lists", listRemoteFolderItems=True)
    body = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json"}'
    digest = upstream.manifest("team/app", "listed", body)
    upstream.script("/tags/list", held(gate, upstream.content.answer))
    upstream.script("/referrers/", held(gate, upstream.content.answer))
    with Wire(server) as tags, Wire(server) as referrers:
        tags.begin("GET", f"/v2/{KEY}-lists/team/app/tags/list")
        referrers.begin("GET", f"{IMAGE}/referrers/{digest}")
        upstream.wait_for(1, part="/tags/list")
        upstream.wait_for(1, part="/referrers/")
        assert_serves(server)
        gate.set()
        answer = tags.reply()
        assert answer.status == 200
        assert b'"listed"' in answer.body
        assert referrers.reply().status == 200
