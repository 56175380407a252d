"""Who is believed: the proxy in front and nobody else, whatever a client sends.

Advisory classes of Artifactory CVE-2019-9733 and Gitea CVE-2026-20896 (A16, D3, D4 of the plan).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.wire import Wire
from tests.proxy.fronts import LOCAL, Front
from tests.proxy.wire import FrontWire, challenge
from tests.support.live import LiveServer, free_port
from tests.support.nginx import Nginx
from tests.support.tools import require_tool

LARGE = random.Random(9).randbytes(200_000)
CLIENT = "127.0.0.9"
"""Where the clients of these tests connect from."""
CLAIMED = "203.0.113.9"
LIES = [
    f"X-Forwarded-For: {CLAIMED}",
    f"X-Forwarded-For: 127.0.0.1, {CLAIMED}",
    f"X-Real-IP: {CLAIMED}",
    f"Forwarded: for={CLAIMED};host=evil.example;proto=http",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: ftp",
    "X-Forwarded-Port: 1",
    "X-Forwarded-Prefix: /evil",
    "X-Forwarded-Server: evil.example",
    "X-Original-URI: /evil/v2/team/app/blobs/uploads/",
    "X-Original-URL: /evil",
    "X-Rewrite-URL: /evil",
    "X-Remote-User: admin",
    "Remote-User: admin",
    "X-Registry-Offload: /evil/",
    "X-Registry-Offload: /",
    "X-Accel-Redirect: /_content/evil",
    "X-Accel-Buffering: yes",
    "X-Accel-Limit-Rate: 1",
    "X-Accel-Expires: 100000",
    "X-Accel-Charset: evil",
    "X-Sendfile: /etc/passwd",
    "X-Registry-Sent-By: proxy",
    "Connection: keep-alive, X-Forwarded-For, X-Forwarded-Host, X-Registry-Offload",
]
TWICE = [f"X-Forwarded-Host: evil{number}.example" for number in range(2)]
UNDERLINED = ["X_Forwarded_Host: evil.example", f"X_Forwarded_For: {CLAIMED}"]
CASES = {**{line: [line] for line in LIES}, "all": LIES, "twice": TWICE, "underlined": UNDERLINED}


def test_realm_and_location_have_host_and_port_of_the_client(front: Front) -> None:
    # A port of a repository is for HTTPS alone.
    for secure in (True,) if front.method == "port" else (True, False):
        with FrontWire(front, secure=secure) as wire:
            found = challenge(wire.ask("GET", "/v2/", anonymous=True))
            assert found == {"realm": f"{wire.base}/v2/token", "service": wire.host}
            found = challenge(wire.ask("GET", f"{wire.image}/tags/list", anonymous=True))
            name = wire.image.removeprefix("/v2/")
            assert found["scope"] == f"repository:{name}:pull"
            token = wire.ask("GET", f"/v2/token?service={wire.host}&scope={found['scope']}")
            assert json.loads(token.body)["token"]
            location = wire.start_upload(wire.image)
            assert location.startswith((f"{wire.image}/blobs/", f"{wire.base}{wire.image}/blobs/"))


@pytest.mark.parametrize("lies", CASES)
def test_a16_what_a_client_says_of_itself_changes_nothing(front: Front, lies: str) -> None:
    headers = CASES[lies]
    with FrontWire(front, source=CLIENT) as wire:
        before = len(front.server.access_log())
        reply = wire.ask("GET", "/v2/", *headers, anonymous=True)
        assert challenge(reply) == {"realm": f"{wire.base}/v2/token", "service": wire.host}
        upload = wire.ask("POST", f"{wire.image}/blobs/uploads/", *headers)
        assert upload.status == 202
        assert upload.headers["Location"].startswith(f"{wire.image}/blobs/uploads/")

        path = f"{wire.image}/blobs/{wire.push_blob(LARGE, wire.image)}"
        for method in ("GET", "HEAD"):
            reply = wire.ask(method, path, *headers)
            assert reply.status == 200
            assert reply.body == (LARGE if method == "GET" else b"")
            assert not [name for name in reply.headers if name.lower().startswith("x-accel")]
        assert wire.ask("GET", path, *headers, anonymous=True).status == 401

        lines = front.server.access_log()[before:]
        assert len(lines) == 6
        assert all(f" INFO {CLIENT} " in line for line in lines), lines


@pytest.mark.parametrize("host", ['x"y', "x,y", "x;y=1", "evil@x", "x\\y", "x:99999999", "{}"])
def test_a_hostile_host_learns_nothing_of_the_unix_socket(front: Front, host: str) -> None:
    with FrontWire(front) as wire:
        reply = wire.ask("GET", "/v2/", f"Host: {host}", anonymous=True)
        assert str(front.server.socket) not in str(reply.headers)
        if reply.status != 400:
            assert challenge(reply) == {
                "realm": "https://localhost/v2/token",
                "service": "localhost",
            }


# --- without a proxy -----------------------------------------------------------------------------


def assert_disbelieved(server: LiveServer, wire: Wire, peer: str) -> None:
    """Whatever this client sends, the server sees where it is and whom it asked."""
    image = "/v2/docker-local/team/app"
    path = f"{image}/blobs/{wire.push_blob(LARGE, image)}"
    offer = "X-Registry-Offload: /_content/"
    for headers in [*CASES.values(), [offer], [offer, *LIES]]:
        before = len(server.log.read_text().splitlines())
        found = challenge(wire.ask("GET", "/v2/", *headers, anonymous=True))
        assert found == {"realm": "http://registry.test/v2/token", "service": "registry.test"}
        for asked in ("Accept: */*", "Range: bytes=0-100000"):
            reply = wire.ask("GET", path, *headers, asked)
            assert reply.status in (200, 206)
            assert LARGE.startswith(reply.body)
            assert len(reply.body) > 100_000
            assert not [name for name in reply.headers if name.lower().startswith("x-accel")]
        lines = server.log.read_text().splitlines()[before:]
        assert len(lines) == 3
        assert all(f" INFO {peer} " in line for line in lines), lines


def test_d3_a_server_without_a_proxy_believes_nobody(tmp_path: Path) -> None:
    with LiveServer(tmp_path / "storage", workers=1) as server, Wire(server) as wire:
        assert_disbelieved(server, wire, "127.0.0.1")


@pytest.fixture
def by_tcp(tmp_path: Path) -> Iterator[tuple[LiveServer, int]]:
    """A server on a port that believes one address, and nginx on that address before it."""
    require_tool("nginx")
    settings = tmp_path / "settings.toml"
    settings.write_text('trusted_proxies = ["127.0.0.3"]\n')
    with ExitStack() as stack:
        environment = {"REGISTRY_CONFIG": str(settings)}
        server = LiveServer(tmp_path / "storage", workers=1, settings=environment)
        stack.enter_context(server)
        port = free_port()
        written = server.cli(
            "reverse-proxy", "nginx", "--server-name", "registry.test",
            "--http-port", str(port), "--backend", server.host,
        )  # fmt: skip
        assert written.returncode == 0, written.stderr
        text = f"proxy_bind 127.0.0.3;\n{written.stdout}"
        stack.enter_context(Nginx(tmp_path / "nginx", text))
        yield server, port


def test_d3_a_server_on_a_port_believes_its_proxy_and_nobody_beside_it(
    by_tcp: tuple[LiveServer, int],
) -> None:
    server, port = by_tcp
    with Wire(server) as direct:
        assert_disbelieved(server, direct, "127.0.0.1")
        path = f"/v2/docker-local/team/app/blobs/{direct.push_blob(LARGE)}"
    through = LiveServer(server.storage, port=port)
    with Wire(through) as wire:
        wire.push_blob(LARGE, "/v2/docker-local/team/app")
        reply = wire.ask("GET", path)
        assert (reply.status, reply.body) == (200, LARGE)
        assert reply.headers["X-Registry-Sent-By"] == "proxy"


def test_the_key_of_a_repository_is_not_taken_from_the_path_of_a_client(front: Front) -> None:
    """What an X-Original-URI says would stand in every Location; a proxy overwrites it."""
    with FrontWire(front, LOCAL) as wire:
        inner = "/artifactory/api/docker/docker-stage/v2"
        reply = wire.ask("POST", f"{inner}/team/app/blobs/uploads/", *LIES)
        assert reply.status == 202
        assert reply.headers["Location"].startswith(f"{inner}/team/app/blobs/uploads/")
