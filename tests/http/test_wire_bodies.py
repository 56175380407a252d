"""Bodies as they travel: in chunks, announced, expected, broken off, several at once."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.http.support import (
    ABSENT,
    CONFIG,
    IMAGE,
    LAYER,
    OCI_IMAGE,
    digest_of,
    manifest_bytes,
)
from tests.http.wire import Answer, Wire
from tests.support.live import LiveServer

UPLOADS = f"{IMAGE}/blobs/uploads/"
SMALL = b"small " * 100
LARGE = bytes(index % 251 for index in range(1_000_000))
SIZES = {"zero": b"", "small": SMALL, "large": LARGE}


def parts(data: bytes, size: int = 70_000) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def begin(wire: Wire) -> str:
    answer = wire.request("POST", UPLOADS)
    assert (answer.status, answer.body) == (202, b"")
    return str(answer.headers["Location"])


def assert_blob(wire: Wire, data: bytes) -> None:
    path = f"{IMAGE}/blobs/{digest_of(data)}"
    answer = wire.request("GET", path)
    assert (answer.status, answer.body) == (200, data)
    head = wire.request("HEAD", path)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(data)))


def code(answer: Answer) -> str:
    assert answer.headers["Content-Type"] == "application/json"
    return str(answer.json()["errors"][0]["code"])


@pytest.mark.parametrize("data", SIZES.values(), ids=SIZES.keys())
def test_chunked_patch_and_put(wire: Wire, data: bytes) -> None:
    data = data + b"1" if data else data
    location = begin(wire)
    answer = wire.chunked("PATCH", location, parts(data))
    assert (answer.status, answer.headers["Range"]) == (202, f"0-{max(len(data) - 1, 0)}")
    assert wire.request("PUT", f"{location}?digest={digest_of(data)}").status == 201
    assert_blob(wire, data)


@pytest.mark.parametrize("data", SIZES.values(), ids=SIZES.keys())
def test_chunked_whole(wire: Wire, data: bytes) -> None:
    for method, target in (("PUT", begin(wire)), ("POST", UPLOADS)):
        content = data + method.encode() if data else data
        path = f"{target}?digest={digest_of(content)}"
        assert wire.chunked(method, path, parts(content)).status == 201
        assert_blob(wire, content)


@pytest.mark.parametrize("size", [1, 10, 65_535, 65_536, 65_537, 300_000])
def test_sizes_around_the_limit_of_memory(wire: Wire, size: int) -> None:
    data = bytes([size % 256]) * size
    answer = wire.request("POST", f"{UPLOADS}?digest={digest_of(data)}", body=data)
    assert answer.status == 201
    assert_blob(wire, data)


def test_chunked_manifest(wire: Wire) -> None:
    for data in (CONFIG, LAYER):
        wire.request("POST", f"{UPLOADS}?digest={digest_of(data)}", body=data)
    for filling in ("x", "x" * 200_000):
        body = manifest_bytes(annotations={"filling": filling})
        answer = wire.chunked(
            "PUT", f"{IMAGE}/manifests/1.0", parts(body, 1000), f"Content-Type: {OCI_IMAGE}"
        )
        assert (answer.status, answer.headers["Docker-Content-Digest"]) == (201, digest_of(body))
        got = wire.request("GET", f"{IMAGE}/manifests/1.0", "Accept: a/b", "Accept: c/d")
        assert (got.body, got.headers.get_all("Content-Type")) == (body, [OCI_IMAGE])


@pytest.mark.parametrize("announced", [True, False])
def test_a_manifest_over_the_limit(live: LiveServer, announced: bool) -> None:
    body = b" " * (4 * 1024 * 1024 + 1)
    with Wire(live) as wire:
        if announced:
            wire.head("PUT", f"{IMAGE}/manifests/big", f"Content-Length: {len(body)}")
            answer = wire.answer()
        else:
            answer = wire.chunked("PUT", f"{IMAGE}/manifests/big", parts(body))
    assert answer.status == 413
    assert code(answer) in ("SIZE_INVALID", "MANIFEST_INVALID")


def test_docker_push_on_one_connection(live: LiveServer, wire: Wire) -> None:
    """The transcript of the reference, with a token and bodies in chunks."""
    image, name = "/v2/docker-local/n/a", "repository%3Adocker-local%2Fn%2Fa%3Apush%2Cpull"
    ping = wire.request("GET", "/v2/", authorization=None)
    assert ping.status == 401
    assert ping.headers["WWW-Authenticate"].startswith(f'Bearer realm="{live.url}/v2/token",')
    asked = wire.request("GET", f"/v2/token?account=admin&scope={name}&service=x")
    wire.authorization = "Bearer " + json.loads(asked.body)["token"]
    body = manifest_bytes(CONFIG, [LARGE], "application/vnd.docker.distribution.manifest.v2+json")
    for data in (LARGE, CONFIG):
        digest = digest_of(data)
        assert wire.request("HEAD", f"{image}/blobs/{digest}").status == 404
        start = wire.request("POST", f"{image}/blobs/uploads/")
        location = start.headers["Location"]
        assert (start.status, start.headers["Range"]) == (202, "0-0")
        patch = wire.chunked("PATCH", location, parts(data))
        assert (patch.status, patch.headers["Range"]) == (202, f"0-{len(data) - 1}")
        put = wire.request(
            "PUT", f"{patch.headers['Location']}?digest={digest.replace(':', '%3A')}"
        )
        assert (put.status, put.headers["Location"]) == (201, f"{image}/blobs/{digest}")
        head = wire.request("HEAD", f"{image}/blobs/{digest}")
        assert head.headers["Content-Length"] == str(len(data))
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    pushed = wire.request("PUT", f"{image}/manifests/t", f"Content-Type: {kind}", body=body)
    assert (pushed.status, pushed.headers["Docker-Content-Digest"]) == (201, digest_of(body))
    assert wire.request("GET", f"{image}/manifests/t").body == body


def test_expect_continue(live: LiveServer) -> None:
    for data in (SMALL + b"e", LARGE + b"e"):
        with Wire(live) as wire:
            path = f"{UPLOADS}?digest={digest_of(data)}"
            wire.head("POST", path, f"Content-Length: {len(data)}", "Expect: 100-continue")
            assert wire.until_blank_line().startswith(b"HTTP/1.1 100 ")
            wire.send(data)
            assert wire.answer().status == 201
            assert_blob(wire, data)


LINES = {
    "expect": ("Content-Length: 1000000", "Expect: 100-continue"),
    "expect, chunked": ("Transfer-Encoding: chunked", "Expect: 100-continue"),
    "large": ("Content-Length: 1000000000000",),
}


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES.keys())
def test_an_unauthorised_body_is_refused_before_it_is_sent(
    live: LiveServer, lines: tuple[str, ...]
) -> None:
    for target in (UPLOADS, f"{UPLOADS}?digest={ABSENT}", f"{UPLOADS}{'0' * 32}"):
        with Wire(live) as wire:
            method = "PATCH" if target.endswith("0" * 32) else "POST"
            wire.head(method, target, *lines, authorization=None)
            head = wire.until_blank_line().lower()
        assert head.startswith(b"http/1.1 401 "), head
        assert b"www-authenticate: bearer" in head


def test_a_refusal_reaches_a_client_that_goes_on_sending(live: LiveServer) -> None:
    with Wire(live) as wire:
        wire.head("PATCH", f"{UPLOADS}{'0' * 32}", f"Content-Length: {len(LARGE) * 3}")
        for part in parts(LARGE * 3):
            try:
                wire.send(part)
            except OSError:
                break
        answer = wire.answer()
    assert (answer.status, code(answer)) == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("size", [1000, 200_000])
@pytest.mark.parametrize("sent", ["chunked", "announced"])
@pytest.mark.parametrize("difference", [-1, 1])
def test_a_body_of_another_length_than_its_range_keeps_nothing(
    wire: Wire, live: LiveServer, size: int, sent: str, difference: int
) -> None:
    location, data = begin(wire), b"x" * size
    line = f"Content-Range: 0-{size - 1 + difference}"
    with Wire(live) as other:
        if sent == "chunked":
            answer = other.chunked("PATCH", location, parts(data), line)
        else:
            answer = other.request("PATCH", location, line, body=data)
    assert (answer.status, code(answer)) == (400, "SIZE_INVALID")
    assert wire.request("GET", location).headers["Range"] == "0-0"
    assert wire.request("PUT", f"{location}?digest={digest_of(data)}", body=data).status == 201


def wait_for_range(wire: Wire, location: str, wanted: str) -> None:
    """Wait until the server has taken in what was sent on another connection."""
    for _ in range(1000):
        if wire.request("GET", location).headers["Range"] == wanted:
            return
        time.sleep(0.01)
    raise AssertionError(f"the upload never got to {wanted}")


def test_a_wrong_start_does_not_disturb_the_body_on_its_way(live: LiveServer, wire: Wire) -> None:
    """Of two clients that append at once, the one at the wrong place is refused, and only it."""
    location = begin(wire)
    half = len(LARGE) // 2
    with Wire(live) as first:
        first.head("PATCH", location, f"Content-Length: {len(LARGE)}")
        first.send(LARGE[:half])
        wait_for_range(wire, location, f"0-{half - 1}")
        refused = wire.request("PATCH", location, "Content-Range: 0-9", body=b"0123456789")
        assert (refused.status, code(refused)) == (416, "RANGE_INVALID")
        first.send(LARGE[half:])
        answer = first.answer()
    assert (answer.status, answer.headers["Range"]) == (202, f"0-{len(LARGE) - 1}")
    assert wire.request("PUT", f"{location}?digest={digest_of(LARGE)}").status == 201


def test_two_patches_at_once(live: LiveServer) -> None:
    with Wire(live) as wire, ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            location = begin(wire)
            line = f"Content-Range: 0-{len(LARGE) - 1}"

            def patch(location: str = location, line: str = line) -> int:
                with Wire(live) as own:
                    return own.request("PATCH", location, line, body=LARGE).status

            statuses = [future.result() for future in [pool.submit(patch) for _ in range(3)]]
            assert set(statuses) <= {202, 404, 416}
            status = wire.request("GET", location)
            assert status.status == 204
            last = int(status.headers["Range"].partition("-")[2])
            assert 202 not in statuses or last == len(LARGE) - 1
            have = 0 if last == 0 else last + 1
            done = wire.request("PUT", f"{location}?digest={digest_of(LARGE)}", body=LARGE[have:])
            assert done.status == 201


def test_the_same_blob_by_many_at_once(live: LiveServer) -> None:
    data = LARGE + b"many"

    def upload(_: int) -> int:
        with Wire(live) as own:
            return own.request("POST", f"{UPLOADS}?digest={digest_of(data)}", body=data).status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(upload, range(16))) == {201}


def test_a_client_that_dies_can_go_on(live: LiveServer, wire: Wire) -> None:
    location, half = begin(wire), len(LARGE) // 2
    with Wire(live) as dying:
        dying.head("PATCH", location, f"Content-Length: {len(LARGE)}")
        dying.send(LARGE[:half])
        wait_for_range(wire, location, f"0-{half - 1}")
    digest = digest_of(LARGE[:half])
    assert wire.request("HEAD", f"{IMAGE}/blobs/{digest}").status == 404
    line = f"Content-Range: {half}-{len(LARGE) - 1}"
    assert wire.request("PATCH", location, line, body=LARGE[half:]).status == 202
    assert wire.request("PUT", f"{location}?digest={digest_of(LARGE)}").status == 201


def test_a_whole_blob_that_breaks_off_leaves_nothing(live: LiveServer) -> None:
    with Wire(live) as wire:
        location = begin(wire)
        kept = {f"{location.rpartition('/')[2]}{end}" for end in (".data", ".jsonl")}
        before = {path.name for path in (live.storage / "uploads").iterdir()} | kept
        with Wire(live) as dying:
            path = f"{UPLOADS}?digest={digest_of(LARGE + b'dies')}"
            dying.head("POST", path, f"Content-Length: {len(LARGE) + 4}")
            dying.send(LARGE)
            for _ in range(1000):
                if {path.name for path in (live.storage / "uploads").iterdir()} - before:
                    break
                time.sleep(0.01)
        for _ in range(1000):
            if {path.name for path in (live.storage / "uploads").iterdir()} == before:
                break
            time.sleep(0.01)
        assert {path.name for path in (live.storage / "uploads").iterdir()} == before


def test_requests_of_one_upload_on_many_connections(live: LiveServer) -> None:
    """Any worker takes any of them; which one is the kernel's choice."""
    with Wire(live) as wire:
        location = begin(wire)
    for at in range(0, len(LARGE), 50_000):
        with Wire(live) as wire:
            chunk = LARGE[at : at + 50_000]
            line = f"Content-Range: {at}-{at + len(chunk) - 1}"
            assert wire.request("PATCH", location, line, body=chunk).status == 202
    with Wire(live) as wire:
        assert wire.request("PUT", f"{location}?digest={digest_of(LARGE)}").status == 201
        assert_blob(wire, LARGE)
