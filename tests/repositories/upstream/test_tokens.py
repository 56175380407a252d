"""Tokens and passwords: shown to the upstream and its own token service, and to nobody else."""

from __future__ import annotations

import base64
import json
import logging
import time
from types import SimpleNamespace
from typing import Any

import pytest

from registry.model.names import ImageName
from registry.model.upstream_errors import UpstreamFailed, UpstreamLimited
from registry.repositories.upstream import tokens
from tests.conftest import basic
from tests.repositories.upstream.asking import (
    IMAGE,
    LAYER_DIGEST,
    PASSWORD,
    SECOND_PUBLIC,
    TAG,
    USER,
    Net,
    client,
    read_all,
)
from tests.support.upstream import Answer, ScriptedUpstream
from tests.support.upstream_answers import TokenService, challenges, error, redirects, replies

LOGIN: dict[str, Any] = {"username": USER, "password": PASSWORD}
BASIC = basic(USER, PASSWORD)


def secrets_sent_to(upstream: ScriptedUpstream) -> list[str]:
    return [r.headers["authorization"] for r in upstream.requests if "authorization" in r.headers]


def test_an_anonymous_token_is_fetched_where_it_is_asked_for(upstream: ScriptedUpstream) -> None:
    TokenService(upstream)
    assert client(upstream.url).manifest(IMAGE, TAG) is not None
    [asked] = upstream.asked(part="/token")
    assert asked.path == "/token?service=scripted&scope=repository%3Ateam%2Fapp%3Apull"
    assert "authorization" not in asked.headers


def test_a_token_is_used_until_shortly_before_its_end(upstream: ScriptedUpstream) -> None:
    service = TokenService(upstream, {USER: PASSWORD})
    far = client(upstream.url, **LOGIN)
    for _ in range(3):
        far.manifest(IMAGE, TAG)
        stream = far.open_blob(IMAGE, LAYER_DIGEST)
        assert stream is not None
        read_all(stream)
    assert service.issued == 1
    [asked] = upstream.asked(part="/token")
    assert asked.headers["authorization"] == BASIC
    assert f"account={USER}" in asked.path
    # One request without a token has told where tokens are; all others have one.
    assert len(upstream.asked(part="/v2/")) == 7


def test_another_image_needs_another_token(upstream: ScriptedUpstream) -> None:
    service = TokenService(upstream)
    far = client(upstream.url)
    far.manifest(IMAGE, TAG)
    far.manifest(ImageName("other/app"), TAG)
    assert service.issued == 2


def test_a_token_that_is_refused_is_thrown_away(upstream: ScriptedUpstream) -> None:
    service = TokenService(upstream)
    far = client(upstream.url)
    far.manifest(IMAGE, TAG)
    service.good.clear()
    assert far.manifest(IMAGE, TAG) is not None
    assert service.issued == 2


@pytest.mark.parametrize(("lifetime", "kept"), [(300, 269), (60, 44), (4, 2), (0, 44)])
def test_a_token_is_not_shown_any_more_shortly_before_its_end(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch, lifetime: int, kept: int
) -> None:
    service = TokenService(upstream, lifetime=lifetime)
    far = client(upstream.url)
    far.manifest(IMAGE, TAG)
    began = time.monotonic()
    fake = SimpleNamespace(monotonic=lambda: began + kept)
    monkeypatch.setattr(tokens, "time", fake)
    far.manifest(IMAGE, TAG)
    assert service.issued == 1
    fake.monotonic = lambda: began + max(lifetime, 60) - 1
    far.manifest(IMAGE, TAG)
    assert service.issued == 2
    assert all("authorization" in r.headers for r in upstream.asked(part="/v2/")[1:3])
    assert "authorization" not in upstream.asked(part="/v2/")[3].headers


def test_a_loop_of_401_ends(upstream: ScriptedUpstream) -> None:
    service = TokenService(upstream)
    upstream.script("/v2/", challenges(f'Bearer realm="{service.realm}",service="s",scope="a"'))
    far = client(upstream.url)
    for asked in (2, 4):
        with pytest.raises(UpstreamFailed, match="refuses to show it: 401"):
            far.manifest(IMAGE, TAG)
        # A token that had been remembered is tried, and a new one.
        assert len(upstream.asked(part="/v2/")) == asked


def test_basic_credentials_are_shown_after_they_were_asked_for(upstream: ScriptedUpstream) -> None:
    upstream.script("/v2/", challenges('Basic realm="x"'), upstream.content.answer)
    far = client(upstream.url, **LOGIN)
    assert far.manifest(IMAGE, TAG) is not None
    assert far.manifest(IMAGE, TAG) is not None
    given = [request.headers.get("authorization") for request in upstream.asked()]
    assert given == [None, BASIC, BASIC]


def test_a_wrong_password_is_tried_once(upstream: ScriptedUpstream) -> None:
    upstream.script("/v2/", challenges('Basic realm="x"'))
    with pytest.raises(UpstreamFailed, match="401"):
        client(upstream.url, **LOGIN).manifest(IMAGE, TAG)
    assert len(upstream.asked()) == 2


def test_a_password_without_a_user_is_a_token(upstream: ScriptedUpstream) -> None:
    service = TokenService(upstream)
    service.good.add("given-token")
    assert client(upstream.url, password="given-token").manifest(IMAGE, TAG) is not None
    assert service.issued == 0


def test_an_upstream_that_wants_a_login_says_so(upstream: ScriptedUpstream) -> None:
    upstream.script("/v2/", challenges('Basic realm="x"'))
    with pytest.raises(UpstreamFailed, match="none are configured"):
        client(upstream.url).manifest(IMAGE, TAG)
    upstream.script("/v2/", challenges("Negotiate"))
    with pytest.raises(UpstreamFailed, match="no credentials of a kind"):
        client(upstream.url).manifest(IMAGE, TAG)


