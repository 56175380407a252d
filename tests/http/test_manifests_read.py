"""Reading manifests: the very bytes under the very type; old ones go on being there."""

from __future__ import annotations

import pytest

from tests.conftest import Client
from tests.http.support import (
    ABSENT,
    DOCKER_LIST,
    IMAGE,
    LAYER,
    OCI_IMAGE,
    assert_error,
    digest_of,
    encoded,
    index_object,
    manifest_bytes,
    push,
    push_image,
    put_blob,
)

ACCEPTS = [
    [],
    ["*/*"],
    ["application/json", "application/vnd.docker.distribution.manifest.v2+json"],
    ["application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"],
    ["application/vnd.docker.distribution.manifest.v1+prettyjws"],
    ["text/html;q=0.5"],
    ["/"],
]


@pytest.mark.parametrize("accept", ACCEPTS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_by_tag_and_by_digest(client: Client, accept: list[str], method: str) -> None:
    body = push_image(client)
    digest = digest_of(body)
    for reference in ("1.0", digest, digest.replace(":", "%3A")):
        headers = [("Accept", value) for value in accept]
        answer = client.request(method, f"{IMAGE}/manifests/{reference}", headers)
        assert answer.status_code == 200
        assert answer.data == (body if method == "GET" else b"")
        assert answer.headers["Content-Type"] == OCI_IMAGE
        assert answer.headers["Content-Length"] == str(len(body))
        assert answer.headers["Docker-Content-Digest"] == digest
        assert answer.headers["ETag"] == f'"{digest}"'
        assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if reference == "1.0":
            assert "max-age" not in answer.headers.get("Cache-Control", "")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match(client: Client, method: str) -> None:
    digest = digest_of(push_image(client))
    for reference in ("1.0", digest):
        path = f"{IMAGE}/manifests/{reference}"
        for known in (f'"{digest}"', digest, f'W/"{digest}"'):
            answer = client.request(method, path, {"If-None-Match": known})
            assert (answer.status_code, answer.data) == (304, b"")
            assert answer.headers["Docker-Content-Digest"] == digest
            assert answer.headers["ETag"] == f'"{digest}"'
        other = client.request(method, path, {"If-None-Match": f'"{ABSENT}"'})
        assert other.status_code == 200


@pytest.mark.parametrize("reference", ["2.0", ABSENT, "sha512:" + "0" * 128])
def test_missing(client: Client, reference: str) -> None:
    push_image(client)
    for image in (IMAGE, "/v2/docker-local/never-pushed"):
        for method in ("GET", "DELETE"):
            answer = client.request(method, f"{image}/manifests/{reference}")
            assert_error(answer, 404, "MANIFEST_UNKNOWN")
            detail = (answer.json or {})["errors"][0]["detail"]
            assert detail["revision" if ":" in reference else "tag"] == reference
        assert client.request("HEAD", f"{image}/manifests/{reference}").data == b""


@pytest.mark.parametrize("reference", ["sha256:abc", "md5:" + "0" * 32, "a:b", "1.0:", ":1.0"])
def test_a_reference_with_a_colon_is_never_a_tag(client: Client, reference: str) -> None:
    push_image(client)
    answer = client.get(f"{IMAGE}/manifests/{reference}")
    assert_error(answer, 400, "DIGEST_INVALID")


@pytest.mark.parametrize(
    "body",
    [
        manifest_bytes() + b"   ",
        manifest_bytes() + b"\n\n\t ",
        b"\r\n " + manifest_bytes(),
        manifest_bytes().replace(b", ", b" ,\r\n\t"),
        manifest_bytes(annotations={"k": "é\u2028\0\x7f</script>"}),
        manifest_bytes(annotations={"k": "é"}).replace(b"\\u00e9", "é".encode()),
        manifest_bytes().replace(b'"schemaVersion": 2', b'"schemaVersion": 2.0'),
    ],
)
def test_bytes_are_kept(client: Client, body: bytes) -> None:
    push_image(client)
    digest = push(client, "1.0", body)
    assert digest == digest_of(body)
    for reference in ("1.0", digest):
        assert client.get(f"{IMAGE}/manifests/{reference}").data == body


def test_old_manifests_are_pulled_by_digest_after_their_tag_moved(client: Client) -> None:
    old = push_image(client, layers=[b"old layer"])
    new = push_image(client, layers=[b"new layer"])
    newest = push_image(client, layers=[LAYER])
    assert client.get(f"{IMAGE}/manifests/1.0").data == newest
    assert client.request("DELETE", f"{IMAGE}/manifests/1.0").status_code == 202
    for body, layer in ((old, b"old layer"), (new, b"new layer"), (newest, LAYER)):
        answer = client.get(f"{IMAGE}/manifests/{digest_of(body)}")
        assert (answer.status_code, answer.data) == (200, body)
        assert client.get(f"{IMAGE}/blobs/{digest_of(layer)}").data == layer


def test_a_tag_that_changes_from_image_to_index_and_back(client: Client) -> None:
    image = push_image(client)
    index = encoded(index_object([image], DOCKER_LIST))
    for _ in range(2):
        for body, kind in ((index, DOCKER_LIST), (image, OCI_IMAGE)):
            push(client, "1.0", body)
            answer = client.get(f"{IMAGE}/manifests/1.0")
            assert (answer.data, answer.headers["Content-Type"]) == (body, kind)
            assert client.get(f"{IMAGE}/tags/list").json == {
                "name": "docker-local/team/app",
                "tags": ["1.0"],
            }
    for body in (index, image):
        assert client.get(f"{IMAGE}/manifests/{digest_of(body)}").data == body


@pytest.mark.parametrize("first", ["tag", "image"])
def test_a_folder_may_be_a_tag_and_the_parent_of_an_image(client: Client, first: str) -> None:
    outer, inner = "/v2/docker-local/foo", "/v2/docker-local/foo/bar"
    pushes = [("bar", outer, b"outer"), ("1.0", inner, b"inner")]
    bodies = {}
    for tag, image, layer in pushes if first == "tag" else reversed(pushes):
        bodies[image] = push_image(client, tag, image, layers=[layer])
    assert client.get(f"{outer}/manifests/bar").data == bodies[outer]
    assert client.get(f"{inner}/manifests/1.0").data == bodies[inner]
    assert (client.get(f"{outer}/tags/list").json or {})["tags"] == ["bar"]
    assert (client.get(f"{inner}/tags/list").json or {})["tags"] == ["1.0"]
    push_image(client, "bar", outer, layers=[b"outer again"])
    assert client.get(f"{inner}/manifests/1.0").data == bodies[inner]
    assert client.get(f"{inner}/blobs/{digest_of(b'inner')}").data == b"inner"
    if first == "tag":
        assert client.request("DELETE", f"{outer}/manifests/bar").status_code == 202
        assert (client.get(f"{outer}/tags/list").json or {})["tags"] == []
        assert client.get(f"{inner}/manifests/1.0").data == bodies[inner]
    else:
        digest = digest_of(bodies[inner])
        assert client.request("DELETE", f"{inner}/manifests/{digest}").status_code == 202
        assert client.get(f"{outer}/manifests/bar").status_code == 200


COLLIDING = (
    "_layers",
    "_manifests",
    "_referrers",
    "_tmp.0",
    "manifest.json",
    "list.manifest.json",
    "manifest.json.properties.json",
    "x.properties.json",
    "sha256__" + "0" * 64,
    "sha512__x",
)


@pytest.mark.parametrize("name", COLLIDING)
def test_tags_that_collide_with_names_on_disk(client: Client, name: str) -> None:
    body = push_image(client, name)
    push_image(client, "other", layers=[b"other"])
    assert client.get(f"{IMAGE}/manifests/{name}").data == body
    assert (client.get(f"{IMAGE}/tags/list").json or {})["tags"] == sorted([name, "other"])
    assert client.request("DELETE", f"{IMAGE}/manifests/{name}").status_code == 202
    assert client.get(f"{IMAGE}/manifests/{name}").status_code == 404
    assert client.get(f"{IMAGE}/manifests/other").status_code == 200


@pytest.mark.parametrize("name", [name for name in COLLIDING if not name.startswith("_")])
def test_images_that_collide_with_names_on_disk(client: Client, name: str) -> None:
    parent = push_image(client, "1.0", "/v2/docker-local/team")
    for image in (f"/v2/docker-local/team/{name}", f"/v2/docker-local/{name}"):
        body = push_image(client, "1.0", image, layers=[name.encode()])
        assert client.get(f"{image}/manifests/1.0").data == body
    tagged = push_image(client, name, "/v2/docker-local/team", layers=[b"tagged"])
    assert client.get(f"/v2/docker-local/team/manifests/{name}").data == tagged
    assert client.get("/v2/docker-local/team/manifests/1.0").data == parent
    listed = (client.get("/v2/_catalog").json or {})["repositories"]
    names = ["team", f"team/{name}", name]
    assert listed == sorted(f"docker-local/{one}" for one in names)


def test_a_manifest_is_no_blob_of_another_image(client: Client) -> None:
    body = push_image(client)
    other = "/v2/docker-local/team/other"
    put_blob(client, LAYER, other)
    for path in (f"{other}/manifests/{digest_of(body)}", f"{other}/blobs/{digest_of(body)}"):
        assert client.get(path).status_code == 404
