"""After silence and after 429 an upstream is left alone by all threads, as long as is right."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from types import SimpleNamespace

import pytest

from registry.model.names import Tag
from registry.model.upstream_errors import UpstreamFailed, UpstreamLimited
from registry.repositories.upstream import pausing
from registry.repositories.upstream.client import Upstream
from tests.repositories.upstream.asking import (
    IMAGE,
    LAYER_DIGEST,
    SHORT,
    TAG,
    client,
    read_all,
)
from tests.support.upstream import Request, ScriptedUpstream, Wire
from tests.support.upstream_answers import error, held, replies, stalls


class Clock:
    """The clock of the pauses, set on by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0.0
        fake = SimpleNamespace(time=time.time, monotonic=lambda: time.monotonic() + self.passed)
        monkeypatch.setattr(pausing, "time", fake)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def refused(far: Upstream) -> str:
    with pytest.raises(UpstreamFailed) as caught:
        far.manifest(IMAGE, TAG)
    return str(caught.value)


def test_an_upstream_that_is_down_is_left_alone_and_found_again(
    upstream: ScriptedUpstream, clock: Clock
) -> None:
    far = client(upstream.url, assumedOfflinePeriodSecs=60)
    upstream.down()
    assert "Connection refused" in refused(far)
    assert far.paused_until
    upstream.up()
    assert "Connection refused; it is not asked for a while" in refused(far)
    assert upstream.asked() == []
    clock.passed = 61
    assert not far.paused_until
    assert far.manifest(IMAGE, TAG) is not None
    assert far.manifest(IMAGE, TAG) is not None


def test_after_the_pause_one_asks_and_the_others_wait_for_what_it_learns(
    upstream: ScriptedUpstream, clock: Clock
) -> None:
    far = client(upstream.url, assumedOfflinePeriodSecs=60)
    upstream.down()
    refused(far)
    upstream.up()
    gate = threading.Event()
    upstream.script("/manifests/", held(gate, upstream.content.answer))
    clock.passed = 61
    with ThreadPoolExecutor(1) as pool:
        probe = pool.submit(far.manifest, IMAGE, TAG)
        upstream.wait_for(1)
        assert "not asked for a while" in refused(far)
        gate.set()
        assert probe.result(20) is not None
    assert far.manifest(IMAGE, TAG) is not None
    assert len(upstream.asked()) == 2


def test_a_probe_without_an_answer_begins_the_pause_anew(
    upstream: ScriptedUpstream, clock: Clock
) -> None:
    far = client(upstream.url, assumedOfflinePeriodSecs=60)
    upstream.down()
    refused(far)
    clock.passed = 61
    assert "not asked" not in refused(far)
    assert "not asked" in refused(far)


def test_silence_is_as_bad_as_no_connection(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url, socketTimeoutMillis=SHORT, assumedOfflinePeriodSecs=60)
    upstream.script("/manifests/", stalls())
    assert "does not answer in time" in refused(far)
    assert "not asked" in refused(far)
    assert len(upstream.asked()) == 1


def test_a_period_of_zero_is_no_pause(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url, assumedOfflinePeriodSecs=0)
    upstream.down()
    refused(far)
    upstream.up()
    assert far.manifest(IMAGE, TAG) is not None


@pytest.mark.parametrize("status", [500, 502, 403])
def test_an_answer_is_no_silence_whatever_it_says(upstream: ScriptedUpstream, status: int) -> None:
    far = client(upstream.url)
    upstream.script("/manifests/", error(status, "X"), upstream.content.answer)
    refused(far)
    assert far.paused_until is None
    assert far.manifest(IMAGE, TAG) is not None


