"""Servers that are each other's upstream: what one has all have, and nobody asks in circles.

Each has a local repository, remote ones of the others, and a virtual one over all of them, which
is what the others ask. How many requests there were is counted in the logs.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from registry.repositories.remote.shared import ASKING
from tests.live.remotes import add_remote
from tests.live.wire import Reply, Wire, digest_of
from tests.support.live import LiveServer
from tests.support.upstream import ScriptedUpstream

LAYER: Final = os.urandom(700_000)
IDLE: Final = 600_000
"""Milliseconds that each waits for another: in a circle, longer than a test for an answer."""
MOST: Final = 8
"""Requests that one pull may cost one server: its own, another's with and without credentials."""


@dataclass
class Ring:
    """Servers of which each asks the next one, and the last the first."""

    servers: Sequence[LiveServer]
    names: Iterator[str] = field(default_factory=lambda: (f"team/app{n}" for n in range(100)))

    def ask(self, number: int, path: str, *headers: str, method: str = "GET") -> Reply:
        with Wire(self.servers[number]) as wire:
            return wire.ask(method, path, *headers)

    def pull(self, number: int, image: str, *, reference: str = "1") -> Reply:
        return self.ask(number, f"/v2/all/{image}/manifests/{reference}")

    def push(self, number: int, image: str, layer: bytes = LAYER) -> bytes:
        with Wire(self.servers[number]) as wire:
            return wire.push_image("1", layer, image=f"/v2/docker-local/{image}")

    def requests(self, about: str) -> list[int]:
        """Return how many requests about something each server has been asked."""
        counts = []
        for server in self.servers:
            lines = server.log.read_text().splitlines()
            counts.append(sum("/v2/" in line and about in line for line in lines))
        return counts

    def requests_since(self, before: Sequence[int], about: str) -> list[int]:
        """Return how many there were since there had been so many."""
        return [now - old for now, old in zip(self.requests(about), before, strict=True)]


def connect(asking: LiveServer, asked: LiveServer, key: str, **fields: object) -> None:
    """Let one server have another one as the upstream of a remote repository."""
    target: dict[str, object] = {
        "url": f"{asked.url}/artifactory/api/docker/all",
        "username": "admin",
        "password": asked.admin_password,
        "socketTimeoutMillis": IDLE,
        "listRemoteFolderItems": True,
    }
    with ExitStack() as stack:
        upstream = stack.enter_context(ScriptedUpstream())
        add_remote(asking, upstream, key, **(target | fields))


def show_all(server: LiveServer, *members: str) -> None:
    document = {"rclass": "virtual", "packageType": "docker", "repositories": list(members)}
    with Wire(server) as wire:
        reply = wire.ask(
            "PUT", "/artifactory/api/repositories/all", "Content-Type: application/json",
            body=json.dumps(document).encode(),
        )  # fmt: skip
    assert reply.status == 200, reply


@pytest.fixture(scope="module", params=[2, 3])
def ring(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ring]:
    folder: Path = tmp_path_factory.mktemp("ring")
    with ExitStack() as stack:
        servers = [
            stack.enter_context(LiveServer(folder / f"server-{number}", workers=2))
            for number in range(request.param)
        ]
        for server, following in zip(servers, [*servers[1:], servers[0]], strict=True):
            connect(server, following, "next")
            show_all(server, "docker-local", "next")
        yield Ring(servers)


def test_what_nobody_has_is_absent_at_once(ring: Ring) -> None:
    for number in range(len(ring.servers)):
        image = next(ring.names)
        missing, blob = digest_of(image.encode()), digest_of(LAYER[:number])
        for path in ("manifests/1", f"manifests/{missing}", f"blobs/{blob}"):
            before, deadline = ring.requests(image), time.monotonic() + 30
            reply = ring.ask(number, f"/v2/all/{image}/{path}")
            assert reply.status == 404
            assert reply.code in ("MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN")
            # The line of a request is written when its answer has been sent.
            while not all(asked := ring.requests_since(before, image)):
                assert time.monotonic() < deadline, asked
            assert max(asked) <= MOST, asked
        assert ring.ask(number, f"/v2/all/{image}/tags/list").status == 404
        assert ring.ask(number, f"/v2/next/{image}/manifests/2").status == 404


