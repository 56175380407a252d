"""Lists of an upstream: all pages, nothing that is no name, and an end."""

from __future__ import annotations

import json

import pytest

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.names import ImageName
from registry.model.upstream_errors import UpstreamFailed
from registry.repositories.upstream import lists
from tests.repositories.upstream.asking import DIGEST, IMAGE, LOOPBACK, TAG, client, listing
from tests.support.upstream import Answer, Request, ScriptedUpstream, Wire
from tests.support.upstream_answers import TokenService, error, replies

DESCRIPTOR = {
    "mediaType": media_types.OCI_IMAGE, "digest": DIGEST, "size": 5, "artifactType": "a/b",
    "annotations": {"a": "b"},
}  # fmt: skip


def index(*manifests: object) -> bytes:
    document = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": manifests}
    return json.dumps(document).encode()


def test_the_tags_of_an_image(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url)
    assert far.tags(IMAGE) == [TAG]
    assert far.tags(ImageName("no/such")) is None


def test_all_pages_are_fetched(upstream: ScriptedUpstream) -> None:
    path = f"/v2/{IMAGE}/tags/list"
    upstream.script(
        "/tags/list",
        replies(200, listing("a", "b"), Link=f'<{path}?n=2&last=b>; rel="next"'),
        replies(200, listing("c"), Link=f"<{upstream.url}{path}?n=2&last=c>; rel=next"),
        replies(200, b'{"name": "x", "tags": null}'),
    )
    assert client(upstream.url).tags(IMAGE) == ["a", "b", "c"]
    assert [r.path.partition("?")[2] for r in upstream.asked()] == ["", "n=2&last=b", "n=2&last=c"]


def test_what_is_no_tag_is_left_out(upstream: ScriptedUpstream) -> None:
    names = json.dumps({"tags": ["good", "../evil", "", 5, None, ["x"], "a b", "x" * 200, "good"]})
    upstream.script("/tags/list", replies(200, names.encode()))
    assert client(upstream.url).tags(IMAGE) == ["good"]


@pytest.mark.parametrize(
    "link", ['</v2/team/app/tags/list>; rel="next"', '</v2/team/app/tags/list?x>; rel="next"']
)
def test_a_list_that_leads_in_a_circle_fails(upstream: ScriptedUpstream, link: str) -> None:
    upstream.script("/tags/list", replies(200, listing("a"), Link=link))
    with pytest.raises(UpstreamFailed, match="for ever"):
        client(upstream.url).tags(IMAGE)


def test_a_list_without_end_fails(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "NAMES_LIMIT", 50)

    def answer(request: Request, wire: Wire) -> None:
        count = len(upstream.requests)
        link = f'</v2/{IMAGE}/tags/list?last={count}>; rel="next"'
        body = listing(*(f"{count}-{i}" for i in range(10)))
        wire.reply(200, {"Link": link}, body)

    upstream.script("/tags/list", answer)
    with pytest.raises(UpstreamFailed, match="more than 50"):
        client(upstream.url).tags(IMAGE)


def test_c2_a_list_does_not_go_on_at_another_host(upstream: ScriptedUpstream) -> None:
    with ScriptedUpstream(address=LOOPBACK) as other:
        link = f'<{other.url}/v2/{IMAGE}/tags/list?n=2>; rel="next"'
        upstream.script("/tags/list", replies(200, listing("a"), Link=link))
        with pytest.raises(UpstreamFailed, match="another address"):
            client(upstream.url).tags(IMAGE)
        assert other.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        replies(200, b"<html>", Content_Type="text/html"), replies(200, b"[]"), replies(200, b""),
        replies(200, b'{"tags": ["' + b"x" * (4 * 1024 * 1024)), replies(500), error(403, "X"),
    ],
    ids=lambda answer: None,
)  # fmt: skip
def test_what_is_no_list_fails(upstream: ScriptedUpstream, answer: Answer) -> None:
    upstream.script("/tags/list", answer)
    with pytest.raises(UpstreamFailed):
        client(upstream.url).tags(IMAGE)


def test_the_images_of_a_registry(upstream: ScriptedUpstream) -> None:
    upstream.blob("other/app", b"x")
    assert client(upstream.url).images() == ["other/app", IMAGE]
    assert client(f"{upstream.url}/v2/team").images() == ["app"]


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_registry_that_does_not_tell_its_images(upstream: ScriptedUpstream, status: int) -> None:
    TokenService(upstream)
    upstream.script("_catalog", error(status, "UNAUTHORIZED", WWW_Authenticate="Basic realm=x"))
    assert client(upstream.url, username="a", password="b").images() is None


def test_the_referrers_of_a_manifest(upstream: ScriptedUpstream) -> None:
    bad = [5, {}, {**DESCRIPTOR, "digest": "x"}, {**DESCRIPTOR, "size": -1},
           {**DESCRIPTOR, "size": True}, {**DESCRIPTOR, "mediaType": "text/html"},
           {**DESCRIPTOR, "digest": 5}]  # fmt: skip
    odd = {**DESCRIPTOR, "annotations": {"a": 5}, "artifactType": 7, "more": "x"}
    plain = {name: DESCRIPTOR[name] for name in ("mediaType", "digest", "size")}
    upstream.script("/referrers/", replies(200, index(DESCRIPTOR, *bad, odd)))
    assert client(upstream.url).referrers(IMAGE, DIGEST) == [DESCRIPTOR, plain]


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_referrers_are_found_in_the_tag_of_old_clients(
    upstream: ScriptedUpstream, status: int
) -> None:
    upstream.script("/referrers/", error(status, "X"))
    tag = f"sha256-{DIGEST.encoded}"
    upstream.manifest(IMAGE, tag, index(DESCRIPTOR), media_types.OCI_INDEX)
    assert client(upstream.url).referrers(IMAGE, DIGEST) == [DESCRIPTOR]
    assert client(upstream.url).referrers(IMAGE, Digest.of(b"other")) is None


def test_referrers_that_cannot_be_told_fail(upstream: ScriptedUpstream) -> None:
    for answer in (error(500, "X"), error(403, "X"), replies(200, b"<html>")):
        upstream.script("/referrers/", answer)
        with pytest.raises(UpstreamFailed):
            client(upstream.url).referrers(IMAGE, DIGEST)