def test_a_storage_that_is_down_is_no_reason_to_leave_the_registry_alone(
    upstream: ScriptedUpstream,
) -> None:
    with ScriptedUpstream() as storage:
        address = storage.url
    upstream.script("/blobs/", replies(307, Location=f"{address}/x"))
    far = client(upstream.url)
    with pytest.raises(UpstreamFailed, match="refused"):
        far.open_blob(IMAGE, LAYER_DIGEST)
    assert far.manifest(IMAGE, TAG) is not None


def test_a_download_goes_on_while_the_upstream_is_left_alone(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url)
    stream = far.open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    upstream.script("/manifests/", error(429, "TOOMANYREQUESTS"))
    with pytest.raises(UpstreamLimited):
        far.manifest(IMAGE, TAG)
    read_all(stream)


def ago_or_ahead(seconds: int) -> str:
    return formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry-After": "120"}, 120, 120),
        ({"Retry-After": lambda: ago_or_ahead(1800)}, 1500, 1800),
        ({"Retry-After": lambda: ago_or_ahead(-1800)}, 1, 1),
        ({"X-Retry-After": lambda: str(int(time.time()) + 1800)}, 1500, 1800),
        ({"X-Retry-After": "90"}, 90, 90),
        ({"Retry-After": "0"}, 1, 1),
        ({"Retry-After": "soon"}, 60, 60),
        ({"Retry-After": "-5"}, 60, 60),
        ({"Retry-After": "99999999"}, 21_600, 21_600),
        ({}, 60, 60),
    ],
)
def test_after_429_nobody_asks_until_the_named_moment(
    upstream: ScriptedUpstream,
    clock: Clock,
    headers: dict[str, str | Callable[[], str]],
    least: int,
    most: int,
) -> None:
    # A moment is said when the test runs, which may be long after it was collected.
    said = {name: value if isinstance(value, str) else value() for name, value in headers.items()}

    def answer(request: Request, wire: Wire) -> None:
        body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your limit"}]}'
        wire.reply(429, said, body, head=request.method == "HEAD")

    upstream.script("/manifests/", answer, upstream.content.answer)
    far = client(upstream.url)
    for _ in range(2):
        with pytest.raises(UpstreamLimited, match="You have reached your limit") as caught:
            far.manifest(IMAGE, TAG)
        assert least - 5 <= caught.value.seconds <= most
    with pytest.raises(UpstreamLimited):
        far.tags(IMAGE)
    assert len(upstream.asked()) == 1
    clock.passed = most + 1
    assert far.manifest(IMAGE, TAG) is not None
    assert far.paused_until is None


def test_what_is_left_of_the_allowance_is_known(upstream: ScriptedUpstream) -> None:
    upstream.content.headers = {
        "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600",
        "docker-ratelimit-source": "192.0.2.7",
    }  # fmt: skip
    far = client(upstream.url)
    assert not far.condition.allowance
    far.head_manifest(IMAGE, TAG)
    allowance = far.condition.allowance
    assert allowance is not None
    assert (allowance.limit, allowance.remaining, allowance.window) == (100, 76, 21600)
    assert allowance.source == "192.0.2.7"
    upstream.content.headers = {}
    far.manifest(IMAGE, TAG)
    assert far.condition.allowance == allowance


@pytest.mark.parametrize("said", ["", "many", "-1", "9" * 50, "1e9", ";w=5", "\u0661"])
def test_nonsense_about_the_allowance_is_no_allowance(
    upstream: ScriptedUpstream, said: str
) -> None:
    upstream.content.headers = {"ratelimit-limit": said.encode("utf-8").decode("latin-1")}
    far = client(upstream.url)
    assert far.manifest(IMAGE, TAG) is not None
    assert far.condition.allowance is None


def test_a_failure_is_logged_once(
    upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    far = client(upstream.url)
    upstream.down()
    for _ in range(3):
        refused(far)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "'far'" in caplog.text
    assert "Connection refused" in caplog.text


def test_absent_is_not_logged(upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture) -> None:
    assert client(upstream.url).manifest(IMAGE, Tag("absent")) is None
    assert caplog.records == []
