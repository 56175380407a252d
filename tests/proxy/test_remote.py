"""First pulls through a remote repository, behind nginx: bytes pass while they come."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping

import pytest

from tests.live.remotes import SIZE, in_two_parts, new_layer, read_bytes, read_head
from tests.proxy.fronts import Front
from tests.proxy.wire import FrontWire, digest_of
from tests.support.upstream import ScriptedUpstream

IMAGE = "/v2/mirror/team/app"


@pytest.fixture(scope="module")
def upstream(fronts: Mapping[str, Front]) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as made, FrontWire(fronts["path"]) as wire:
        reply = wire.ask(
            "PUT", "/artifactory/api/repositories/mirror", "Content-Type: application/json",
            body=json.dumps({"rclass": "remote", "url": made.url}).encode(),
        )  # fmt: skip
        assert reply.status == 200, reply
        yield made


def test_bytes_pass_before_upstream_has_sent_the_last_and_then_come_from_the_proxy(
    fronts: Mapping[str, Front], upstream: ScriptedUpstream
) -> None:
    gate = threading.Event()
    data, digest = new_layer(upstream)
    upstream.script(digest, in_two_parts(data, SIZE // 2, gate))
    with FrontWire(fronts["path"], secure=False) as wire:
        wire.begin("GET", f"{IMAGE}/blobs/{digest}")
        head = read_head(wire)
        assert f"Content-Length: {SIZE}".encode() in head
        assert read_bytes(wire, SIZE // 4) == data[: SIZE // 4]
        gate.set()
        assert read_bytes(wire, SIZE - SIZE // 4) == data[SIZE // 4 :]
        again = wire.ask("GET", f"{IMAGE}/blobs/{digest}", "Range: bytes=1000-99999")
        assert (again.status, again.body) == (206, data[1000:100_000])
    assert len(upstream.asked("GET", digest)) == 1


def test_a_lie_is_no_whole_answer_behind_a_proxy_either(
    fronts: Mapping[str, Front], upstream: ScriptedUpstream
) -> None:
    data, digest = new_layer(upstream)
    upstream.blob("team/app", data)
    upstream.content.blobs["team/app", digest] = data[:-1] + bytes([data[-1] ^ 1])
    with FrontWire(fronts["path"], secure=False) as wire:
        wire.begin("GET", f"{IMAGE}/blobs/{digest}")
        head = read_head(wire)
        assert b" 200 " in head
        assert digest_of(read_bytes(wire, SIZE)) != digest
        assert len(data) == SIZE
