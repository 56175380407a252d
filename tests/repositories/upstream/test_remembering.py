"""What one process learns of an upstream all know: pauses, what is left, and how it went."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from registry.model.upstream_errors import UpstreamFailed, UpstreamLimited
from tests.repositories.upstream.asking import (
    IMAGE,
    TAG,
)
from tests.repositories.upstream.noting import LIMITS, Clocks, Worker, note, path, written
from tests.support.upstream import ScriptedUpstream
from tests.support.upstream_answers import error


def test_what_is_left_is_known_to_all(
    upstream: ScriptedUpstream, worker: Worker, root: Path
) -> None:
    upstream.content.headers = LIMITS
    one, other = worker(), worker()
    assert not other.condition.allowance
    one.head_manifest(IMAGE, TAG)
    found = other.condition.allowance
    assert found is not None
    assert (found.limit, found.remaining, found.window) == (100, 76, 21600)
    assert abs(found.seen_at - time.time()) < 60
    kept = note(root)
    assert kept["allowance"]["source"] == "192.0.2.7"
    assert kept["answered"] >= kept["allowance"]["seen"]
    assert (kept["failed"], kept["pausedUntil"]) == (None, None)
    assert path(root).stat().st_mode & 0o777 == 0o640


def test_each_change_of_what_is_left_is_kept_and_nothing_that_is_the_same(
    upstream: ScriptedUpstream, worker: Worker, root: Path, clocks: Clocks
) -> None:
    upstream.content.headers = LIMITS
    far = worker()
    far.head_manifest(IMAGE, TAG)
    first = written(root)
    for _ in range(3):
        far.head_manifest(IMAGE, TAG)
    assert written(root) == first
    for left in (75, 74):
        upstream.content.headers = {**LIMITS, "ratelimit-remaining": f"{left};w=21600"}
        far.manifest(IMAGE, TAG)
        assert note(root)["allowance"]["remaining"] == left
    second = written(root)
    clocks.passed = 61
    far.head_manifest(IMAGE, TAG)
    assert written(root) != second


def test_a_limit_that_one_has_met_keeps_all_from_asking_until_it_is_over(
    upstream: ScriptedUpstream, worker: Worker, root: Path, clocks: Clocks
) -> None:
    upstream.script(
        "/manifests/",
        error(429, "TOOMANYREQUESTS", "You have reached your limit", Retry_After="90", **{
            "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600"}),
        upstream.content.answer,
    )  # fmt: skip
    one, other = worker(), worker()
    with pytest.raises(UpstreamLimited):
        one.manifest(IMAGE, TAG)
    with pytest.raises(UpstreamLimited, match="You have reached your limit") as caught:
        other.manifest(IMAGE, TAG)
    assert 80 <= caught.value.seconds <= 90
    with pytest.raises(UpstreamLimited):
        worker().tags(IMAGE)
    assert len(upstream.asked()) == 1
    kept = note(root)
    assert kept["named"] is True
    assert "You have reached your limit" in kept["cause"]
    assert kept["failed"]["cause"] == kept["cause"]
    assert kept["allowance"]["remaining"] == 0
    clocks.passed = 91
    assert other.manifest(IMAGE, TAG) is not None
    assert one.manifest(IMAGE, TAG) is not None
    kept = note(root)
    assert (kept["failed"], kept["pausedUntil"], kept["cause"]) == (None, None, None)


def test_silence_that_one_has_met_keeps_all_from_asking(
    upstream: ScriptedUpstream, worker: Worker, root: Path, clocks: Clocks
) -> None:
    one, other = worker(), worker()
    upstream.down()
    with pytest.raises(UpstreamFailed):
        one.manifest(IMAGE, TAG)
    upstream.up()
    with pytest.raises(UpstreamFailed, match="Connection refused; it is not asked for a while"):
        other.manifest(IMAGE, TAG)
    kept = note(root)
    assert (kept["named"], kept["answered"]) == (False, None)
    assert "Connection refused" in kept["failed"]["cause"]
    # Who shortens the period shortens the pauses that are running.
    with pytest.raises(UpstreamFailed, match="not asked"):
        worker(assumedOfflinePeriodSecs=30).manifest(IMAGE, TAG)
    assert upstream.asked() == []
    assert worker(assumedOfflinePeriodSecs=0).manifest(IMAGE, TAG) is not None
    clocks.passed = 301
    assert other.manifest(IMAGE, TAG) is not None
    assert note(root)["pausedUntil"] is None


def test_a_pause_from_a_clock_that_is_ahead_ends_as_one_of_ours(
    upstream: ScriptedUpstream, worker: Worker, root: Path, clocks: Clocks
) -> None:
    far = worker()
    far.head_manifest(IMAGE, TAG)
    kept = note(root)
    kept |= {"pausedUntil": "2126-01-01T00:00:00.000Z", "cause": "no", "named": True}
    path(root).write_text(json.dumps(kept))
    with pytest.raises(UpstreamLimited) as caught:
        far.manifest(IMAGE, TAG)
    assert caught.value.seconds == 6 * 3600


def test_an_answer_that_is_an_error_is_told_until_there_is_another(
    upstream: ScriptedUpstream, worker: Worker, root: Path
) -> None:
    far = worker()
    upstream.script("/manifests/", error(503, "UNAVAILABLE"), upstream.content.answer)
    with pytest.raises(UpstreamFailed):
        far.manifest(IMAGE, TAG)
    kept = note(root)
    assert kept["failed"]["cause"] == "'127.0.0.1' answers 503"
    assert kept["answered"] == kept["failed"]["time"]
    assert kept["pausedUntil"] is None
    far.manifest(IMAGE, TAG)
    assert note(root)["failed"] is None


def test_who_writes_leaves_what_the_others_have_written(
    upstream: ScriptedUpstream, worker: Worker, root: Path
) -> None:
    upstream.content.headers = LIMITS
    one, other = worker(), worker()
    one.head_manifest(IMAGE, TAG)
    upstream.content.headers = {}
    upstream.script("/manifests/", error(429, "TOOMANYREQUESTS"))
    with pytest.raises(UpstreamLimited):
        other.manifest(IMAGE, TAG)
    kept = note(root)
    assert (kept["allowance"]["remaining"], kept["named"]) == (76, True)


def test_a_pause_that_somebody_has_overwritten_is_written_again(
    upstream: ScriptedUpstream, worker: Worker, root: Path
) -> None:
    far = worker()
    far.head_manifest(IMAGE, TAG)
    before = path(root).read_bytes()
    upstream.script("/manifests/", error(429, "TOOMANYREQUESTS"))
    with pytest.raises(UpstreamLimited):
        far.manifest(IMAGE, TAG)
    path(root).write_bytes(before)
    for _ in range(2):
        with pytest.raises(UpstreamLimited):
            far.manifest(IMAGE, TAG)
    assert note(root)["named"] is True
    assert len(upstream.asked("GET")) == 1
