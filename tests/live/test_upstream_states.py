"""What one worker learns of an upstream the other knows, and the command line, and the figures."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.http.support import manifest_bytes
from tests.live.remotes import IMAGE, KEY, add_remote
from tests.live.test_metrics import figure
from tests.live.test_workers import only
from tests.live.wire import Reply, Wire
from tests.support.live import LiveServer
from tests.support.upstream import ScriptedUpstream
from tests.support.upstream_answers import error

LIMITS = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"}
REMAINING = f'registry_upstream_allowance_remaining{{repository="{KEY}"}}'
PAUSED = f'registry_upstream_paused{{repository="{KEY}"}}'


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as made:
        for tag in ("1.0", "2.0", "3.0"):
            made.manifest("team/app", tag, manifest_bytes(tag.encode()))
        yield made


@pytest.fixture
def server(tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[LiveServer]:
    with LiveServer(tmp_path / "storage", workers=2) as running:
        add_remote(running, upstream, failedRetrievalCachePeriodSecs=0, retrievalCachePeriodSecs=0)
        yield running


def pull(server: LiveServer, worker: int, tag: str) -> Reply:
    with only(server, worker), Wire(server) as wire:
        return wire.ask("GET", f"{IMAGE}/manifests/{tag}")


def told(server: LiveServer, worker: int) -> Any:
    with only(server, worker), Wire(server) as wire:
        reply = wire.ask("GET", "/artifactory/api/docker/upstreams")
    assert reply.status == 200, reply
    return next(one for one in json.loads(reply.body) if one["key"] == KEY)


def printed(server: LiveServer) -> str:
    done = server.cli("repo", "upstreams", KEY)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_left_is_known_to_the_other_worker_and_to_the_command(
    server: LiveServer, upstream: ScriptedUpstream
) -> None:
    upstream.content.headers = LIMITS
    assert pull(server, 0, "1.0").headers["RateLimit-Remaining"] == "76;w=21600"
    assert told(server, 1)["allowance"]["remaining"] == 76
    assert figure(server, REMAINING, worker=1) == 76
    assert "\tanswers\t" in printed(server)
    assert "76 of 100 in 6 h (seen " in printed(server)
    upstream.content.headers = LIMITS | {"ratelimit-remaining": "75;w=21600"}
    assert pull(server, 1, "2.0").status == 200
    assert told(server, 0)["allowance"]["remaining"] == 75
    assert figure(server, REMAINING, worker=0) == 75


def test_a_limit_that_one_worker_has_met_keeps_the_other_from_asking(
    server: LiveServer, upstream: ScriptedUpstream
) -> None:
    upstream.script("/manifests/", error(429, "TOOMANYREQUESTS", "enough", Retry_After="3600"))
    assert pull(server, 0, "1.0").status == 429
    refused = pull(server, 1, "2.0")
    assert refused.status == 429
    assert b"enough" in refused.body
    assert 1 <= int(refused.headers["Retry-After"]) <= 3600
    assert pull(server, 0, "3.0").status == 429
    assert len(upstream.asked(part="/manifests/")) == 1
    assert "\tpaused until " in printed(server)
    assert figure(server, PAUSED, worker=1) == 1


def test_a_worker_that_begins_keeps_the_pause_of_those_before(
    server: LiveServer, upstream: ScriptedUpstream
) -> None:
    upstream.script("/manifests/", error(429, "TOOMANYREQUESTS", "enough", Retry_After="3600"))
    assert pull(server, 0, "1.0").status == 429
    for pid in server.worker_pids():
        server.kill_worker(pid)
    with Wire(server) as wire:
        assert wire.ask("GET", f"{IMAGE}/manifests/2.0").status == 429
    assert len(upstream.asked(part="/manifests/")) == 1


def test_when_the_pause_is_over_both_ask_again(
    server: LiveServer, upstream: ScriptedUpstream
) -> None:
    answer = error(429, "TOOMANYREQUESTS", "enough", Retry_After="1")
    upstream.script("/manifests/", answer, upstream.content.answer)
    assert pull(server, 0, "1.0").status == 429
    for worker in (1, 0):
        while pull(server, worker, "2.0").status == 429:
            time.sleep(0.05)
    assert told(server, 0)["state"] == "answers"
    assert figure(server, PAUSED) == 0


def test_what_one_worker_has_waited_for_in_vain_the_other_does_not_try(
    server: LiveServer, upstream: ScriptedUpstream
) -> None:
    upstream.down()
    assert pull(server, 0, "1.0").status == 404
    upstream.up()
    assert b"it is not asked for a while" in pull(server, 1, "1.0").body
    assert upstream.asked() == []
    assert told(server, 1)["named"] is False
