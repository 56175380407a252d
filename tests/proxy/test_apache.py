"""The configuration of Apache: Apache itself accepts it, and clients come through it."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients.images import Layout
from tests.clients.programs import Program
from tests.proxy.apache import configuration, running_apache
from tests.proxy.backend import SocketServer, short_folder
from tests.proxy.enclave import Enclave
from tests.proxy.fronts import METHODS, STAGE, Place, create_repositories, written
from tests.proxy.smuggling import CORPUS
from tests.proxy.test_smuggling import assert_nothing_gets_through
from tests.proxy.test_trust import CASES, CLIENT
from tests.proxy.wire import FrontWire, challenge, digest_of
from tests.support.nginx import Certificate, free_port
from tests.support.tools import require_tool

DATA = random.Random(15).randbytes(2_000_000)


@pytest.fixture(scope="module")
def places(certificate: Certificate) -> Iterator[dict[str, Place]]:
    """A server, and Apache before it in each of the three methods."""
    require_tool("apache2")
    with ExitStack() as stack:
        folder: Path = stack.enter_context(short_folder())
        server = stack.enter_context(SocketServer(folder, workers=1))
        ports = create_repositories(server)
        made = {}
        for method in METHODS:
            place = Place(server, certificate, method, free_port(), free_port(), ports)
            text = written("apache", place)
            stack.enter_context(running_apache(folder / f"apache-{method}", text, server))
            made[method] = place
        yield made


@pytest.fixture(params=METHODS)
def place(places: dict[str, Place], request: pytest.FixtureRequest) -> Place:
    """Each place in its turn."""
    return places[request.param]


@pytest.fixture
def wire(place: Place) -> Iterator[FrontWire]:
    """A connection to each place in its turn."""
    with FrontWire(place, source=CLIENT) as connection:
        yield connection


def test_apache_accepts_it(place: Place, tmp_path: Path) -> None:
    path = configuration(tmp_path, written("apache", place), "root")
    done = subprocess.run(
        ["apache2", "-t", "-f", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "Syntax OK\n")


def test_realm_and_address_are_those_of_the_client(place: Place) -> None:
    for secure in (True,) if place.method == "port" else (True, False):
        with FrontWire(place, secure=secure, source=CLIENT) as wire:
            found = challenge(wire.ask("GET", "/v2/", anonymous=True))
            assert found == {"realm": f"{wire.base}/v2/token", "service": wire.host}
            assert f" INFO {CLIENT} " in place.server.access_log()[-1]
            assert wire.start_upload(wire.image).startswith(f"{wire.image}/blobs/uploads/")


@pytest.mark.parametrize("lies", CASES)
def test_what_a_client_says_of_itself_changes_nothing(place: Place, lies: str) -> None:
    headers = CASES[lies]
    # Some of these end the connection.
    with FrontWire(place, source=CLIENT) as wire:
        reply = wire.ask("GET", "/v2/", *headers, anonymous=True)
        assert challenge(reply) == {"realm": f"{wire.base}/v2/token", "service": wire.host}
    with FrontWire(place, source=CLIENT) as wire:
        upload = wire.ask("POST", f"{wire.image}/blobs/uploads/", *headers)
        assert upload.headers["Location"].startswith(f"{wire.image}/blobs/uploads/")
    with FrontWire(place, source=CLIENT) as wire:
        path = f"{wire.image}/blobs/{wire.push_blob(DATA[:200_000], wire.image)}"
        reply = wire.ask("GET", path, *headers)
        assert (reply.status, reply.body) == (200, DATA[:200_000])
        assert not [name for name in reply.headers if name.lower().startswith("x-accel")]
    assert all(f" INFO {CLIENT} " in line for line in place.server.access_log()[-4:])


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, len(DATA)])
def test_blobs_come_and_go_whole_and_in_parts(wire: FrontWire, size: int) -> None:
    data = DATA[:size]
    path = f"{wire.image}/blobs/{wire.push_blob(data, wire.image)}"
    assert wire.ask("GET", path).body == data
    # Apache does not pass on that the length of what it does not send is zero.
    assert wire.ask("HEAD", path).headers["Content-Length"] == (str(size) if size else None)
    assert wire.ask("GET", path.replace("sha256:", "sha256%3A")).body == data
    assert wire.ask("GET", path, f'If-None-Match: "{digest_of(data)}"').status == 304
    for first in (1, 40_000):
        reply = wire.ask("GET", path, f"Range: bytes={first}-")
        if first < size:
            assert (reply.status, reply.body) == (206, data[first:])
        else:
            assert reply.status == 416


def test_an_upload_in_chunks_comes_through(wire: FrontWire) -> None:
    upload = wire.start_upload(wire.image)
    wire.begin("PATCH", upload, "Transfer-Encoding: chunked")
    for start in range(0, len(DATA), 100_000):
        wire.chunk(DATA[start : start + 100_000])
    wire.chunk(b"")
    sent = wire.reply()
    assert (sent.status, sent.headers["Range"]) == (202, f"0-{len(DATA) - 1}")
    done = wire.ask("PUT", f"{sent.headers['Location']}?digest={digest_of(DATA)}")
    assert done.status == 201


REFUSED = {
    "a path with a zero byte": ("GET", "/v2/%00", []),
    "a path that leaves the root": ("GET", "/v2/..%2f..%2f..%2fx", []),
    "a long path": ("GET", f"/v2/{'x' * 40_000}", []),
    "a long header": ("GET", "/v2/", [f"X: {'y' * 40_000}"]),
    "a name with a space": ("GET", "/v2/", ["A b: c"]),
    "an unknown coding": ("POST", "/v2/", ["Transfer-Encoding: gzip"]),
    "TRACE": ("TRACE", "/v2/", []),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_json(wire: FrontWire, name: str) -> None:
    method, target, headers = REFUSED[name]
    reply = wire.ask(method, target, *headers)
    assert 400 <= reply.status < 500
    assert reply.headers["Content-Type"] == "application/json"
    assert json.loads(reply.body)["errors"][0]["message"]


@pytest.mark.parametrize("hidden", ["%0d%0aX", "%0a", "%00", "%7f", "a%1bb"])
def test_a_path_with_a_control_character_does_not_reach_the_server(
    wire: FrontWire, hidden: str
) -> None:
    before = wire.front.server.access_log()
    for target in (f"/v2/{hidden}", f"{wire.image}/manifests/{hidden}"):
        with FrontWire(wire.front) as other:
            assert other.ask("GET", target).status in (400, 404)
    assert wire.front.server.access_log() == before


@pytest.mark.parametrize("method", ["path", "subdomain"])
@pytest.mark.parametrize("family", ["codings", "lengths", "chunks", "places"])
def test_nothing_hidden_gets_through(places: dict[str, Place], method: str, family: str) -> None:
    """A path with the end of a line in it once became a request of its own, of nobody."""
    assert_nothing_gets_through(places[method], CORPUS[family])


def test_a_server_that_is_away_is_503_in_json_until_it_is_back(places: dict[str, Place]) -> None:
    place = places["path"]
    place.server.stop()
    try:
        with FrontWire(place) as wire:
            reply = wire.ask("GET", "/v2/")
    finally:
        place.server.start()
    assert reply.status == 503
    assert reply.headers["Content-Type"] == "application/json"
    assert int(reply.headers["Retry-After"]) > 0
    assert reply.code == "UNAVAILABLE"
    with FrontWire(place) as wire:
        assert wire.ask("GET", "/v2/").status == 200


@pytest.fixture(scope="module")
def inside(places: dict[str, Place], enclave: Enclave) -> Iterator[dict[str, Place]]:
    """The same Apaches on the same ports in the network of real clients."""
    with ExitStack() as stack:
        folder: Path = stack.enter_context(short_folder())
        for method, place in places.items():
            authority = place.certificate.authority.read_text()
            enclave.write(f"/etc/containers/certs.d/{place.host(STAGE)}/ca.crt", authority)
            with enclave.on_path():
                text = written("apache", place)
                stack.enter_context(running_apache(folder / method, text, place.server))
        yield places


@pytest.mark.parametrize("method", METHODS)
def test_skopeo_brings_back_what_it_took(
    inside: dict[str, Place], skopeo: Program, layout: Layout, method: str, tmp_path: Path
) -> None:
    place = inside[method]
    made = layout.image([{"large": DATA[:300_000]}, {"said": b"by Apache"}], {}, tag="1")
    reference = f"docker://{place.reference(STAGE, 'skopeo/app')}:1"
    password = place.server.admin_password
    skopeo.refused("copy", "--dest-creds=admin:x", f"oci:{layout.folder}:1", reference)
    skopeo("login", "--username=admin", "--password-stdin", place.host(STAGE), input=password)
    skopeo("copy", f"oci:{layout.folder}:1", reference)
    assert json.loads(skopeo("inspect", reference))["Digest"] == made["digest"]
    skopeo("copy", reference, f"oci:{tmp_path}/back:1")
    for blob in (layout.folder / "blobs/sha256").iterdir():
        assert (tmp_path / "back/blobs/sha256" / blob.name).read_bytes() == blob.read_bytes()
