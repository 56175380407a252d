"""C7: slow, endless and silent upstreams cost nobody more than a set time, and few threads."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from registry.model.upstream_errors import UpstreamFailed
from registry.repositories.upstream import client as upstream_client
from registry.repositories.upstream import transfers
from registry.repositories.upstream.bulkhead import Bulkhead
from registry.repositories.upstream.client import Upstream
from registry.repositories.upstream.failures import Failure
from registry.repositories.upstream.terms import Surroundings
from tests.repositories.upstream.asking import (
    IMAGE,
    LAYER,
    LAYER_DIGEST,
    MANIFEST,
    SHORT,
    TAG,
    client,
    read_all,
)
from tests.support.upstream import Answer, Request, ScriptedUpstream, Wire
from tests.support.upstream_answers import drips, endless, floods, held, redirects, stalls

HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {len(MANIFEST)}\r\n".encode()


@pytest.mark.parametrize(
    "answer",
    [
        stalls(), stalls(b"HTTP/1.1 200"), stalls(HEAD + b"\r\n" + MANIFEST[:10]),
        drips(HEAD * 1000), drips(HEAD + b"\r\n" + MANIFEST),
        drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 60_000),
        floods(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    ],
    ids=["silent", "half a line", "half a body", "headers", "body", "size of a chunk", "100"],
)  # fmt: skip
def test_c7_no_call_takes_longer_than_its_time(upstream: ScriptedUpstream, answer: Answer) -> None:
    upstream.script("/manifests/", answer)
    far = client(upstream.url, socketTimeoutMillis=SHORT)
    with pytest.raises(UpstreamFailed, match=r"in time|too long"):
        far.manifest(IMAGE, TAG)


def test_c7_a_chain_of_slow_answers_shares_one_time(upstream: ScriptedUpstream) -> None:
    """Each hop is within its own limit; all together are not within that of the call."""

    def slow(request: Request, wire: Wire) -> None:
        wire.ending.wait(0.1)
        redirects(f"{request.path}x")(request, wire)

    upstream.script("/manifests/", slow)
    far = client(upstream.url, socketTimeoutMillis=SHORT)
    with pytest.raises(UpstreamFailed, match="in time"):
        far.manifest(IMAGE, TAG)
    assert len(upstream.asked()) <= 5


def test_c7_endless_small_chunks_are_no_manifest(upstream: ScriptedUpstream) -> None:
    upstream.script("/manifests/", endless(b"x"))
    with pytest.raises(UpstreamFailed):
        client(upstream.url, socketTimeoutMillis=SHORT).manifest(IMAGE, TAG)


def test_c7_a_blob_that_stalls_fails(upstream: ScriptedUpstream) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(LAYER)}\r\n\r\n".encode()
    upstream.script("/blobs/", stalls(head + LAYER[:5000]))
    far = client(upstream.url, socketTimeoutMillis=2 * SHORT)
    stream = far.open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    with pytest.raises(UpstreamFailed, match="in time"):
        read_all(stream)
    assert far.paused_until is None


def test_c7_a_blob_that_drips_fails(upstream: ScriptedUpstream) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(LAYER)}\r\n\r\n".encode()

    def slow(request: Request, wire: Wire) -> None:
        wire.send(head)
        drips(LAYER)(request, wire)

    upstream.script("/blobs/", slow)
    stream = client(upstream.url, socketTimeoutMillis=2 * SHORT).open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    with pytest.raises(UpstreamFailed, match="too slowly"):
        read_all(stream)


def test_c7_a_blob_that_takes_for_ever_fails(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "LONGEST", 0)
    stream = client(upstream.url).open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    with pytest.raises(UpstreamFailed, match="too long"):
        read_all(stream)


def test_a_reader_that_takes_its_time_is_not_the_fault_of_upstream(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = client(upstream.url)
    stream = far.open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    # An hour passes after each reading, and none while it lasts.
    clock = (float(3600 * (count // 2)) for count in itertools.count())
    monkeypatch.setattr(transfers, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert read_all(stream, 100) == LAYER


def test_c7_a_name_service_that_is_silent_is_given_up() -> None:
    ending = threading.Event()

    def look_up(host: str, port: int) -> list[tuple[str, int]]:
        ending.wait(20)
        return []

    far = client("http://slow.example", Surroundings(look_up=look_up), socketTimeoutMillis=SHORT)
    with pytest.raises(UpstreamFailed, match="in time"):
        far.manifest(IMAGE, TAG)
    ending.set()


def many(count: int, call: Callable[[], object]) -> list[BaseException | object]:
    def one() -> BaseException | object:
        try:
            return call()
        except UpstreamFailed as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: one(), range(count)))


def small(upstream: ScriptedUpstream, places: int, **fields: int) -> Upstream:
    return client(upstream.url, Surroundings(most_waiting=places), **fields)


def test_a_stalled_upstream_takes_few_threads(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are sent away before it has answered anybody."""
    monkeypatch.setattr(upstream_client, "_PATIENCE", 0.1)
    gate = threading.Event()
    upstream.script("/manifests/", held(gate, upstream.content.answer))
    far = small(upstream, 2)
    pool = ThreadPoolExecutor(2)
    waiting = [pool.submit(far.manifest, IMAGE, TAG) for _ in range(2)]
    upstream.wait_for(2)
    refused = many(6, lambda: far.manifest(IMAGE, TAG))
    assert all("too many wait for it already" in str(error) for error in refused)
    assert len(upstream.asked()) == 2
    gate.set()
    assert all(w.result(20) is not None for w in waiting)
    assert far.manifest(IMAGE, TAG) is not None
    pool.shutdown()


def test_a_busy_upstream_that_answers_sends_nobody_away(upstream: ScriptedUpstream) -> None:
    far = small(upstream, 2)
    found = many(30, lambda: far.manifest(IMAGE, TAG))
    assert not any(isinstance(one, BaseException) for one in found)


def test_nobody_waits_for_a_place_for_ever() -> None:
    """Not even where others come and go all the time."""
    bulkhead = Bulkhead(1, 3600, 0.05)
    with bulkhead.place(), pytest.raises(Failure, match="too many"), bulkhead.place():
        pass
    with bulkhead.place():
        pass


def test_a_download_takes_no_place_from_others(upstream: ScriptedUpstream) -> None:
    far = small(upstream, 1)
    stream = far.open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    with stream:
        assert far.manifest(IMAGE, TAG) is not None


def test_a_body_nobody_wants_is_not_waited_for(upstream: ScriptedUpstream) -> None:
    """The status of an error is an answer; what drips behind it is not."""
    upstream.script(
        "/manifests/", drips(b"HTTP/1.1 404 No\r\nContent-Length: 99999\r\n\r\n" + b"x" * 9999)
    )
    far = client(upstream.url, socketTimeoutMillis=1000)
    assert far.manifest(IMAGE, TAG) is None
