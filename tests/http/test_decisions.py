"""What callers without a right learn: nothing, whatever they ask and however."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Client
from tests.http.support import (
    ABSENT,
    KEY,
    LAYER,
    assert_error,
    digest_of,
    get_token,
    push_image,
    start,
    tree,
)

SCOPE = f"repository:{KEY}/team/app"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"])
def test_unknown_and_existing_look_alike_without_credentials(client: Client, method: str) -> None:
    """Nobody learns by asking which repositories, images, tags, blobs or uploads there are."""
    push_image(client, "stable")
    upload = start(client).rpartition("/")[2]
    there = (KEY, "team/app", "stable", digest_of(LAYER), upload)
    absent = ("no-such-key1", "team/ap1", "missing", ABSENT, "0" * 32)
    for rest in ("manifests/@2", "blobs/@3", "blobs/uploads/@4", "blobs/uploads/", "tags/list"):
        seen = set()
        for known in (there, absent):
            path = rest
            for number, value in enumerate(known):
                path = path.replace(f"@{number}", value)
            answer = client.request(method, f"/v2/{known[0]}/{known[1]}/{path}", anonymous=True)
            assert answer.status_code == 401
            text = json.dumps([answer.text, sorted(answer.headers.items())])
            for number, value in enumerate(known):
                text = text.replace(value, f"@{number}")
            seen.add(text)
        assert len(seen) == 1, seen


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 200_000], ids=["none", "small", "large"])
def test_a15_a_body_does_not_change_the_decision(
    client: Client, storage: Path, body: bytes
) -> None:
    """Advisory class of moby CVE-2024-41110: authorisation skipped by the size of the body."""
    push_image(client)
    pull = client.with_token(get_token(client, f"{SCOPE}:pull"))
    location, before = start(client), tree(storage)
    image = f"/v2/{KEY}/team/app"
    for method, path in (
        ("PUT", f"{image}/manifests/1.0"),
        ("POST", f"{image}/blobs/uploads/?digest={digest_of(body)}"),
        ("POST", f"{image}/blobs/uploads/"),
        ("PATCH", location),
        ("PUT", f"{location}?digest={digest_of(body)}"),
        ("DELETE", f"{image}/manifests/1.0"),
    ):
        assert_error(client.request(method, path, body=body, anonymous=True), 401, "UNAUTHORIZED")
        assert_error(pull.request(method, path, body=body), 401, "UNAUTHORIZED")
    assert tree(storage) == before


def test_what_is_wrong_with_a_request_is_said_to_those_who_may(client: Client) -> None:
    """May I → parse → look → act: who may not push is not told how a push would look."""
    token = client.with_token(get_token(client, "repository:docker-local/other:*"))
    location, image = start(client), f"/v2/{KEY}/team/app"
    for method, path in (
        ("PUT", location),
        ("PUT", f"{location}?digest=garbage"),
        ("PUT", f"{image}/manifests/.bad"),
        ("DELETE", f"{image}/manifests/a:b"),
        ("GET", f"{image}/blobs/sha256:abc"),
        ("GET", f"{image}/tags/list?n=x"),
        ("POST", f"{image}/blobs/uploads/?digest-algorithm=md5"),
    ):
        assert_error(token.request(method, path), 401, "UNAUTHORIZED")
