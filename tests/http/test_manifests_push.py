"""Pushing manifests: kinds, checks, tags in the query, limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import (
    ABSENT,
    ALGORITHMS,
    CONFIG,
    DOCKER_IMAGE,
    DOCKER_LIST,
    IMAGE,
    KEY,
    LAYER,
    OCI_IMAGE,
    OCI_INDEX,
    assert_error,
    codes,
    descriptor,
    digest_of,
    encoded,
    index_object,
    manifest_bytes,
    manifest_object,
    push,
    put_blob,
    put_manifest,
    tree,
)

ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
FOREIGN = (
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
)
LIMIT = 4 * 1024 * 1024


@pytest.fixture(autouse=True)
def blobs(client: Client) -> None:
    for data in (CONFIG, LAYER):
        put_blob(client, data)


@pytest.mark.parametrize("kind", [DOCKER_IMAGE, OCI_IMAGE])
def test_push_by_tag(client: Client, kind: str) -> None:
    body = manifest_bytes(media_type=kind)
    answer = put_manifest(client, "1.0", body)
    digest = digest_of(body)
    assert (answer.status_code, answer.data) == (201, b"")
    assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.headers["Location"] == f"{IMAGE}/manifests/{digest}"
    assert answer.headers["Content-Length"] == "0"
    assert "OCI-Subject" not in answer.headers
    got = client.get(answer.headers["Location"])
    assert (got.data, got.headers["Content-Type"]) == (body, kind)
    assert put_manifest(client, "1.0", body).status_code == 201


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_push_by_digest(client: Client, algorithm: str) -> None:
    body = manifest_bytes()
    digest = digest_of(body, algorithm)
    answer = put_manifest(client, digest.replace(":", "%3A"), body)
    assert answer.status_code == 201
    assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.headers["Location"] == f"{IMAGE}/manifests/{digest}"
    assert client.get(f"{IMAGE}/manifests/{digest}").data == body
    assert_error(put_manifest(client, ABSENT, body), 400, "DIGEST_INVALID")
    assert_error(put_manifest(client, "sha256:" + "A" * 64, body), 400, "DIGEST_INVALID")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tags_in_the_query(client: Client, algorithm: str) -> None:
    body = manifest_bytes()
    digest = digest_of(body, algorithm)
    tags = [f"t{number}" for number in range(12)]
    query = [("tag", tag) for tag in [*tags, "t0"]]
    answer = put_manifest(client, digest, body, query=query)
    assert answer.status_code == 201
    named = ",".join(answer.headers.getlist("OCI-Tag")).replace(" ", "").split(",")
    assert sorted(named) == sorted(tags)
    for tag in tags:
        got = client.get(f"{IMAGE}/manifests/{tag}")
        assert (got.data, got.headers["Docker-Content-Digest"]) == (body, digest)


def test_tags_in_the_query_are_all_checked_first(client: Client, storage: Path) -> None:
    body, before = manifest_bytes(), tree(storage)
    digest = digest_of(body)
    for bad in (".x", "-x", "a+b", "", "a/b", "x" * 129, "../x", "a\0", "sha256:abc", "ü"):
        answer = put_manifest(client, digest, body, query=[("tag", "good"), ("tag", bad)])
        assert_error(answer, 400, "TAG_INVALID")
    many = [("tag", f"t{number}") for number in range(1000)]
    assert put_manifest(client, digest, body, query=many).status_code == 414
    assert put_manifest(client, "1.0", body, query=[("tag", "good")]).status_code == 400
    assert tree(storage) == before


@pytest.mark.parametrize("tag", ["a" * 128, "_x", "X", "0", "a.b-c_d", "latest", "1.0", "_", "A.-"])
def test_good_tags(client: Client, tag: str) -> None:
    assert put_manifest(client, tag, manifest_bytes()).status_code == 201
    assert client.get(f"{IMAGE}/manifests/{tag}").status_code == 200
    assert client.get(f"{IMAGE}/tags/list").json == {"name": f"{KEY}/team/app", "tags": [tag]}


@pytest.mark.parametrize("tag", ["a" * 129, ".x", "-x", "a+b", "a b", "a%0A", "é", "..", ".", "@"])
def test_bad_tags(client: Client, storage: Path, tag: str) -> None:
    before = tree(storage)
    assert_error(put_manifest(client, tag, manifest_bytes()), 400, "TAG_INVALID")
    assert tree(storage) == before


@pytest.mark.parametrize(
    "name",
    ["A/b", "a//b", "-a", "a-", "_x", "a/_x", "a..b", "a/./b", "a___b", "a__-b", "a" * 250, "é"],
)
def test_bad_names(client: Client, storage: Path, name: str) -> None:
    before = tree(storage)
    image = f"/v2/{KEY}/{name}"
    for answer in (
        put_manifest(client, "1.0", manifest_bytes(), image),
        client.request("POST", f"{image}/blobs/uploads/"),
        client.get(f"{image}/manifests/1.0"),
        client.get(f"{image}/tags/list"),
    ):
        assert_error(answer, 400, "NAME_INVALID")
    assert tree(storage) == before


@pytest.mark.parametrize("name", ["a-b", "a--b", "a.b", "a_b", "a__b", "0", "a" * 242, "a/b/c/d/e"])
def test_good_names(client: Client, name: str) -> None:
    image = f"/v2/{KEY}/{name}"
    for data in (CONFIG, LAYER):
        put_blob(client, data, image)
    push(client, "1.0", manifest_bytes(), image)
    assert client.get(f"{image}/tags/list").json == {"name": f"{KEY}/{name}", "tags": ["1.0"]}


@pytest.mark.parametrize("sent", ["", "application/json", OCI_IMAGE + "; charset=utf-8"])
def test_content_types_that_leave_it_to_the_body(client: Client, sent: str) -> None:
    for body in (manifest_bytes(), encoded(without(manifest_object(), "mediaType"))):
        answer = client.request("PUT", f"{IMAGE}/manifests/1.0", {"Content-Type": sent}, body)
        assert answer.status_code == 201, answer.text
        got = client.get(f"{IMAGE}/manifests/1.0")
        assert (got.data, got.headers["Content-Type"]) == (body, OCI_IMAGE)


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


@pytest.mark.parametrize("sent", [DOCKER_IMAGE, OCI_INDEX, "text/plain", "x", "application/*"])
def test_b3_a_content_type_that_contradicts_the_body(client: Client, sent: str) -> None:
    answer = put_manifest(client, "1.0", manifest_bytes(), media_type=sent)
    assert_error(answer, 400, "MANIFEST_INVALID")


def test_all_missing_parts_are_named(client: Client, storage: Path) -> None:
    missing = [b"one", b"two", b"three"]
    body, before = manifest_bytes(missing[0], [LAYER, *missing[1:], missing[1]]), tree(storage)
    answer = put_manifest(client, "1.0", body)
    assert_error(answer, 404, "MANIFEST_BLOB_UNKNOWN")
    named = [error["detail"]["digest"] for error in json.loads(answer.data)["errors"]]
    assert sorted(named) == sorted(map(digest_of, missing))
    assert tree(storage) == before


def test_index_of_missing_manifests(client: Client) -> None:
    children = [manifest_bytes(annotations={"n": str(number)}) for number in range(2)]
    push(client, digest_of(children[0]), children[0])
    body = encoded(index_object(children))
    answer = put_manifest(client, "all", body)
    assert_error(answer, 404, "MANIFEST_BLOB_UNKNOWN")
    assert json.loads(answer.data)["errors"][0]["detail"]["digest"] == digest_of(children[1])
    push(client, digest_of(children[1]), children[1])
    push(client, "all", body)
    nested = encoded(index_object([body], child_type=OCI_INDEX))
    push(client, "nested", nested)
    assert client.get(f"{IMAGE}/manifests/nested").data == nested


def test_sparse_where_the_repository_allows_it(client: Client, instance: Instance) -> None:
    body = encoded(index_object([manifest_bytes(annotations={"not": "pushed"})]))
    image = manifest_bytes(b"missing config", [LAYER, b"missing layer"])
    assert put_manifest(client, "all", body).status_code == 404
    instance.definitions.update(RepositoryKey(KEY), {"allowSparseIndexes": True})
    assert put_manifest(client, "all", body).status_code == 201
    assert put_manifest(client, "image", image).status_code == 201
    assert client.get(f"{IMAGE}/manifests/image").data == image
    instance.definitions.update(RepositoryKey(KEY), {"allowSparseIndexes": False})
    assert put_manifest(client, "all", body).status_code == 404


@pytest.mark.parametrize("kind", [DOCKER_LIST, OCI_INDEX])
@pytest.mark.parametrize("entries", [[], None])
def test_an_index_of_nothing(client: Client, kind: str, entries: list[object] | None) -> None:
    body = encoded({"schemaVersion": 2, "mediaType": kind, "manifests": entries})
    push(client, "none", body)
    assert client.get(f"{IMAGE}/manifests/none").data == body


def test_things_that_must_be_accepted(client: Client) -> None:
    foreign = [
        {"mediaType": kind, "digest": ABSENT, "size": 5, "urls": ["https://example.com/x"]}
        for kind in FOREIGN
    ]
    plain = {"mediaType": "x/y", "digest": ABSENT, "size": 5, "urls": ["http://example.com/x"]}
    known = {**descriptor(LAYER), "annotations": {"k": "v"}, "data": "bGF5ZXI=", "unknown": [1]}
    bodies = [
        encoded({**manifest_object(), "layers": []}),
        encoded({**manifest_object(), "layers": None}),
        encoded({**manifest_object(), "layers": [known, known, *foreign, plain]}),
        encoded({**manifest_object(), "unknown": {"a": [None, 1.5]}, "artifactType": "a/b"}),
        encoded({**manifest_object(), "subject": {**descriptor(b"absent"), "digest": ABSENT}}),
        encoded(without({**index_object([]), "subject": descriptor(b"x", OCI_IMAGE)}, "x")),
        encoded({"mediaType": ARTIFACT, "artifactType": "a/b", "blobs": [descriptor(LAYER)]}),
        encoded(index_object([LAYER], child_type="application/x-not-a-manifest")),
    ]
    for number, body in enumerate(bodies):
        kind = json.loads(body)["mediaType"]
        answer = put_manifest(client, f"t{number}", body, media_type=kind)
        assert answer.status_code == 201, (number, answer.text)
        assert client.get(f"{IMAGE}/manifests/t{number}").data == body


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "javascript:1", "", "//x", 5])
def test_addresses_of_other_kinds_are_refused(client: Client, url: object) -> None:
    layer = {"mediaType": FOREIGN[0], "digest": ABSENT, "size": 5, "urls": [url]}
    answer = put_manifest(client, "1.0", encoded({**manifest_object(), "layers": [layer]}))
    assert_error(answer, 400, "MANIFEST_INVALID")


def test_b4_four_mebibytes_and_one_byte_more(client: Client, storage: Path) -> None:
    start, end = manifest_bytes()[:-1] + b', "annotations": {"x": "', b'"}}'
    body = start + b"x" * (LIMIT - len(start) - len(end)) + end
    assert len(body) == LIMIT
    assert put_manifest(client, "1.0", body, media_type=OCI_IMAGE).status_code == 201
    assert client.get(f"{IMAGE}/manifests/1.0").data == body
    before = tree(storage)
    answer = put_manifest(client, "2.0", body + b" ", media_type=OCI_IMAGE)
    assert answer.status_code == 413
    assert codes(answer) in (["SIZE_INVALID"], ["MANIFEST_INVALID"])
    assert tree(storage) == before


def test_unknown_repository(client: Client) -> None:
    image = "/v2/no-such-key/app"
    for answer in (
        put_manifest(client, "1.0", manifest_bytes(), image),
        client.request("POST", f"{image}/blobs/uploads/"),
        client.get(f"{image}/manifests/1.0"),
        client.get(f"{image}/blobs/{ABSENT}"),
        client.get(f"{image}/tags/list"),
    ):
        assert_error(answer, 404, "NAME_UNKNOWN")
