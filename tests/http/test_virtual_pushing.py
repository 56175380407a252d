"""Pushing to and deleting through a virtual repository: it happens in one of its members."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import (
    CONFIG,
    LAYER,
    assert_error,
    digest_of,
    encoded,
    index_object,
    manifest_bytes,
    push_image,
    put_blob,
    put_manifest,
    start,
)
from tests.http.virtual import (
    APP,
    DOCKER,
    LOCAL,
    ONE,
    OTHER,
    Upstreams,
    blob,
    given,
    manifest,
    members,
    offer,
    tags,
)

IMAGE = f"/v2/{DOCKER}/{APP}"
INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def upstreams(instance: Instance) -> Iterator[Upstreams]:
    with members(instance) as made:
        yield made


def test_a_push_goes_to_the_default_deployment_repository(
    client: Client, upstreams: Upstreams
) -> None:
    body = push_image(client, image=IMAGE)
    assert given(manifest(client, key=LOCAL)) == (None, body)
    assert given(manifest(client)) == (LOCAL, body)
    assert manifest(client, key=OTHER).status_code == 404
    assert not [r for one in upstreams.values() for r in one.requests]


def test_the_addresses_of_an_upload_are_those_of_the_virtual_repository(
    client: Client, upstreams: Upstreams
) -> None:
    location = start(client, IMAGE)
    assert f"/v2/{DOCKER}/{APP}/blobs/uploads/" in location
    answer = client.request("PATCH", location, body=b"one ")
    assert answer.status_code == 202
    assert client.get(location).headers["Range"] == "0-3"
    digest = digest_of(b"one two")
    done = client.request("PUT", location, body=b"two", query={"digest": digest})
    assert done.status_code == 201
    assert f"/v2/{DOCKER}/{APP}/blobs/{digest}" in done.headers["Location"]
    assert given(blob(client, digest, key=LOCAL)) == (None, b"one two")
    cancelled = start(client, IMAGE)
    assert client.request("DELETE", cancelled).status_code == 204
    assert client.get(cancelled).status_code == 404


def test_a_wrong_digest_ends_no_upload(client: Client, upstreams: Upstreams) -> None:
    location = start(client, IMAGE)
    wrong = {"digest": digest_of(b"other")}
    assert_error(client.request("PUT", location, body=b"x", query=wrong), 400, "DIGEST_INVALID")


def test_without_a_target_a_push_is_refused_and_told_how_to_have_one(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    instance.definitions.update(DOCKER, {"defaultDeploymentRepo": ""})
    body = push_image(client)
    for answer in (
        client.request("POST", f"{IMAGE}/blobs/uploads/"),
        client.request("POST", f"{IMAGE}/blobs/uploads/", query={"mount": digest_of(LAYER)}),
        put_manifest(client, "1.0", body, IMAGE),
        client.request("DELETE", f"{IMAGE}/manifests/1.0"),
        client.request("DELETE", f"{IMAGE}/blobs/{digest_of(LAYER)}"),
    ):
        assert_error(answer, 405, "UNSUPPORTED")
        assert "repo set docker defaultDeploymentRepo=" in answer.text
    answer = client.request("DELETE", f"/artifactory/{DOCKER}/{APP}/1.0")
    assert answer.status_code == 405
    assert given(manifest(client))[0] == LOCAL


def test_a_pusher_is_told_only_of_what_a_push_can_use(client: Client, upstreams: Upstreams) -> None:
    """Else the name of an image that is about to be pushed would be asked of upstreams."""
    body = offer(upstreams[ONE])
    digest = digest_of(LAYER)
    assert client.request("HEAD", f"{IMAGE}/blobs/{digest}").status_code == 404
    assert not upstreams[ONE].requests
    assert manifest(client, digest_of(body)).status_code == 200
    for data in (CONFIG, LAYER):
        assert given(blob(client, digest_of(data)))[1] == data


def test_what_another_member_has_is_brought_along(client: Client, upstreams: Upstreams) -> None:
    push_image(client, "1.0", f"/v2/{OTHER}/{APP}")
    assert client.request("HEAD", f"{IMAGE}/blobs/{digest_of(LAYER)}").status_code == 200
    body = manifest_bytes(annotations={"note": "mine"})
    assert put_manifest(client, "mine", body, IMAGE).status_code == 201
    for data in (CONFIG, LAYER):
        assert given(blob(client, digest_of(data), key=LOCAL))[1] == data


def test_an_index_brings_its_manifests_along(client: Client, upstreams: Upstreams) -> None:
    child = push_image(client, "1.0", f"/v2/{OTHER}/{APP}")
    assert client.request("HEAD", f"{IMAGE}/manifests/{digest_of(child)}").status_code == 200
    index = encoded(index_object([child]))
    assert put_manifest(client, "multi", index, IMAGE, INDEX).status_code == 201
    assert given(manifest(client, digest_of(child), key=LOCAL))[1] == child
    assert given(blob(client, digest_of(LAYER), key=LOCAL))[1] == LAYER


def test_what_nobody_has_is_missing_and_not_asked_of_upstreams(
    client: Client, upstreams: Upstreams
) -> None:
    offer(upstreams[ONE])
    answer = put_manifest(client, "1.0", manifest_bytes(), IMAGE)
    assert_error(answer, 404, "MANIFEST_BLOB_UNKNOWN")
    assert not upstreams[ONE].requests


def test_a_blob_is_mounted_from_a_name_in_the_virtual_repository(
    client: Client, upstreams: Upstreams
) -> None:
    digest = put_blob(client, b"elsewhere", f"/v2/{OTHER}/team/base")
    query = {"mount": digest, "from": f"{DOCKER}/team/base"}
    answer = client.request("POST", f"{IMAGE}/blobs/uploads/", query=query)
    assert answer.status_code == 201
    assert given(blob(client, digest, key=LOCAL))[1] == b"elsewhere"
    query = {"mount": digest_of(LAYER), "from": f"{DOCKER}/team/none"}
    assert client.request("POST", f"{IMAGE}/blobs/uploads/", query=query).status_code == 202
    assert not upstreams[ONE].requests


def test_deleting_acts_on_the_target_alone(client: Client, upstreams: Upstreams) -> None:
    push_image(client, "1.0", f"/v2/{OTHER}/{APP}")
    assert client.request("DELETE", f"{IMAGE}/manifests/1.0").status_code == 404
    assert client.request("DELETE", f"/artifactory/{DOCKER}/{APP}/1.0").status_code == 404
    push_image(client, "1.0", f"/v2/{LOCAL}/{APP}")
    push_image(client, "2.0", f"/v2/{LOCAL}/{APP}")
    assert client.request("DELETE", f"{IMAGE}/manifests/1.0").status_code == 202
    assert client.request("DELETE", f"/artifactory/{DOCKER}/{APP}/2.0").status_code == 204
    assert tags(client, key=LOCAL) == []
    assert tags(client) == ["1.0"]
    assert given(manifest(client))[0] == OTHER


def test_a_file_is_deployed_to_the_target(client: Client, upstreams: Upstreams) -> None:
    for data in (CONFIG, LAYER):
        name = digest_of(data).replace(":", "__")
        put = client.request("PUT", f"/artifactory/{DOCKER}/{APP}/3.0/{name}", body=data)
        assert put.status_code == 201, put.text
    body = manifest_bytes()
    put = client.request("PUT", f"/artifactory/{DOCKER}/{APP}/3.0/manifest.json", body=body)
    assert put.status_code == 201, put.text
    assert json.loads(put.data)["repo"] == DOCKER
    assert given(manifest(client, "3.0", key=LOCAL))[1] == body


def test_the_key_of_a_virtual_repository_takes_no_copies(
    client: Client, upstreams: Upstreams
) -> None:
    push_image(client)
    to = {"to": f"/{DOCKER}/team/copied"}
    answer = client.request("POST", f"/artifactory/api/copy/{LOCAL}/{APP}", query=to)
    assert answer.status_code == 400
    assert "is virtual" in answer.text


def test_an_unknown_target_is_no_target(client: Client, instance: Instance) -> None:
    instance.definitions.create(RepositoryKey("gone"), "local", {})
    fields = {"repositories": ["gone"], "defaultDeploymentRepo": "gone"}
    instance.definitions.create(DOCKER, "virtual", fields)
    instance.definitions.remove(RepositoryKey("gone"))
    assert_error(client.request("POST", f"{IMAGE}/blobs/uploads/"), 405, "UNSUPPORTED")
