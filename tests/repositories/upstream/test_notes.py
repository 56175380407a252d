"""The note of an upstream: when it is believed, when it goes, and that nothing depends on it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from registry.model.upstream_errors import UpstreamFailed, UpstreamLimited
from registry.repositories.definition import definition_of
from registry.repositories.definitions import Definitions
from registry.repositories.upstream.upstreams import Upstreams
from registry.storage.store import Store
from tests.repositories.upstream.asking import (
    IMAGE,
    LAYER_DIGEST,
    PASSWORD,
    TAG,
    USER,
    definition,
    read_all,
)
from tests.repositories.upstream.noting import KEY, LIMITS, Clocks, Worker, note, path
from tests.support.upstream import ScriptedUpstream
from tests.support.upstream_answers import TokenService, error


@pytest.mark.parametrize("fields", [{"username": "carol", "password": "x"}, {"localAddress": "::"}])
def test_what_was_noted_of_another_caller_is_not_believed(
    upstream: ScriptedUpstream, worker: Worker, fields: dict[str, str]
) -> None:
    upstream.content.headers = LIMITS
    upstream.script("/tags/", error(429, "TOOMANYREQUESTS"))
    far = worker()
    far.head_manifest(IMAGE, TAG)
    with pytest.raises(UpstreamLimited):
        far.tags(IMAGE)
    other = worker(**fields)
    assert other.condition.allowance is None
    assert other.condition.pause is None
    # The same caller with another password is the same caller.
    assert worker(password="other").condition.allowance is not None


def test_what_was_noted_of_another_upstream_is_not_believed(
    upstream: ScriptedUpstream, worker: Worker, root: Path
) -> None:
    upstream.script("/manifests/", error(429, "TOOMANYREQUESTS"))
    with pytest.raises(UpstreamLimited):
        worker().manifest(IMAGE, TAG)
    upstreams = Upstreams(None, Store(str(root)).upstream_notes)
    assert upstreams.condition(definition(upstream.url)).pause is not None
    assert upstreams.condition(definition(f"{upstream.url}/v2/team")).pause is None
    assert upstreams.condition(definition("https://r.example.com")).pause is None
    nowhere = definition_of({"key": "far", "rclass": "remote", "url": "nonsense"})
    assert upstreams.condition(nowhere).pause is None


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff", '{"terms": 7}', "null", "[" * 99_999])
def test_a_damaged_note_is_ignored_and_replaced(
    upstream: ScriptedUpstream, worker: Worker, root: Path, text: str
) -> None:
    path(root).write_text(text, "latin-1")
    far = worker()
    assert far.manifest(IMAGE, TAG) is not None
    assert note(root)["answered"]


@pytest.mark.parametrize("field", ["allowance", "failed", "pausedUntil", "answered", "cause"])
@pytest.mark.parametrize("value", [7, [], {}, "x", True, {"time": "x", "seen": 7, "limit": -1}])
def test_nonsense_in_a_note_says_nothing(
    upstream: ScriptedUpstream, worker: Worker, root: Path, field: str, value: object
) -> None:
    worker().head_manifest(IMAGE, TAG)
    path(root).write_text(json.dumps(note(root) | {field: value}))
    far = worker()
    assert far.manifest(IMAGE, TAG) is not None
    assert far.condition.pause is None


def test_where_nothing_can_be_written_pulls_go_on_and_it_is_said_once(
    upstream: ScriptedUpstream,
    worker: Worker,
    root: Path,
    caplog: pytest.LogCaptureFixture,
    clocks: Clocks,
) -> None:
    # A file in its place is no folder for anybody, not even for root.
    os.rmdir(root / "upstreams")
    (root / "upstreams").write_text("")
    upstream.content.headers = LIMITS
    far = worker()
    for _ in range(3):
        assert far.manifest(IMAGE, TAG) is not None
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 1
    assert said[0].startswith("the state of the upstream of 'far' cannot be kept: ")
    # Where the folder is no folder, the storage says so as well: each time that it is tried.
    assert len(caplog.records) == 2
    assert far.condition.allowance is not None
    upstream.script("/manifests/", error(429, "TOOMANYREQUESTS"), upstream.content.answer)
    for _ in range(2):
        with pytest.raises(UpstreamLimited):
            far.manifest(IMAGE, TAG)
    assert len(upstream.asked("GET")) == 4
    (root / "upstreams").unlink()
    clocks.passed = 61
    assert far.manifest(IMAGE, TAG) is not None
    assert note(root)["allowance"]["remaining"] == 76


def test_what_others_answer_is_no_news_of_the_upstream(
    upstream: ScriptedUpstream, worker: Worker, root: Path
) -> None:
    with ScriptedUpstream() as elsewhere:
        elsewhere.script("/layer", error(429, "TOOMANYREQUESTS"))
        with pytest.raises((UpstreamFailed, UpstreamLimited)):
            worker().open_foreign([f"{elsewhere.url}/layer"], LAYER_DIGEST, 5)
    assert not path(root).exists()


def test_no_secret_is_in_the_note(upstream: ScriptedUpstream, worker: Worker, root: Path) -> None:
    service = TokenService(upstream, {USER: PASSWORD})
    far = worker(username=USER, password=PASSWORD)
    stream = far.open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    read_all(stream)
    upstream.script("/manifests/", error(503, "UNAVAILABLE", PASSWORD))
    with pytest.raises(UpstreamFailed):
        far.manifest(IMAGE, TAG)
    text = path(root).read_text()
    assert service.good
    assert "503" in text
    assert not any(secret in text for secret in (USER, PASSWORD, *service.good))


def test_the_note_goes_with_its_repository(
    upstream: ScriptedUpstream, worker: Worker, root: Path
) -> None:
    far = worker()
    far.head_manifest(IMAGE, TAG)
    definitions = Definitions(Store(str(root)))
    definitions.remove(KEY)
    assert not path(root).exists()
    # A question that was asked before has its answer after it.
    upstream.content.headers = LIMITS
    far.head_manifest(IMAGE, TAG)
    assert not path(root).exists()
    definitions.create(KEY, "remote", {"url": upstream.url})
    far.head_manifest(IMAGE, TAG)
    assert path(root).exists()
