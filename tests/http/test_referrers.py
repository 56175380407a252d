"""Referrers: what has been attached to a manifest."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Client
from tests.http.support import (
    ABSENT,
    CONFIG,
    DOCKER_IMAGE,
    IMAGE,
    LAYER,
    OCI_CONFIG,
    OCI_IMAGE,
    OCI_INDEX,
    assert_error,
    descriptor,
    digest_of,
    encoded,
    index_object,
    manifest_bytes,
    push_image,
    put_blob,
    put_manifest,
)


def referrers(client: Client, subject: str, **query: str) -> list[dict[str, Any]]:
    answer = client.request("GET", f"{IMAGE}/referrers/{subject}", query=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == OCI_INDEX
    document: dict[str, Any] = answer.get_json(force=True)
    assert (document["schemaVersion"], document["mediaType"]) == (2, OCI_INDEX)
    applied = answer.headers.get("OCI-Filters-Applied")
    assert applied == ("artifactType" if query.get("artifactType") else None)
    found: list[dict[str, Any]] = document["manifests"]
    return found


def subject_of(digest: str) -> dict[str, Any]:
    return {"mediaType": OCI_IMAGE, "digest": digest, "size": 1}


def attach(client: Client, body: bytes, subject: str) -> str:
    """Push by digest, as oras does, and return the digest."""
    answer = put_manifest(client, digest_of(body), body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["OCI-Subject"] == subject
    return digest_of(body)


@pytest.mark.parametrize("image", [IMAGE, "/v2/docker-local/never-pushed"])
def test_nothing_refers(client: Client, image: str) -> None:
    push_image(client)
    for subject in (ABSENT, "sha512:" + "0" * 128):
        answer = client.get(f"{image}/referrers/{subject}")
        assert answer.status_code == 200
        assert answer.get_json(force=True)["manifests"] == []
    head = client.request("HEAD", f"{image}/referrers/{ABSENT}")
    assert (head.status_code, head.data) == (200, b"")


@pytest.mark.parametrize("text", ["sha256:abc", "x", "md5:" + "0" * 32, "sha256:" + "A" * 64])
def test_an_unusable_digest(client: Client, text: str) -> None:
    assert_error(client.get(f"{IMAGE}/referrers/{text}"), 400, "DIGEST_INVALID")


@pytest.mark.parametrize("subject", [ABSENT, "sha512:" + "1" * 128])
def test_what_is_listed_of_each_kind(client: Client, subject: str) -> None:
    for data in (CONFIG, LAYER):
        put_blob(client, data)
    link: Any = {"subject": subject_of(subject)}
    notes: Any = {"annotations": {"org.example": "é <script>", "n": "1"}}
    typed = manifest_bytes(artifactType="application/vnd.signature", **link, **notes)
    untyped = manifest_bytes(**link)
    empty = manifest_bytes(artifactType="", annotations={}, **link)
    docker = manifest_bytes(media_type=DOCKER_IMAGE, **link)
    index = encoded(index_object([], **link, **notes))
    typed_index = encoded(index_object([], artifactType="application/vnd.sbom", **link))
    wanted = {}
    for body, kind, artifact in (
        (typed, OCI_IMAGE, "application/vnd.signature"),
        (untyped, OCI_IMAGE, OCI_CONFIG),
        (empty, OCI_IMAGE, OCI_CONFIG),
        (docker, DOCKER_IMAGE, OCI_CONFIG),
        (index, OCI_INDEX, None),
        (typed_index, OCI_INDEX, "application/vnd.sbom"),
    ):
        digest = attach(client, body, subject)
        entry: dict[str, Any] = {"mediaType": kind, "digest": digest, "size": len(body)}
        if artifact:
            entry["artifactType"] = artifact
        if body in (typed, index):
            entry["annotations"] = notes["annotations"]
        wanted[digest] = entry
    found = referrers(client, subject)
    assert {entry["digest"]: entry for entry in found} == wanted
    assert len(found) == len(wanted)
    one = referrers(client, subject, artifactType="application/vnd.signature")
    assert [entry["digest"] for entry in one] == [digest_of(typed)]
    assert len(referrers(client, subject, artifactType=OCI_CONFIG)) == 3
    assert referrers(client, subject, artifactType="no/such") == []
    assert len(referrers(client, subject, artifactType="")) == len(wanted)
    assert client.get(f"/v2/docker-local/other/referrers/{subject}").get_json(force=True) == {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [],
    }


def test_pushed_by_tag_and_twice_it_is_listed_once(client: Client) -> None:
    body = push_image(client, "a", subject=subject_of(ABSENT))
    put_manifest(client, "b", body)
    put_manifest(client, digest_of(body), body)
    assert [entry["digest"] for entry in referrers(client, ABSENT)] == [digest_of(body)]


def test_it_stays_when_its_tag_goes_and_goes_with_its_digest(client: Client) -> None:
    body = push_image(client, "a", subject=subject_of(ABSENT))
    client.request("DELETE", f"{IMAGE}/manifests/a")
    assert len(referrers(client, ABSENT)) == 1
    client.request("DELETE", f"{IMAGE}/manifests/{digest_of(body)}")
    assert referrers(client, ABSENT) == []


def test_a_sha512_manifest_refers(client: Client) -> None:
    for data in (CONFIG, LAYER):
        put_blob(client, data)
    body = manifest_bytes(subject=subject_of(ABSENT))
    digest = digest_of(body, "sha512")
    assert put_manifest(client, digest, body).headers["OCI-Subject"] == ABSENT
    assert [entry["digest"] for entry in referrers(client, ABSENT)] == [digest]


def test_annotations_that_are_hard_to_say(client: Client) -> None:
    """A lone surrogate is valid JSON text, yet no text that UTF-8 can say."""
    for data in (CONFIG, LAYER):
        put_blob(client, data)
    for number, text in enumerate(["\\ud800", "\\u0000\\u001f", "\\r\\nX-Evil: 1", "x" * 100_000]):
        body = manifest_bytes(subject=subject_of(ABSENT), annotations={"k": "@"})
        body = body.replace(b"@", text.encode())
        answer = put_manifest(client, f"t{number}", body)
        assert answer.status_code in (201, 400), answer.text
        listed = client.get(f"{IMAGE}/referrers/{ABSENT}")
        assert listed.status_code == 200, text
        assert "X-Evil" not in listed.headers


def test_a_subject_must_be_a_descriptor(client: Client) -> None:
    for data in (CONFIG, LAYER):
        put_blob(client, data)
    odd: list[Any] = ["x", 5, [], {}, {"digest": "sha256:x"}, {**descriptor(b""), "digest": None}]
    for bad in odd:
        answer = put_manifest(client, "1.0", manifest_bytes(subject=bad))
        assert_error(answer, 400, "MANIFEST_INVALID")
