"""Uploads: every way in which a blob comes in, and what a session survives."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import (
    ABSENT,
    ALGORITHMS,
    IMAGE,
    LAYER,
    assert_error,
    codes,
    digest_of,
    put_blob,
    start,
    tree,
)

UPLOADS = f"{IMAGE}/blobs/uploads/"
DATA = {"zero": b"", "small": LAYER, "large": bytes(range(256)) * 2000}


def assert_created(
    client: Client, answer_headers: dict[str, str], digest: str, data: bytes
) -> None:
    assert answer_headers["Location"] == f"{IMAGE}/blobs/{digest}"
    assert answer_headers["Docker-Content-Digest"] == digest
    assert answer_headers["Content-Length"] == "0"
    assert client.get(answer_headers["Location"]).data == data


@pytest.mark.parametrize("path", [UPLOADS, UPLOADS.rstrip("/")], ids=["slash", "no slash"])
def test_start(client: Client, path: str) -> None:
    answer = client.request("POST", path, {"Content-Type": "application/json"})
    assert (answer.status_code, answer.data) == (202, b"")
    upload = answer.headers["Docker-Upload-UUID"]
    assert answer.headers["Location"] == f"{UPLOADS}{upload}"
    assert answer.headers["Range"] == "0-0"
    assert answer.headers["Content-Length"] == "0"
    assert "OCI-Chunk-Min-Length" not in answer.headers
    assert len(upload) * 4 >= 128


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())
def test_post_whole(client: Client, storage: Path, data: bytes, algorithm: str) -> None:
    digest = digest_of(data, algorithm)
    answer = client.request("POST", UPLOADS, body=data, query={"digest": digest})
    assert answer.status_code == 201
    assert_created(client, dict(answer.headers), digest, data)
    assert tree(storage / "uploads") == set()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())
@pytest.mark.parametrize("hint", [{}, {"digest-algorithm": "sha512"}], ids=["no hint", "hint"])
def test_post_then_put(client: Client, data: bytes, algorithm: str, hint: dict[str, str]) -> None:
    location = client.request("POST", UPLOADS, query=hint).headers["Location"]
    digest = digest_of(data, algorithm)
    answer = client.request("PUT", f"{location}?digest={digest.replace(':', '%3A')}", body=data)
    assert answer.status_code == 201
    assert_created(client, dict(answer.headers), digest, data)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())
def test_streamed_patch(client: Client, data: bytes, algorithm: str) -> None:
    location = start(client)
    answer = client.request("PATCH", location, body=data)
    assert (answer.status_code, answer.data) == (202, b"")
    assert answer.headers["Range"] == f"0-{max(len(data) - 1, 0)}"
    assert answer.headers["Location"] == location
    assert answer.headers["Docker-Upload-UUID"] == location.rpartition("/")[2]
    assert answer.headers["Content-Length"] == "0"
    digest = digest_of(data, algorithm)
    closing = client.request("PUT", location, query={"digest": digest})
    assert closing.status_code == 201
    assert_created(client, dict(closing.headers), digest, data)


def test_several_patches_and_a_last_chunk_in_the_put(client: Client) -> None:
    location, data = start(client), bytes(range(256)) * 10
    for at in (0, 1000):
        chunk = data[at : at + 1000]
        headers = {"Content-Range": f"{at}-{at + len(chunk) - 1}"}
        answer = client.request("PATCH", location, headers, chunk)
        assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{at + 999}")
    headers = {"Content-Range": f"2000-{len(data) - 1}"}
    closing = client.request(
        "PUT", location, headers, data[2000:], query={"digest": digest_of(data), "x": "y"}
    )
    assert closing.status_code == 201
    assert_created(client, dict(closing.headers), digest_of(data), data)


def test_chunked_with_recovery(client: Client) -> None:
    """The transcript of the reference: a gap is refused, the client asks and goes on."""
    data = bytes(index % 256 for index in range(3067))
    location = start(client)
    ranged = [{"Content-Range": text} for text in ("0-1023", "2048-3071", "1024-2047", "2048-3066")]
    first = client.request("PATCH", location, ranged[0], data[:1024])
    assert (first.status_code, first.headers["Range"]) == (202, "0-1023")
    gap = client.request("PATCH", location, ranged[1], data[:1024])
    assert_error(gap, 416, "RANGE_INVALID")
    assert (gap.headers["Location"], gap.headers["Range"]) == (location, "0-1023")
    status = client.get(f"{location}?digest={digest_of(data)}")
    assert (status.status_code, status.data) == (204, b"")
    assert status.headers["Range"] == "0-1023"
    assert status.headers["Location"] == location
    assert status.headers["Docker-Upload-UUID"]
    assert "Content-Length" not in status.headers
    second = client.request("PATCH", location, ranged[2], data[1024:2048])
    assert (second.status_code, second.headers["Range"]) == (202, "0-2047")
    query = {"digest": digest_of(data)}
    wrong = client.request("PUT", location, {"Content-Range": "0-1018"}, data[2048:], query=query)
    assert_error(wrong, 416, "RANGE_INVALID")
    assert client.get(location).headers["Range"] == "0-2047"
    closing = client.request("PUT", location, ranged[3], data[2048:], query=query)
    assert closing.status_code == 201
    assert client.get(closing.headers["Location"]).data == data


@pytest.mark.parametrize("value", ["bytes 0-599", "bytes 0-599/*", "0-599", "bytes 0-599/600"])
def test_lenient_content_ranges(client: Client, value: str) -> None:
    location = start(client)
    answer = client.request("PATCH", location, {"Content-Range": value}, LAYER)
    assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{len(LAYER) - 1}")


@pytest.mark.parametrize("value", ["0-9", "5-4", "1-0", "0-5999"])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_contradicting_lengths_are_400_and_keep_nothing(
    client: Client, value: str, method: str
) -> None:
    location = start(client)
    answer = client.request(
        method, location, {"Content-Range": value}, LAYER, query={"digest": digest_of(LAYER)}
    )
    if value == "1-0":
        assert answer.status_code in (400, 416)
    else:
        assert_error(answer, 400, "SIZE_INVALID")
    assert client.get(location).headers["Range"] == "0-0"
    again = client.request("PUT", location, body=LAYER, query={"digest": digest_of(LAYER)})
    assert again.status_code == 201


@pytest.mark.parametrize("value", ["", "x", "0", "-", "0-", "-5", "0--5", "a-b", "0-9" * 1000, "é"])
def test_malformed_content_ranges(client: Client, value: str) -> None:
    location = start(client)
    answer = client.request("PATCH", location, {"Content-Range": value}, b"0123456789")
    assert answer.status_code in (400, 416)
    codes(answer)
    assert client.get(location).headers["Range"] == "0-0"


def test_wrong_digest_then_the_right_one(client: Client, storage: Path) -> None:
    location = start(client)
    client.request("PATCH", location, body=LAYER)
    assert_error(client.request("PUT", location, query={"digest": ABSENT}), 400, "DIGEST_INVALID")
    assert tree(storage / "filestore") == set()
    assert client.get(f"{IMAGE}/blobs/{digest_of(LAYER)}").status_code == 404
    with_body = client.request("PUT", location, body=b"more", query={"digest": ABSENT})
    assert_error(with_body, 400, "DIGEST_INVALID")
    assert client.get(location).headers["Range"] == f"0-{len(LAYER) - 1}"
    right = client.request("PUT", location, query={"digest": digest_of(LAYER)})
    assert right.status_code == 201
    assert client.get(right.headers["Location"]).data == LAYER


def test_wrong_content_in_one_post_leaves_nothing(client: Client, storage: Path) -> None:
    before = tree(storage)
    answer = client.request("POST", UPLOADS, body=LAYER, query={"digest": ABSENT})
    assert_error(answer, 400, "DIGEST_INVALID")
    assert tree(storage) == before


@pytest.mark.parametrize("text", ["", "sha256:abc", "md5:" + "a" * 32, "sha256:" + "A" * 64, "x"])
def test_unusable_digests(client: Client, storage: Path, text: str) -> None:
    location, before = start(client), tree(storage)
    for method, path in (("POST", UPLOADS), ("PUT", location)):
        answer = client.request(method, path, body=LAYER, query={"digest": text})
        assert_error(answer, 400, "DIGEST_INVALID")
        assert tree(storage) == before
    assert_error(client.request("PUT", location, body=LAYER), 400, "DIGEST_INVALID")
    for algorithm in ("md5", "sha1", "blake3", "SHA256", "", "../x"):
        answer = client.request("POST", UPLOADS, query={"digest-algorithm": algorithm})
        assert_error(answer, 400, "DIGEST_INVALID")
    assert_error(client.request("POST", UPLOADS, query={"mount": text}), 400, "DIGEST_INVALID")
    assert tree(storage) == before


def test_an_ended_session_is_gone(client: Client, storage: Path) -> None:
    finished, cancelled = start(client), start(client)
    query = {"digest": digest_of(LAYER)}
    assert client.request("PUT", finished, body=LAYER, query=query).status_code == 201
    answer = client.request("DELETE", cancelled)
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Length" not in answer.headers
    for location in (finished, cancelled, f"{UPLOADS}{'0' * 32}", f"{UPLOADS}x"):
        for method in ("GET", "PATCH", "PUT", "DELETE"):
            again = client.request(method, location, body=b"", query=query)
            assert_error(again, 404, "BLOB_UPLOAD_UNKNOWN")
    assert tree(storage / "uploads") == set()
    assert client.get(f"{IMAGE}/blobs/{digest_of(LAYER)}").data == LAYER


def test_a8_a_session_belongs_to_its_user_image_and_repository(
    client: Client, instance: Instance
) -> None:
    """Advisory class of Quay CVE-2026-32589."""
    instance.definitions.create(RepositoryKey("docker-second"), "local", {})
    instance.users.add("bob", "password-of-bob")
    location = start(client)
    client.request("PATCH", location, body=b"1234")
    upload = location.rpartition("/")[2]
    query = {"digest": digest_of(b"1234")}
    foreign = [
        (client.as_user("bob", "password-of-bob"), location),
        (client, f"/v2/docker-local/team/other/blobs/uploads/{upload}"),
        (client, f"/v2/docker-local/team/blobs/uploads/{upload}"),
        (client, f"/v2/docker-second/team/app/blobs/uploads/{upload}"),
    ]
    for caller, path in foreign:
        for method in ("GET", "PATCH", "PUT", "DELETE"):
            answer = caller.request(method, path, body=b"", query=query)
            assert_error(answer, 404, "BLOB_UPLOAD_UNKNOWN")
    assert client.get(location).headers["Range"] == "0-3"
    assert client.request("PUT", location, query=query).status_code == 201


def test_the_same_blob_by_two_sessions_and_again(client: Client, storage: Path) -> None:
    one, two = start(client), start(client)
    for location in (one, two):
        client.request("PATCH", location, body=LAYER)
    for location in (one, two):
        answer = client.request("PUT", location, query={"digest": digest_of(LAYER)})
        assert answer.status_code == 201
    put_blob(client, LAYER)
    files = [path for path in (storage / "filestore").rglob("*") if path.is_file()]
    assert [path.name for path in files] == [digest_of(LAYER).partition(":")[2]]


def test_other_forms_see_the_same_session(client: Client) -> None:
    location = start(client)
    other = location.replace("/v2/docker-local/", "/artifactory/api/docker/docker-local/v2/")
    answer = client.request("PATCH", other, body=LAYER)
    assert (answer.status_code, answer.headers["Location"]) == (202, other)
    assert client.get(location).headers["Range"] == f"0-{len(LAYER) - 1}"
