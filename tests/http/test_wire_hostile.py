"""Requests that are none, or that two readers could understand differently."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.http.corpora import bad, hostile
from tests.http.support import IMAGE, LAYER, digest_of
from tests.http.wire import Answer, Wire
from tests.support.live import LiveServer

HOST = b"Host: x\r\n"
CLIENT_HELLO = bytes.fromhex("16030100f1010000ed0303") + b"\x11" * 235


def alive(live: LiveServer) -> bool:
    with Wire(live) as wire:
        return wire.request("GET", "/v2/").status == 200


def names(live: LiveServer) -> set[str]:
    """Return all names around the storage folder, but for files of ours that only come."""
    root: Path = live.storage.parent
    found = {str(path.relative_to(root)) for path in root.rglob("*")}
    ours = ("storage/locks/", "storage/pulls/", "storage/pruning.json", "storage/_tmp.")
    return {name for name in found if not name.startswith(ours)}


def test_a_tls_hello_is_answered_at_once(live: LiveServer) -> None:
    """The client would otherwise wait for its time-out before it tries plain HTTP."""
    for hello in (CLIENT_HELLO, CLIENT_HELLO[:5], CLIENT_HELLO[:1]):
        with Wire(live) as wire:
            wire.send(hello)
            assert wire.rest().startswith(b"HTTP/1.")
    assert alive(live)


BROKEN = {
    "garbage": b"garbage\r\n\r\n",
    "binary": bytes(range(128, 256)) + b"\r\n\r\n",
    "letters then binary": b"GET \x00\x01\xff /v2/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /v2/ HTTP/9\r\n" + HOST + b"\r\n",
    "lower case": b"get /v2/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "space in the path": b"GET /v2/ x HTTP/1.1\r\n" + HOST + b"\r\n",
    "no colon": b"GET /v2/ HTTP/1.1\r\n" + HOST + b"nonsense\r\n\r\n",
    "space before the colon": b"GET /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length : 5\r\n\r\nhello",
    "bare LF": b"GET /v2/ HTTP/1.1\nHost: x\nX: y\n\n\r\n\r\n",
    "bare CR": b"GET /v2/ HTTP/1.1\r\n" + HOST + b"X: a\rY: b\r\n\r\n",
    "LF in a value": b"GET /v2/ HTTP/1.1\r\n" + HOST + b"X: a\nY: b\r\n\r\n",
    "zero byte in a value": b"GET /v2/ HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n",
    "folded": b"GET /v2/ HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "two hosts": b"GET /v2/ HTTP/1.1\r\n" + HOST + b"Host: y\r\n\r\n",
    "two lengths": b"POST /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n" * 2 + b"\r\nx",
    "a list of lengths": b"POST /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length: 1, 1\r\n\r\nx",
    "both lengths": b"POST /v2/ HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"POST /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
    "signed length": b"POST /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\nx",
    "hex length": b"POST /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length: 0x1\r\n\r\nx",
    "length in letters": b"POST /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length: one\r\n\r\nx",
    "empty length": b"POST /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n",
    "unicode length": b"POST /v2/ HTTP/1.1\r\n" + HOST + b"Content-Length: \xb2\r\n\r\nxx",
    "chunked twice": b"POST /v2/ HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n" * 2
    + b"\r\n0\r\n\r\n",
    "other encoding": b"POST /v2/ HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n",
    "other encodings": b"POST /v2/ HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "chunk size": b"POST /v2/ HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "negative chunk": b"POST /v2/ HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "chunk too long": b"POST /v2/ HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n",
    "large header": b"GET /v2/ HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
    "many headers": b"GET /v2/ HTTP/1.1\r\n" + HOST + b"X: yyyyyyyy\r\n" * 10_000 + b"\r\n",
    "long line": b"GET /v2/" + b"x" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_broken_requests(live: LiveServer, data: bytes) -> None:
    """4xx in JSON; 501 is for transfer encodings that nobody knows. 401 is for readable ones."""
    with Wire(live) as wire:
        wire.send(data)
        answer = wire.answer()
    assert 400 <= answer.status < 500 or answer.status == 501, answer
    assert answer.json()["errors"][0]["message"]
    assert answer.headers["Content-Type"] == "application/json"
    assert b"Traceback" not in answer.body
    assert alive(live)


AMBIGUOUS = [
    "two hosts", "two lengths", "a list of lengths", "both lengths", "negative length",
    "signed length", "hex length", "length in letters", "unicode length", "chunked twice",
    "other encoding", "other encodings", "chunk size", "negative chunk", "space before the colon",
    "bare CR", "LF in a value", "zero byte in a value",
]  # fmt: skip


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_after_an_ambiguous_request_nothing_is_read(live: LiveServer, name: str) -> None:
    """What follows could be the smuggled part; the connection has to end."""
    with Wire(live) as wire:
        smuggled = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
        try:
            wire.send(BROKEN[name] + smuggled)
            everything = wire.rest()
        except ConnectionResetError:
            return
    assert everything.count(b"HTTP/1.1 ") + everything.count(b"HTTP/1.0 ") == 1, everything
    assert not everything.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2"))


def test_spellings_of_a_target_that_are_good_enough(live: LiveServer) -> None:
    for target in (f"http://{live.host}/v2/", "http://evil.example/v2/", "v2/", "/v2/#x", "//v2/"):
        with Wire(live) as wire:
            assert wire.request("GET", target).status in (200, 400, 404), target


@pytest.mark.parametrize(
    "target", ["//v2/_catalog", "///v2/_catalog", "/v2//_catalog", "/v2/./_catalog", "v2/_catalog",
               "/v2/x/../_catalog", "/%76%32/_catalog", "/v2/%5fcatalog", "http://x/v2/_catalog"],
)  # fmt: skip
def test_b2_no_spelling_of_a_path_gets_around_the_credentials(
    live: LiveServer, target: str
) -> None:
    """Advisory class of Harbor CVE-2020-29662: the same list by another path."""
    for method in ("GET", "HEAD", "OPTIONS"):
        with Wire(live) as wire:
            answer = wire.request(method, target, authorization=None)
        assert answer.status in (400, 401, 404, 405), (method, target)
        assert b"repositories" not in answer.body


def test_b2_a_path_hides_no_slashes_and_dots(wire: Wire) -> None:
    """A proxy in front decides by what it sees, so the registry must not see another path."""
    path = f"{IMAGE}/blobs/{digest_of(LAYER)}"
    wire.request("POST", f"{IMAGE}/blobs/uploads/?digest={digest_of(LAYER)}", body=LAYER)
    assert wire.request("GET", path).status == 200
    for shown, hidden in (
        ("team/app", "team%2fapp"), ("team/app", "team%2Fapp"), ("/team", "%2fteam"),
        ("team/app", "team%5Capp"), ("team/app", "team/app%00"),
        ("team/app", "team%2fx%2f..%2fapp"),
    ):  # fmt: skip
        answer = wire.request("GET", path.replace(shown, hidden))
        assert answer.status in (400, 404), hidden


TARGETS = [
    ("OPTIONS", "*"), ("CONNECT", "x:1"), ("TRACE", "/v2/"), ("FOO", "/v2/"), ("GET", "http://"),
    ("GET", "/v2/../etc/passwd"), ("GET", "//["), ("GET", "http://[/v2/"), ("GET", "http://]"),
    ("GET", "http://x:port/"), ("GET", "//\xe2\x84\x80/"), ("GET", "?"), ("GET", "#"), ("GET", "%"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "target"), TARGETS)
def test_odd_targets(live: LiveServer, method: str, target: str) -> None:
    with Wire(live) as wire:
        answer = wire.request(method, target)
    assert 400 <= answer.status < 500
    assert answer.json()["errors"]
    assert alive(live)


def test_two_authorizations_are_none(wire: Wire) -> None:
    line = f"Authorization: {wire.authorization}"
    assert wire.request("GET", "/v2/", line).status in (400, 401)
    assert wire.request("GET", "/v2/", "Authorization: Bearer x").status in (400, 401)


def check(answer: Answer, method: str) -> str:
    if answer.status >= 500:
        return str(answer.status)
    if answer.status < 400:
        return f"accepted with {answer.status}"
    if method == "HEAD":
        return ""
    try:
        return "" if json.loads(answer.body)["errors"] else "no errors"
    except (ValueError, KeyError):
        return "no JSON"


@pytest.mark.parametrize("place", ["key", "name", "tag", "digest", "upload"])
def test_encoded_paths_on_a_socket(live: LiveServer, place: str) -> None:
    """What test clients and proxies would tidy up arrives here as it is."""
    before = names(live)
    grammar = {"tag": "tag", "digest": "digest"}.get(place, "name")
    path = {
        "key": "/v2/@/app/manifests/1.0",
        "name": "/v2/docker-local/@/manifests/1.0",
        "tag": f"{IMAGE}/manifests/@",
        "digest": f"{IMAGE}/blobs/@",
        "upload": f"{IMAGE}/blobs/uploads/@",
    }[place]
    failures = []
    wire = Wire(live)
    for number, text in enumerate(bad(hostile(), grammar)[::3]):
        method = ("GET", "PUT", "DELETE", "HEAD")[number % 4]
        try:
            answer = wire.request(method, path.replace("@", text))
        except ConnectionError:
            failures.append(f"{method} {text[:200]}: no answer")
            answer = None
        complaint = "" if answer is None else check(answer, method)
        if complaint:
            failures.append(f"{method} {text[:200]}: {complaint}")
        if answer is None or answer.headers.get("Connection") == "close":
            wire.socket.close()
            wire = Wire(live)
    wire.socket.close()
    assert failures == []
    assert names(live) == before
    assert alive(live)


def test_keep_alive_and_close(live: LiveServer) -> None:
    with Wire(live) as wire:
        for _ in range(3):
            for method in ("GET", "HEAD", "DELETE", "FOO"):
                wire.request(method, f"{IMAGE}/manifests/none")
            assert wire.request("GET", "/v2/").status == 200
        assert wire.request("GET", "/v2/", "Connection: close").status == 200
        assert wire.rest() == b""


def test_answers_without_a_body_have_no_length(wire: Wire) -> None:
    digest = digest_of(LAYER)
    put = wire.request("POST", f"{IMAGE}/blobs/uploads/?digest={digest}", body=LAYER)
    assert (put.status, put.headers["Content-Length"]) == (201, "0")
    location = wire.request("POST", f"{IMAGE}/blobs/uploads/").headers["Location"]
    for method, target, status in (
        ("GET", location, 204),
        ("DELETE", location, 204),
        ("GET", f"{IMAGE}/blobs/{digest}", 304),
    ):
        answer = wire.request(method, target, f'If-None-Match: "{digest}"')
        assert (answer.status, answer.body) == (status, b"")
        assert "Content-Length" not in answer.headers
        assert "Transfer-Encoding" not in answer.headers


def test_two_requests_sent_at_once_are_answered_in_order(live: LiveServer) -> None:
    with Wire(live) as wire:
        wire.head("GET", "/v2/")
        wire.head("GET", "/healthz", "Connection: close")
        everything = wire.rest()
    assert everything.count(b"HTTP/1.1 200") == 2
    assert everything.index(b"{}") < everything.index(b'"ok"')
