"""A chain of servers: the virtual repository of one is the upstream of another one's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.live.remotes import add_remote
from tests.live.wire import Reply, Wire, digest_of
from tests.support.live import LiveServer
from tests.support.upstream import ScriptedUpstream

APP = "team/app"
LAYER = os.urandom(1024 * 1024)


class Chain:
    """Clients ask ``near``, whose upstream is ``far``, whose upstream is scripted."""

    def __init__(self, near: LiveServer, far: LiveServer, scripted: ScriptedUpstream) -> None:
        self.near, self.far, self.scripted = near, far, scripted

    def get(self, path: str, key: str = "all") -> Reply:
        with Wire(self.near) as wire:
            return wire.ask("GET", f"/v2/{key}/{path}")


def make(server: LiveServer, path: str, document: Any, method: str = "PUT") -> Reply:
    with Wire(server) as wire:
        return wire.ask(
            method, path, "Content-Type: application/json", body=json.dumps(document).encode()
        )


def token_of(server: LiveServer) -> str:
    """Return an access token that may read what the virtual repository shows, and no more."""
    server.add_user("mirror", "password-of-mirror")
    with Wire(server, user="mirror", password="password-of-mirror") as wire:
        reply = wire.ask(
            "POST", "/access/api/v1/tokens", "Content-Type: application/json",
            body=json.dumps({"scope": "applied-permissions/user"}).encode(),
        )  # fmt: skip
    assert reply.status == 200, reply
    return str(json.loads(reply.body)["access_token"])


def virtual(server: LiveServer, key: str, *members: str) -> None:
    document = {"rclass": "virtual", "packageType": "docker", "repositories": members}
    assert make(server, f"/artifactory/api/repositories/{key}", document).status == 200


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    folder: Path = tmp_path_factory.mktemp("chain")
    with ExitStack() as stack:
        scripted = stack.enter_context(ScriptedUpstream())
        far = stack.enter_context(LiveServer(folder / "far", workers=1))
        near = stack.enter_context(LiveServer(folder / "near", workers=1))
        add_remote(far, scripted, key="mirror")
        virtual(far, "everything", "docker-local", "mirror")
        url = f"{far.url}/artifactory/api/docker/everything"
        fresh = {
            "retrievalCachePeriodSecs": 0,
            "failedRetrievalCachePeriodSecs": 0,
            "assumedOfflinePeriodSecs": 0,
        }
        add_remote(near, scripted, key="far", **{"url": url, "password": token_of(far), **fresh})
        virtual(near, "all", "docker-local", "far")
        yield Chain(near, far, scripted)


def test_images_of_a_member_far_away_are_pulled_by_the_one_name(chain: Chain) -> None:
    with Wire(chain.far) as wire:
        body = wire.push_image("1.0", LAYER, image=f"/v2/docker-local/{APP}")
    found = chain.get(f"{APP}/manifests/1.0")
    assert (found.status, found.body) == (200, body)
    assert found.headers["X-Registry-Member"] == "far"
    assert chain.get(f"{APP}/blobs/{digest_of(LAYER)}").body == LAYER


def test_what_the_far_server_fetches_itself_comes_through_both(chain: Chain) -> None:
    data = os.urandom(700_000)
    config = b"{}"
    kind = "application/vnd.oci.image"
    layers = [{"mediaType": f"{kind}.layer.v1.tar", "digest": digest_of(data), "size": len(data)}]
    top = {
        "mediaType": f"{kind}.config.v1+json", "digest": digest_of(config), "size": len(config),
    }  # fmt: skip
    document = {
        "schemaVersion": 2, "mediaType": f"{kind}.manifest.v1+json", "config": top,
        "layers": layers,
    }  # fmt: skip
    body = json.dumps(document).encode()
    for blob in (config, data):
        chain.scripted.blob("their/app", blob)
    chain.scripted.manifest("their/app", "2", body)
    found = chain.get("their/app/manifests/2")
    assert (found.status, found.body) == (200, body)
    assert chain.get(f"their/app/blobs/{digest_of(data)}").body == data
    assert len(chain.scripted.asked("GET", f"blobs/{digest_of(data)}")) == 1


def test_pulls_go_on_while_the_far_server_is_away_and_when_it_is_back(chain: Chain) -> None:
    image = "/v2/docker-local/team/goes-on"
    with Wire(chain.far) as wire:
        first = wire.push_image("1", LAYER, image=image)
    assert chain.get("team/goes-on/manifests/1").body == first
    chain.far.stop()
    try:
        stale = chain.get("team/goes-on/manifests/1")
        assert (stale.status, stale.body) == (200, first)
        assert stale.headers["X-Registry-Cache"] == "stale"
        assert chain.get("team/never-pulled/manifests/1").status in (404, 502)
    finally:
        chain.far.start()
    with Wire(chain.far) as wire:
        second = wire.push_image("1", b"another layer", image=image)
    assert chain.get("team/goes-on/manifests/1").body == second


def test_what_the_far_server_does_not_have_is_absent(chain: Chain) -> None:
    assert chain.get("team/none/manifests/1").status == 404
    assert chain.get(f"team/none/blobs/{digest_of(b'none')}").status == 404