def test_bad_credentials_at_the_token_service_are_a_failure(upstream: ScriptedUpstream) -> None:
    TokenService(upstream, {USER: "another"})
    with pytest.raises(UpstreamFailed, match="token service refuses the user name") as caught:
        client(upstream.url, **LOGIN).manifest(IMAGE, TAG)
    assert PASSWORD not in str(caught.value)


def test_a_token_service_may_be_limited(upstream: ScriptedUpstream) -> None:
    TokenService(upstream)
    upstream.script("/token", error(429, "TOOMANYREQUESTS", Retry_After="33"))
    with pytest.raises(UpstreamLimited) as caught:
        client(upstream.url).manifest(IMAGE, TAG)
    assert caught.value.seconds == 33


@pytest.mark.parametrize(
    "answer",
    [
        replies(200, b"not json"), replies(200, b"[]"), replies(200, b"{}"), replies(500),
        replies(200, b'{"token": 5}'), replies(200, b'{"token": ""}'),
        replies(200, b'{"token": "a\\r\\nX-Injected: 1"}'),
        replies(200, json.dumps({"token": "x" * 100_000}).encode()),
        replies(200, b'{"token": "' + b"x" * 500_000), replies(200, b"[" * 100_000),
    ],
    ids=lambda answer: None,
)  # fmt: skip
def test_a_token_service_that_gives_no_token_fails(
    upstream: ScriptedUpstream, answer: Answer
) -> None:
    TokenService(upstream)
    upstream.script("/token", answer)
    with pytest.raises(UpstreamFailed, match=r"token|answers more"):
        client(upstream.url).manifest(IMAGE, TAG)


def test_c1_no_foreign_realm_is_told_the_password(upstream: ScriptedUpstream, net: Net) -> None:
    with ScriptedUpstream(address=SECOND_PUBLIC) as thief:
        TokenService(upstream, {USER: PASSWORD}, realm=f"{thief.url}/token")
        far = client(upstream.url, net.surroundings(), **LOGIN)
        with pytest.raises(UpstreamFailed, match="allowAnyHostAuth"):
            far.manifest(IMAGE, TAG)
        assert thief.requests == []
    assert secrets_sent_to(upstream) == []


def test_c1_an_admin_may_allow_it(upstream: ScriptedUpstream, net: Net) -> None:
    with ScriptedUpstream(address=SECOND_PUBLIC) as service:
        tokens = TokenService(service, {USER: PASSWORD})
        TokenService(upstream, realm=tokens.realm).good = tokens.good
        far = client(upstream.url, net.surroundings(), allowAnyHostAuth=True, **LOGIN)
        assert far.manifest(IMAGE, TAG) is not None
        assert secrets_sent_to(service) == [BASIC]
    assert all(not s.startswith("Basic") for s in secrets_sent_to(upstream))


def test_c1_a_realm_that_leads_elsewhere_takes_no_password_along(
    upstream: ScriptedUpstream, net: Net
) -> None:
    with ScriptedUpstream(address=SECOND_PUBLIC) as thief:
        TokenService(upstream, {USER: PASSWORD})
        upstream.script("/token", redirects(f"{thief.url}/token"))
        with pytest.raises(UpstreamFailed):
            client(upstream.url, net.surroundings(), **LOGIN).manifest(IMAGE, TAG)
        assert len(thief.requests) == 1
        assert secrets_sent_to(thief) == []


def test_c1_who_has_nothing_to_lose_may_ask_a_foreign_realm(
    upstream: ScriptedUpstream, net: Net
) -> None:
    with ScriptedUpstream(address=SECOND_PUBLIC) as service:
        tokens = TokenService(service)
        TokenService(upstream, realm=tokens.realm).good = tokens.good
        assert client(upstream.url, net.surroundings()).manifest(IMAGE, TAG) is not None


def test_no_secret_is_logged_or_said(
    upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where upstream repeats in its messages what it was sent."""
    caplog.set_level(logging.DEBUG)
    TokenService(upstream, {USER: PASSWORD})
    encoded = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    far = client(upstream.url, **LOGIN)
    assert far.manifest(IMAGE, TAG) is not None
    token = upstream.asked()[-1].headers["authorization"]
    location = f"{upstream.url}/signed?signature=secret"
    said = []
    for answer in (
        error(403, "DENIED", f"you sent {token} {encoded}"),
        error(500, token),
        redirects(location),
        error(429, "TOOMANYREQUESTS", "slow down"),
    ):
        upstream.script("/signed", error(500, "X"))
        upstream.script("/v2/", answer)
        with pytest.raises((UpstreamFailed, UpstreamLimited)) as caught:
            far.manifest(IMAGE, TAG)
        said.append(str(caught.value))
    text = caplog.text + "".join(said) + repr(far.terms)
    for secret in (PASSWORD, encoded, token.removeprefix("Bearer "), "signature"):
        assert secret not in text


@pytest.mark.parametrize("repeated", ["password", "token"])
def test_no_secret_is_said_where_upstream_has_had_enough(
    upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture, repeated: str
) -> None:
    TokenService(upstream, {USER: PASSWORD})
    far = client(upstream.url, **LOGIN)
    assert far.manifest(IMAGE, TAG) is not None
    token = upstream.asked()[-1].headers["authorization"].removeprefix("Bearer ")
    secret = {"password": PASSWORD, "token": token}[repeated]
    upstream.script("/v2/", error(429, "TOOMANYREQUESTS", f"enough of {secret}"))
    with pytest.raises(UpstreamLimited, match="has had too many requests") as caught:
        far.manifest(IMAGE, TAG)
    assert secret not in caplog.text + str(caught.value)