def test_what_one_has_all_have(ring: Ring) -> None:
    for owner in range(len(ring.servers)):
        image = next(ring.names)
        body = ring.push(owner, image)
        for number in range(len(ring.servers)):
            found = ring.pull(number, image)
            assert (found.status, found.body) == (200, body), (owner, number)
            blob = ring.ask(number, f"/v2/all/{image}/blobs/{digest_of(LAYER)}")
            assert (blob.status, blob.body) == (200, LAYER)
            assert json.loads(ring.ask(number, f"/v2/all/{image}/tags/list").body)["tags"] == ["1"]
        assert all(count <= 4 * MOST for count in ring.requests(image)), ring.requests(image)


def test_what_was_absent_can_be_pulled_where_it_comes_to_be(ring: Ring) -> None:
    image = next(ring.names)
    assert ring.pull(0, image).status == 404
    for owner in range(1, len(ring.servers)):
        body = ring.push(owner, image)
        assert ring.pull(owner, image).body == body


def test_all_at_once_wait_for_nobody_in_circles(ring: Ring) -> None:
    """Each has a request of its own in hand when that of another one comes."""
    images = [next(ring.names) for _ in range(8)]
    statuses: list[int] = []

    def pull(number: int) -> None:
        statuses.extend(ring.pull(number, image).status for image in images)

    threads = [
        threading.Thread(target=pull, args=(number % len(ring.servers),)) for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [404] * (6 * len(images))


def test_a_request_that_comes_back_is_told_why_and_gets_what_is_here(ring: Ring) -> None:
    image = next(ring.names)
    name = ring.ask(0, "/artifactory/api/system/service_id").body.decode().replace("@", "-")
    via = f"Via: 1.1 nginx, 1.1 {name}"
    reply = ring.ask(0, f"/v2/next/{image}/manifests/1", via)
    assert (reply.status, reply.code) == (404, "MANIFEST_UNKNOWN")
    assert "has come through this server before" in reply.body.decode()
    assert "has come through this server before" in ring.servers[0].log.read_text()
    path = f"/artifactory/api/docker/resolve?path=all/{image}:1"
    reasons = [row["reason"] for row in json.loads(ring.ask(0, path, via).body)["members"]]
    assert "has come through this server before" in reasons[-1]
    assert ring.requests(image)[1:] == [0] * (len(ring.servers) - 1)
    body = ring.push(0, image)
    assert ring.ask(0, f"/v2/all/{image}/manifests/1", via).body == body


def test_a_web_server_in_front_is_nobody_who_comes_back(ring: Ring) -> None:
    image = next(ring.names)
    body = ring.push(1, image)
    found = ring.ask(
        0, f"/v2/all/{image}/manifests/1", "Via: 1.1 nginx, 1.1 nginx", "Via: 2 google"
    )
    assert (found.status, found.body) == (200, body)


def test_so_many_servers_are_a_circle(ring: Ring) -> None:
    image = next(ring.names)
    ring.push(1, image)
    via = "Via: " + ", ".join(f"1.1 proxy-{number}" for number in range(11))
    assert ring.ask(0, f"/v2/all/{image}/manifests/1", via).status == 404
    assert ring.pull(0, image).status == 200


def test_a_name_in_a_request_gives_nobody_a_right(ring: Ring) -> None:
    image = next(ring.names)
    ring.push(0, image)
    name = ring.ask(0, "/artifactory/api/system/service_id").body.decode().replace("@", "-")
    for via in (f"Via: 1.1 {name}", "Via: 1.1 jfrt-another"):
        with Wire(ring.servers[0]) as wire:
            reply = wire.ask("GET", f"/v2/all/{image}/manifests/1", via, anonymous=True)
        assert reply.status == 401


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ring, ScriptedUpstream]]:
    """Two servers that ask each other first, and then an upstream that only the first one has."""
    folder: Path = tmp_path_factory.mktemp("crossed")
    with ExitStack() as stack:
        hub = stack.enter_context(ScriptedUpstream())
        servers = [stack.enter_context(LiveServer(folder / name, workers=1)) for name in "ab"]
        connect(servers[0], servers[1], "next", retrievalCachePeriodSecs=0)
        add_remote(servers[0], hub, "hub", retrievalCachePeriodSecs=0, listRemoteFolderItems=True)
        show_all(servers[0], "docker-local", "next", "hub")
        connect(servers[1], servers[0], "next", retrievalCachePeriodSecs=0)
        show_all(servers[1], "docker-local", "next")
        yield Ring(servers), hub


