"""Deleting tags, manifests and blobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Client
from tests.http.support import (
    CONFIG,
    IMAGE,
    LAYER,
    assert_error,
    digest_of,
    encoded,
    index_object,
    manifest_bytes,
    push,
    push_image,
    put_blob,
    put_manifest,
    tree,
)


def delete(client: Client, what: str, image: str = IMAGE) -> int:
    answer = client.request("DELETE", f"{image}/{what}")
    if answer.status_code == 202:
        assert (answer.data, answer.headers["Content-Length"]) == (b"", "0")
    return answer.status_code


def tags(client: Client, image: str = IMAGE) -> list[str]:
    answer = client.get(f"{image}/tags/list")
    assert answer.status_code == 200, answer.text
    found: list[str] = (answer.json or {})["tags"]
    return found


def test_a_tag_goes_alone(client: Client) -> None:
    body = push_image(client)
    push(client, "2.0", body)
    assert delete(client, "manifests/1.0") == 202
    assert tags(client) == ["2.0"]
    assert client.get(f"{IMAGE}/manifests/1.0").status_code == 404
    assert client.get(f"{IMAGE}/manifests/{digest_of(body)}").data == body
    assert delete(client, "manifests/1.0") == 404
    assert delete(client, "manifests/2.0") == 202
    assert tags(client) == []
    assert client.get(f"{IMAGE}/manifests/{digest_of(body)}").data == body
    assert client.get(f"{IMAGE}/blobs/{digest_of(LAYER)}").data == LAYER


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_digest_goes_with_all_its_tags(client: Client, algorithm: str) -> None:
    other = push_image(client, "other", layers=[b"other"])
    body = push_image(client, "before")
    digest = digest_of(body, algorithm)
    names = ["a", "b", "c"]
    put_manifest(client, digest, body, query=[("tag", name) for name in names])
    if algorithm == "sha256":
        push(client, "moved", body)
    push(client, "moved", other)
    assert client.request("DELETE", f"{IMAGE}/manifests/{digest}").status_code == 202
    assert not set(names) & set(tags(client))
    assert {"moved", "other"} <= set(tags(client))
    for name in [*names, digest]:
        assert client.get(f"{IMAGE}/manifests/{name}").status_code == 404
    assert client.get(f"{IMAGE}/manifests/moved").data == other
    assert delete(client, f"manifests/{digest}") == 404


def test_a_digest_of_another_image_stays(client: Client) -> None:
    body = push_image(client)
    other = "/v2/docker-local/team/app2"
    push_image(client, image=other)
    assert delete(client, f"manifests/{digest_of(body)}") == 202
    assert client.get(f"{other}/manifests/1.0").data == body
    assert client.get(f"{other}/blobs/{digest_of(LAYER)}").data == LAYER


def test_a_deleted_manifest_can_be_pushed_again(client: Client) -> None:
    body = push_image(client)
    digest = digest_of(body)
    for _ in range(2):
        assert delete(client, f"manifests/{digest}") == 202
        assert client.get(f"{IMAGE}/manifests/{digest}").status_code == 404
        push(client, "1.0", body)
        assert client.get(f"{IMAGE}/manifests/{digest}").data == body


def test_a_blob_in_use_stays(client: Client) -> None:
    body = push_image(client)
    for data in (CONFIG, LAYER):
        answer = client.request("DELETE", f"{IMAGE}/blobs/{digest_of(data)}")
        assert_error(answer, 405, "UNSUPPORTED")
        assert client.get(f"{IMAGE}/blobs/{digest_of(data)}").data == data
    assert delete(client, "manifests/1.0") == 202
    assert delete(client, f"blobs/{digest_of(LAYER)}") == 405, "it is still pulled by digest"
    assert delete(client, f"manifests/{digest_of(body)}") == 202
    answer = client.request("DELETE", f"{IMAGE}/blobs/{digest_of(LAYER)}")
    assert answer.status_code == 202
    assert answer.headers["Docker-Content-Digest"] == digest_of(LAYER)
    assert client.get(f"{IMAGE}/blobs/{digest_of(LAYER)}").status_code == 404
    assert client.request("HEAD", f"{IMAGE}/blobs/{digest_of(LAYER)}").status_code == 404
    assert delete(client, f"blobs/{digest_of(LAYER)}") == 404
    assert put_manifest(client, "1.0", manifest_bytes()).status_code == 404


def test_a_blob_of_an_overwritten_manifest_is_in_use(client: Client) -> None:
    push_image(client, layers=[b"old"])
    push_image(client, layers=[b"new"])
    assert delete(client, f"blobs/{digest_of(b'old')}") == 405


def test_a_blob_that_nothing_names(client: Client) -> None:
    push_image(client)
    digest = put_blob(client, b"unused")
    assert delete(client, f"blobs/{digest}") == 202
    assert client.get(f"{IMAGE}/blobs/{digest}").status_code == 404


def test_a_child_of_an_index_stays(client: Client) -> None:
    child = push_image(client)
    index = encoded(index_object([child]))
    push(client, "all", index)
    answer = client.request("DELETE", f"{IMAGE}/manifests/{digest_of(child)}")
    assert_error(answer, 405, "UNSUPPORTED")
    assert client.get(f"{IMAGE}/manifests/1.0").data == child
    assert delete(client, "manifests/1.0") == 202
    assert client.get(f"{IMAGE}/manifests/{digest_of(child)}").data == child
    assert delete(client, f"manifests/{digest_of(child)}") == 405
    assert delete(client, f"manifests/{digest_of(index)}") == 202
    assert client.get(f"{IMAGE}/manifests/{digest_of(child)}").data == child
    assert delete(client, f"manifests/{digest_of(child)}") == 202


def test_a_child_of_an_untagged_index_stays(client: Client) -> None:
    child = push_image(client)
    index = encoded(index_object([child]))
    push(client, "all", index)
    assert delete(client, "manifests/all") == 202
    assert delete(client, f"manifests/{digest_of(child)}") == 405


def test_a_referrer_stays_when_its_subject_goes(client: Client) -> None:
    subject = push_image(client)
    referrer = push_image(
        client, "sig", subject={"mediaType": "x", "digest": digest_of(subject), "size": 1}
    )
    assert delete(client, f"manifests/{digest_of(subject)}") == 202
    assert client.get(f"{IMAGE}/manifests/{digest_of(referrer)}").data == referrer
    listed = (client.get(f"{IMAGE}/referrers/{digest_of(subject)}").json or {})["manifests"]
    assert [entry["digest"] for entry in listed] == [digest_of(referrer)]
    assert delete(client, f"manifests/{digest_of(referrer)}") == 202
    listed = (client.get(f"{IMAGE}/referrers/{digest_of(subject)}").json or {})["manifests"]
    assert listed == []


def test_an_emptied_image_leaves_no_folder(client: Client, storage: Path) -> None:
    before = tree(storage, but=("locks", "journal", "filestore", "trash"))
    body = push_image(client)
    assert delete(client, f"manifests/{digest_of(body)}") == 202
    for data in (CONFIG, LAYER):
        assert delete(client, f"blobs/{digest_of(data)}") == 202
    assert tree(storage, but=("locks", "journal", "filestore", "trash")) == before
    assert client.get(f"{IMAGE}/tags/list").status_code == 404
    assert (client.get("/v2/_catalog").json or {}) == {"repositories": []}


def test_no_content_is_freed_by_a_request(client: Client, storage: Path) -> None:
    body = push_image(client)
    content = tree(storage / "filestore")
    delete(client, f"manifests/{digest_of(body)}")
    delete(client, f"blobs/{digest_of(LAYER)}")
    assert tree(storage / "filestore") == content
