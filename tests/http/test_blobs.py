"""Reading blobs, and who may see which blob."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import (
    ABSENT,
    ALGORITHMS,
    CONFIG,
    IMAGE,
    LAYER,
    assert_error,
    codes,
    digest_of,
    get_token,
    manifest_bytes,
    put_blob,
    put_manifest,
)

OTHER = "/v2/docker-local/team/other"
LARGE = bytes(range(256)) * 1024


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("data", [b"", b"x", LAYER, LARGE], ids=["zero", "one", "small", "large"])
def test_get_and_head(client: Client, data: bytes, algorithm: str) -> None:
    digest = put_blob(client, data, algorithm=algorithm)
    got = client.get(f"{IMAGE}/blobs/{digest}")
    head = client.request("HEAD", f"{IMAGE}/blobs/{digest}")
    assert (got.status_code, got.data) == (200, data)
    assert (head.status_code, head.data) == (200, b"")
    for answer in (got, head):
        headers = answer.headers
        assert headers["Content-Length"] == str(len(data))
        assert headers["Docker-Content-Digest"] == digest
        assert headers["Content-Type"] == "application/octet-stream"
        assert headers["Accept-Ranges"] == "bytes"
        assert headers["ETag"] == f'"{digest}"'
        assert "private" in headers["Cache-Control"]
        assert "max-age=31536000" in headers["Cache-Control"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_digest_with_an_encoded_colon(client: Client) -> None:
    digest = put_blob(client, LAYER)
    assert client.get(f"{IMAGE}/blobs/{digest.replace(':', '%3A')}").data == LAYER


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match(client: Client, method: str) -> None:
    digest = put_blob(client, LAYER)
    path = f"{IMAGE}/blobs/{digest}"
    for known in (f'"{digest}"', digest, f'W/"{digest}"', f'"x", "{digest}"'):
        answer = client.request(method, path, {"If-None-Match": known})
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == f'"{digest}"'
        assert answer.headers["Docker-Content-Digest"] == digest
    assert client.request(method, path, {"If-None-Match": f'"{ABSENT}"'}).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_missing_blob_is_404(client: Client, method: str) -> None:
    for image in (IMAGE, "/v2/docker-local/never-pushed"):
        answer = client.request(method, f"{image}/blobs/{ABSENT}")
        assert answer.status_code == 404
        if method == "HEAD":
            assert answer.data == b""
        else:
            assert_error(answer, 404, "BLOB_UNKNOWN")


UNUSABLE = (
    "sha256:abc",
    "sha256:",
    "sha256",
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    "sha256:" + "A" * 64,
    "SHA256:" + "a" * 64,
    "sha256:" + "g" * 64,
    "sha256:" + "a" * 63,
    "sha256:" + "a" * 65,
    "sha512:" + "a" * 64,
    "sha384:" + "a" * 96,
    ":" + "a" * 64,
    "sha256:" + "a" * 64 + "%0A",
    "sha256:" + "a" * 64 + ":",
    "sha256::" + "a" * 63,
    "sha256+b64u:" + "a" * 64,
)


@pytest.mark.parametrize("text", UNUSABLE)
def test_an_unusable_digest_is_400(client: Client, text: str) -> None:
    for method in ("GET", "DELETE"):
        assert_error(client.request(method, f"{IMAGE}/blobs/{text}"), 400, "DIGEST_INVALID")
    assert client.request("HEAD", f"{IMAGE}/blobs/{text}").status_code == 400


def test_a_name_may_contain_the_words_of_the_routes(client: Client) -> None:
    names = ("a/blobs/b", "tags/list", "a/manifests/x", "blobs/uploads", "uploads", "v2", "token")
    for name in names:
        image = f"/v2/docker-local/{name}"
        digest = put_blob(client, LAYER, image)
        assert client.get(f"{image}/blobs/{digest}").data == LAYER, name
        put_blob(client, CONFIG, image)
        assert put_manifest(client, "list", manifest_bytes(), image).status_code == 201, name
        assert client.get(f"{image}/manifests/list").status_code == 200, name
        listed = client.get(f"{image}/tags/list")
        assert listed.json == {"name": f"docker-local/{name}", "tags": ["list"]}, name


def without_request(answer: TestResponse) -> tuple[int, list[str], dict[str, str]]:
    return answer.status_code, codes(answer), dict(answer.headers)


def test_a2_a_blob_shows_in_the_image_only_that_it_was_pushed_to(client: Client) -> None:
    """Advisory class of zot CVE-2024-39897: the answer must be that of an unknown digest."""
    digest = put_blob(client, LAYER)
    put_blob(client, CONFIG, OTHER)
    for method, headers in (("GET", {}), ("GET", {"Range": "bytes=0-1"}), ("DELETE", {})):
        there = client.request(method, f"{OTHER}/blobs/{digest}", headers)
        nowhere = client.request(method, f"{OTHER}/blobs/{ABSENT}", headers)
        assert without_request(there) == without_request(nowhere)
        assert there.data.replace(digest.encode(), b"") == nowhere.data.replace(
            ABSENT.encode(), b""
        )
        assert there.status_code == 404
    assert client.request("HEAD", f"{OTHER}/blobs/{digest}").status_code == 404
    match = {"If-None-Match": f'"{digest}"'}
    assert client.get(f"{OTHER}/blobs/{digest}", match).status_code == 404
    assert_error(put_manifest(client, "1.0", manifest_bytes(), OTHER), 404, "MANIFEST_BLOB_UNKNOWN")
    assert client.get(f"{IMAGE}/blobs/{digest}").data == LAYER


def test_a3_a_digest_cannot_be_claimed_without_its_bytes(client: Client) -> None:
    """Advisory class of Gitea CVE-2026-28740."""
    digest = put_blob(client, LAYER)
    empty = client.request("POST", f"{OTHER}/blobs/uploads/", query={"digest": digest})
    assert_error(empty, 400, "DIGEST_INVALID")
    location = client.request("POST", f"{OTHER}/blobs/uploads/").headers["Location"]
    assert_error(client.request("PUT", location, query={"digest": digest}), 400, "DIGEST_INVALID")
    body = manifest_bytes()
    assert put_manifest(client, digest_of(body), body, OTHER).status_code == 404
    assert client.get(f"{OTHER}/blobs/{digest}").status_code == 404


def test_a_pull_token_of_one_image_reads_no_other(client: Client) -> None:
    digest = put_blob(client, LAYER, OTHER)
    token = client.with_token(get_token(client, "repository:docker-local/team/app:*"))
    for path in (f"{OTHER}/blobs/{digest}", f"{OTHER}/manifests/1.0", f"{OTHER}/tags/list"):
        assert token.get(path).status_code == 401, path


def test_a_blob_of_one_repository_is_not_in_another(client: Client, instance: Instance) -> None:
    instance.definitions.create(RepositoryKey("docker-second"), "local", {})
    digest = put_blob(client, LAYER)
    second = "/v2/docker-second/team/app"
    assert client.get(f"{second}/blobs/{digest}").status_code == 404
    put_blob(client, LAYER, second)
    assert client.request("DELETE", f"{IMAGE}/blobs/{digest}").status_code == 202
    assert client.get(f"{IMAGE}/blobs/{digest}").status_code == 404
    assert client.get(f"{second}/blobs/{digest}").data == LAYER
