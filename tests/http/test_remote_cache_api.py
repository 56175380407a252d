"""The cache of a remote repository over the API, under its own key and that of the remote one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from registry.access.permission_targets import PermissionTarget, Section
from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import CONFIG, LAYER, assert_error, digest_of, put_manifest, start
from tests.http.virtual import (
    APP,
    LOCAL,
    ONE,
    Upstreams,
    blob,
    catalog,
    given,
    manifest,
    members,
    note,
    offer,
    tags,
)

CACHE = RepositoryKey("one-cache")
STORAGE = "/artifactory/api/storage"
PASSWORD = "password-of-bob"
BOTH = pytest.mark.parametrize("key", [ONE, CACHE])


@pytest.fixture
def upstreams(client: Client, instance: Instance) -> Iterator[Upstreams]:
    """The upstreams; of the first one an image is in the cache."""
    with members(instance) as made:
        offer(made[ONE])
        assert manifest(client, key=ONE).status_code == 200
        for data in (CONFIG, LAYER):
            assert given(blob(client, digest_of(data), key=ONE))[1] == data
        yield made


def got(client: Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.data)


def named(data: bytes) -> str:
    return digest_of(data).replace(":", "__")


@BOTH
def test_the_tree_is_that_of_the_cache_under_the_key_that_was_asked(
    client: Client, upstreams: Upstreams, key: str
) -> None:
    folder = got(client, f"{STORAGE}/{key}/{APP}/1.0")
    assert folder["repo"] == key
    names = {child["uri"] for child in folder["children"]}
    assert names == {"/manifest.json", f"/{named(CONFIG)}", f"/{named(LAYER)}"}
    file = got(client, f"{STORAGE}/{key}/{APP}/1.0/{named(LAYER)}")
    assert (file["repo"], file["size"]) == (key, str(len(LAYER)))
    assert file["downloadUri"].endswith(f"/artifactory/{key}/{APP}/1.0/{named(LAYER)}")
    assert file["remoteUrl"] == f"{upstreams[ONE].url}/{APP}/1.0/{named(LAYER)}"
    listed = got(client, f"{STORAGE}/{key}?list&deep=1")["files"]
    assert f"/{APP}/1.0/manifest.json" in [one["uri"] for one in listed]
    assert client.get(f"/artifactory/{key}/{APP}/1.0/{named(LAYER)}").data == LAYER
    assert client.get(f"{STORAGE}/{key}/team/none").status_code == 404


@BOTH
def test_what_is_cached_is_pulled_and_listed(
    client: Client, upstreams: Upstreams, key: str
) -> None:
    assert manifest(client, key=key).status_code == 200
    assert given(blob(client, digest_of(LAYER), key=key))[1] == LAYER
    assert tags(client, key=key) == ["1.0"]
    assert catalog(client, key) == [APP]


def test_a_cache_asks_no_upstream(client: Client, upstreams: Upstreams) -> None:
    asked = len(upstreams[ONE].requests)
    offer(upstreams[ONE], tag="2.0")
    assert manifest(client, "2.0", key=CACHE).status_code == 404
    assert client.get(f"/artifactory/{CACHE}/{APP}/2.0/manifest.json").status_code == 404
    assert len(upstreams[ONE].requests) == asked


@BOTH
def test_properties_are_set_and_found(client: Client, upstreams: Upstreams, key: str) -> None:
    place = f"{STORAGE}/{key}/{APP}/1.0/manifest.json?properties"
    assert client.request("PUT", f"{place}=qa=ok").status_code == 204
    assert got(client, f"{place}=qa")["properties"] == {"qa": ["ok"]}
    found = client.get("/artifactory/api/search/prop?qa=ok&repos=one-cache").text
    assert f"/{CACHE}/{APP}/1.0/manifest.json" in found
    assert client.request("DELETE", f"{place}=qa").status_code == 204


def test_queries_name_the_cache_by_its_own_key(client: Client, upstreams: Upstreams) -> None:
    """A remote key itself names nothing in AQL: clients of Artifactory add ``-cache`` to it."""
    for key, count in ((CACHE, 3), (ONE, 0)):
        query = f'items.find({{"repo":"{key}","path":"{APP}/1.0"}}).include("repo","name")'
        answer = client.request("POST", "/artifactory/api/search/aql", body=query.encode())
        rows = json.loads(answer.data)["results"]
        assert [row["repo"] for row in rows] == [CACHE] * count


@BOTH
def test_nothing_can_be_pushed_or_deployed(client: Client, upstreams: Upstreams, key: str) -> None:
    body = manifest(client, key=ONE).data
    image = f"/v2/{key}/{APP}"
    for answer in (
        client.request("POST", f"{image}/blobs/uploads/"),
        client.request("POST", f"{image}/blobs/uploads/", query={"mount": digest_of(LAYER)}),
        put_manifest(client, "2.0", body, image),
    ):
        assert_error(answer, 405, "UNSUPPORTED")
        assert "remote repository 'one'" in answer.text
    for path in (f"{APP}/2.0/manifest.json", f"{APP}/2.0/{named(LAYER)}", "made/"):
        answer = client.request("PUT", f"/artifactory/{key}/{path}", body=body)
        assert answer.status_code == 405, (path, answer.text)


@BOTH
def test_nothing_can_be_copied_or_promoted_to_it(
    client: Client, upstreams: Upstreams, key: str
) -> None:
    to = {"to": f"/{key}/team/copied"}
    for what in ("copy", "move"):
        answer = client.request("POST", f"/artifactory/api/{what}/{LOCAL}/{APP}", query=to)
        assert answer.status_code == 400
    document = {"targetRepo": key, "dockerRepository": APP, "targetDockerRepository": "new"}
    answer = client.request(
        "POST", f"/artifactory/api/docker/{CACHE}/v2/promote", body=json.dumps(document).encode()
    )
    assert answer.status_code == 400
    assert "images are brought to local ones" in answer.text


@BOTH
def test_images_are_copied_and_promoted_from_it(
    client: Client, upstreams: Upstreams, key: str
) -> None:
    document = {
        "targetRepo": LOCAL, "dockerRepository": APP, "tag": "1.0", "copy": True,
        "targetDockerRepository": "team/promoted",
    }  # fmt: skip
    answer = client.request(
        "POST", f"/artifactory/api/docker/{key}/v2/promote", body=json.dumps(document).encode()
    )
    assert answer.status_code == 200, answer.text
    to = {"to": f"/{LOCAL}/team/copied"}
    answer = client.request("POST", f"/artifactory/api/copy/{key}/{APP}", query=to)
    assert answer.status_code == 200, answer.text
    for image in ("team/promoted", "team/copied"):
        assert given(manifest(client, image=image, key=LOCAL))[1]
        assert given(blob(client, digest_of(LAYER), image, LOCAL))[1] == LAYER
    assert manifest(client, key=CACHE).status_code == 200
    moved = client.request("POST", f"/artifactory/api/move/{key}/{APP}", query=to)
    assert moved.status_code == 400
    assert "copied" in moved.text


def test_what_has_not_come_completely_is_not_promoted(client: Client, upstreams: Upstreams) -> None:
    offer(upstreams[ONE], "team/half", layers=(b"never pulled",))
    assert manifest(client, image="team/half", key=ONE).status_code == 200
    document = {"targetRepo": LOCAL, "dockerRepository": "team/half", "copy": True}
    answer = client.request(
        "POST", f"/artifactory/api/docker/{ONE}/v2/promote", body=json.dumps(document).encode()
    )
    assert answer.status_code == 400, answer.text
    assert client.get(f"/v2/{LOCAL}/team/half/tags/list").status_code == 404


@BOTH
def test_images_are_deleted_from_it_and_come_again(
    client: Client, upstreams: Upstreams, key: str
) -> None:
    offer(upstreams[ONE], tag="2.0", **note("two"))
    assert manifest(client, "2.0", key=ONE).status_code == 200
    assert client.request("DELETE", f"/artifactory/{key}/{APP}/1.0").status_code == 204
    assert client.request("DELETE", f"/v2/{key}/{APP}/manifests/2.0").status_code == 202
    assert tags(client, key=CACHE) == []
    assert client.request("DELETE", f"/artifactory/{key}/{APP}/9.9").status_code == 404
    assert manifest(client, key=ONE).status_code == 200
    assert manifest(client, "2.0", key=ONE).status_code == 200
    assert client.request("DELETE", f"/artifactory/{key}/{APP}").status_code == 204
    assert catalog(client, CACHE) == []


@BOTH
def test_rights_to_a_cache_are_those_to_its_remote_repository(
    client: Client, instance: Instance, upstreams: Upstreams, key: str
) -> None:
    instance.users.add("bob", PASSWORD)
    bob = client.as_user("bob", PASSWORD)
    instance.permission_targets.replace(PermissionTarget("none", {}))
    assert manifest(bob, key=key).status_code == 404
    assert bob.get(f"{STORAGE}/{key}/{APP}").status_code == 404
    section = Section([ONE], ("**",), users={"bob": ("read",)})
    instance.permission_targets.replace(PermissionTarget("for-bob", {"repo": section}))
    assert manifest(bob, key=key).status_code == 200
    assert bob.get(f"{STORAGE}/{key}/{APP}").status_code == 200
    assert bob.request("DELETE", f"/artifactory/{key}/{APP}").status_code == 403
    assert bob.request("DELETE", f"/v2/{key}/{APP}/manifests/1.0").status_code == 403
    section = Section([CACHE], ("**",), users={"bob": ("read", "delete")})
    instance.permission_targets.replace(PermissionTarget("for-bob", {"repo": section}))
    assert bob.request("DELETE", f"/artifactory/{key}/{APP}").status_code == 204


def test_the_cache_is_not_configured_or_deleted_by_itself(
    client: Client, upstreams: Upstreams
) -> None:
    path = f"/artifactory/api/repositories/{CACHE}"
    for method in ("DELETE", "POST"):
        assert client.request(method, path, body=b"{}").status_code == 404
    document = json.dumps({"rclass": "local", "packageType": "docker"}).encode()
    assert client.request("PUT", path, body=document).status_code == 400
    assert client.request("DELETE", f"/artifactory/api/repositories/{ONE}").status_code == 200
    assert client.get(f"{STORAGE}/{CACHE}").status_code == 404


def test_an_upload_does_not_go_to_another_kind_of_repository(
    client: Client, upstreams: Upstreams
) -> None:
    location = start(client, f"/v2/{LOCAL}/{APP}")
    moved = location.replace(LOCAL, CACHE)
    assert client.request("PATCH", moved, body=b"x").status_code == 405