def manifest(layer: bytes) -> bytes:
    kind = "application/vnd.oci.image"

    def part(media_type: str, data: bytes) -> dict[str, object]:
        return {"mediaType": f"{kind}.{media_type}", "digest": digest_of(data), "size": len(data)}

    document = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": part("config.v1+json", b"{}"),
        "layers": [part("layer.v1.tar", layer)],
    }
    return json.dumps(document).encode()


def test_what_comes_round_in_vain_is_not_remembered_against_an_upstream(
    crossed: tuple[Ring, ScriptedUpstream],
) -> None:
    """The second server asks the first in vain while that asks it, and in earnest afterwards."""
    ring, hub = crossed
    body = manifest(LAYER)
    hub.manifest("their/app", "1", body)
    for blob in (LAYER, b"{}"):
        hub.blob("their/app", blob)
    for number in (0, 1, 0, 1):
        found = ring.pull(number, "their/app")
        assert (found.status, found.body) == (200, body), number
    assert ring.ask(1, f"/v2/all/their/app/blobs/{digest_of(LAYER)}").body == LAYER


def test_a_tag_that_moves_upstream_moves_on_both(crossed: tuple[Ring, ScriptedUpstream]) -> None:
    """What one has of the other in its cache does not come back to it as if it were new."""
    ring, hub = crossed
    for layer in (b"first", b"second", b"third"):
        body = manifest(layer)
        hub.manifest("their/moving", "1", body)
        for blob in (layer, b"{}"):
            hub.blob("their/moving", blob)
        for number in (1, 0, 1):
            found = ring.pull(number, "their/moving")
            assert (found.status, found.body) == (200, body), (layer, number)


def test_via_is_well_formed_and_names_all_on_the_way(
    crossed: tuple[Ring, ScriptedUpstream],
) -> None:
    ring, hub = crossed
    hub.manifest("their/other", "1", manifest(b"other"))
    assert ring.pull(1, "their/other").status == 200
    own = [
        ring.ask(number, "/artifactory/api/system/service_id").body.decode() for number in (0, 1)
    ]
    names = [re.escape(text.replace("@", "-")) for text in own]
    asked = hub.asked("GET", "their/other")
    ways = [request.headers["via"] for request in asked if "manifests" in request.path]
    assert ways
    assert any(re.fullmatch(f"1.1 {names[1]}, 1.1 {names[0]}", way) for way in ways), ways


def test_however_many_ask_at_once_the_other_is_answered(
    crossed: tuple[Ring, ScriptedUpstream],
) -> None:
    """All threads that ask for clients may wait for a server all of whose threads wait for us."""
    ring, _ = crossed
    count, statuses = 2 * ASKING, list[int]()

    def pull(number: int) -> None:
        statuses.append(ring.pull(number % 2, f"nobody/has{number}").status)

    threads = [threading.Thread(target=pull, args=(number,)) for number in range(2 * count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [404] * len(threads)
