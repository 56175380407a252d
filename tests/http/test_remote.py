"""Remote repositories over HTTP: what clients are told of where an answer comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from registry.model.digests import Digest
from tests.conftest import Client
from tests.http.support import ABSENT, manifest_bytes
from tests.support.upstream import ScriptedUpstream
from tests.support.upstream_answers import error

IMAGE = "/v2/mirror/team/app"
BODY = manifest_bytes(b"{}")
LAYER = os.urandom(500_000)
AT_ONCE = {
    "retrievalCachePeriodSecs": 0,
    "failedRetrievalCachePeriodSecs": 0,
    "missedRetrievalCachePeriodSecs": 0,
    "assumedOfflinePeriodSecs": 0,
}


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as made:
        made.manifest("team/app", "1.0", BODY)
        made.blob("team/app", LAYER)
        yield made


def add(client: Client, upstream: ScriptedUpstream, **fields: object) -> None:
    document = {"rclass": "remote", "url": upstream.url, **fields}
    answer = client.request(
        "PUT", "/artifactory/api/repositories/mirror",
        {"Content-Type": "application/json"}, json.dumps(document).encode(),
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


def message_of(answer: TestResponse) -> str:
    return str(json.loads(answer.data)["errors"][0]["message"])


def test_the_answer_says_how_fresh_it_is(client: Client, upstream: ScriptedUpstream) -> None:
    add(client, upstream, **AT_ONCE)
    path = f"{IMAGE}/manifests/1.0"
    told = [client.get(path).headers["X-Registry-Cache"] for _ in range(2)]
    by_digest = client.get(f"{IMAGE}/manifests/{Digest.of(BODY)}")
    upstream.down()
    stale = client.get(path)
    assert told == ["fetched", "revalidated"]
    assert by_digest.headers["X-Registry-Cache"] == "hit"
    assert stale.data == BODY
    assert stale.headers["X-Registry-Cache"] == "stale"
    assert stale.headers["Warning"].startswith("110 ")
    local = client.get("/v2/docker-local/team/app/manifests/1.0")
    assert "X-Registry-Cache" not in local.headers


def test_what_nobody_can_say_is_404_or_502_with_the_reason(
    client: Client, upstream: ScriptedUpstream
) -> None:
    add(client, upstream, **AT_ONCE)
    upstream.script("/v2/", error(500, "UNKNOWN", "broken"))
    for path in ("manifests/1.0", f"blobs/{Digest.of(LAYER)}"):
        answer = client.get(f"{IMAGE}/{path}")
        assert answer.status_code == 404
        assert "it is not in the cache" in message_of(answer)
    client.request(
        "POST", "/artifactory/api/repositories/mirror",
        {"Content-Type": "application/json"}, b'{"hardFail":true}',
    )  # fmt: skip
    answer = client.get(f"{IMAGE}/manifests/1.0")
    assert answer.status_code == 502
    assert '"UNAVAILABLE"' in answer.text


def test_a_limit_of_upstream_is_passed_on(client: Client, upstream: ScriptedUpstream) -> None:
    add(client, upstream, **AT_ONCE)
    upstream.script("/manifests/", error(429, "TOOMANYREQUESTS", "slow down", Retry_After="90"))
    answer = client.get(f"{IMAGE}/manifests/1.0")
    assert answer.status_code == 429
    assert 80 <= int(answer.headers["Retry-After"]) <= 90
    assert '"TOOMANYREQUESTS"' in answer.text


def test_layers_come_whole_and_in_parts(client: Client, upstream: ScriptedUpstream) -> None:
    add(client, upstream)
    path = f"{IMAGE}/blobs/{Digest.of(LAYER)}"
    assert client.request("HEAD", path).headers["Content-Length"] == str(len(LAYER))
    part = client.get(path, {"Range": "bytes=100-199"})
    assert (part.status_code, part.data) == (206, LAYER[100:200])
    assert client.get(path).data == LAYER
    assert client.get(path, {"Range": f"bytes={len(LAYER)}-"}).status_code == 416
    assert client.get(f"{IMAGE}/blobs/{ABSENT}").status_code == 404
    assert len(upstream.asked("GET", Digest.of(LAYER))) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "blobs/uploads/"),
        ("POST", f"blobs/uploads/?digest={Digest.of(LAYER)}"),
        ("PUT", "manifests/1.0"),
    ],
)
def test_pushes_are_refused_and_say_why(
    client: Client, upstream: ScriptedUpstream, method: str, path: str
) -> None:
    add(client, upstream)
    answer = client.request(method, f"{IMAGE}/{path}", body=BODY)
    assert answer.status_code == 405
    assert "the remote repository 'mirror' takes no pushes" in message_of(answer)
    assert upstream.requests == []


def test_what_is_deleted_leaves_the_cache_and_comes_again(
    client: Client, upstream: ScriptedUpstream
) -> None:
    add(client, upstream)
    path = f"{IMAGE}/manifests/1.0"
    client.get(path)
    assert client.request("DELETE", path).status_code == 202
    assert client.get(path).headers["X-Registry-Cache"] == "fetched"
