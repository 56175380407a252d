"""R16: files that are being sent while their names go."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

import pytest
from flask import Response

from registry.config import Config
from registry.model.content import Blob
from registry.model.digests import Digest
from registry.web import sending
from registry.web.application import make_application
from registry.web.v2 import blobs
from registry.wiring import build
from tests.conftest import Client
from tests.faults.races.scenes import settle
from tests.faults.races.workers import Workers
from tests.live.wire import Wire, digest_of
from tests.support.bench import ALICE, GRACE, IMAGE, KEY, Bench
from tests.support.travel import DAY, HOUR, MINUTE


def test_r16_what_is_being_sent_is_sent_to_the_end(bench: Bench) -> None:
    """The file is opened before the answer begins; what becomes of its names does not matter."""
    data = bytes(300_000)
    bench.push(data)
    with open(bench.repository.blob(IMAGE, Digest.of(data)).path, "rb") as sent:
        bench.repository.delete_image(IMAGE, ALICE)
        settle(bench)
        assert not bench.stores(data)
        assert sent.read() == data


def test_r16_a_slow_client_gets_all_of_what_has_long_been_freed(workers: Workers) -> None:
    """Over a socket that takes no more than a part before the client goes on reading."""
    data = b"0123456789abcdef" * 2_000_000
    path, digest = "/v2/docker-local/r16", digest_of(data)
    with workers.no_pruning(), Wire(workers) as slow, Wire(workers) as other:
        assert other.push_blob(data, path) == digest
        slow.begin("GET", f"{path}/blobs/{digest}")
        assert slow.socket.recv(1, socket.MSG_PEEK)
        assert other.ask("DELETE", f"{path}/blobs/{digest}").status == 202
        workers.prune_until(lambda: not workers.stores(Digest(digest)), "freed", grace=0.05)
        assert workers.has_deleted(slow)
        reply = slow.reply()
        assert (reply.status, digest_of(reply.body)) == (200, digest)


def test_r16_no_name_of_a_file_leaves_the_registry(client: Client) -> None:
    """Nobody else opens files by a name that he was told: a name may be gone by then."""
    data = bytes(300_000)
    path = "/v2/docker-local/team/app/blobs"
    client.request("POST", f"{path}/uploads/", query={"digest": Digest.of(data)}, body=data)
    answer = client.get(f"{path}/{Digest.of(data)}")
    assert answer.data == data
    assert not [
        name for name, _ in answer.headers if name.lower().startswith(("x-accel", "x-send"))
    ]
    encoded = Digest.of(data).encoded
    assert f"{encoded[:2]}/{encoded}" not in str(answer.headers)
    assert "filestore" not in str(answer.headers)


def test_r16_a_name_that_a_proxy_was_told_is_good_for_the_grace(bench: Bench) -> None:
    """It opens the file after the answer, and a tag, or the whole image, may be gone by then."""
    data = bytes(300_000)
    bench.push(data)
    bench.prune(after=MINUTE)
    bench.travel.wait(30 * DAY)
    config = Config(storage_root=bench.root, anonymous_pull=True, trusted_proxies=("127.0.0.1",))
    answer = Client(make_application(build(config))).request(
        "GET",
        f"/v2/{KEY}/{IMAGE}/blobs/{Digest.of(data)}",
        {"X-Registry-Offload": "/filestore/"},
        anonymous=True,
    )
    name = answer.headers["X-Accel-Redirect"].removeprefix("/filestore/")
    bench.repository.delete_image(IMAGE, ALICE)
    bench.trashcan.empty()
    bench.live_for(GRACE - HOUR)
    with open(f"{bench.layout.top('filestore')}/{name}", "rb") as sent:
        assert sent.read() == data


def test_r16_a_file_that_has_just_gone_is_an_unknown_blob(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the opening: no error of the server."""
    data = bytes(300_000)
    path = "/v2/docker-local/team/app/blobs"
    client.request("POST", f"{path}/uploads/", query={"digest": Digest.of(data)}, body=data)
    send = sending.send_blob

    def late(blob: Blob, more: Iterable[tuple[str, str]] = ()) -> Response:
        os.unlink(blob.path)
        return send(blob, more)

    monkeypatch.setattr(blobs, "send_blob", late)
    answer = client.get(f"{path}/{Digest.of(data)}")
    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["errors"][0]["code"] == "BLOB_UNKNOWN"
