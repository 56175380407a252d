"""Rights that are for some tags alone, and what moving a tag needs."""

from __future__ import annotations

import json

import pytest

from registry.access.permission_targets import PermissionTarget, Section
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import (
    IMAGE,
    KEY,
    assert_error,
    digest_of,
    get_token,
    manifest_bytes,
    push_image,
    put_blob,
    put_manifest,
)

PASSWORD = "password-of-bob"
TAGS = f"{IMAGE}/tags/list"


def let_bob(instance: Instance, *words: str, includes: tuple[str, ...] = ("**",)) -> None:
    """Give bob rights in the repository, and nothing beyond them."""
    if instance.users.find("bob") is None:
        instance.users.add("bob", PASSWORD)
    section = Section([KEY], includes, users={"bob": words})
    instance.permission_targets.replace(PermissionTarget("for-bob", {"repo": section}))


@pytest.fixture
def bob(client: Client, instance: Instance) -> Client:
    """Somebody who may read and push, and not delete."""
    let_bob(instance, "read", "write")
    return client.as_user("bob", PASSWORD)


def test_a4_who_may_not_delete_does_not_move_a_tag(client: Client, bob: Client) -> None:
    """Advisory class of zot CVE-2026-31801: ``latest`` was taken for a tag that is always new."""
    first = push_image(client, "latest")
    put_blob(client, b"second layer")
    second = manifest_bytes(layers=[b"second layer"])
    answer = put_manifest(bob, "latest", second)
    assert_error(answer, 403, "DENIED")
    assert "delete 'docker-local/team/app:latest'" in answer.text
    several = put_manifest(bob, digest_of(second), second, query=[("tag", "2"), ("tag", "latest")])
    assert_error(several, 403, "DENIED")
    assert client.get(f"{IMAGE}/manifests/latest").data == first
    assert json.loads(client.get(TAGS).data)["tags"] == ["latest"]


def test_the_same_manifest_again_moves_nothing(client: Client, bob: Client) -> None:
    first = push_image(client, "latest")
    assert put_manifest(bob, "latest", first).status_code == 201
    assert put_manifest(bob, "new", first).status_code == 201


def test_who_may_delete_moves_a_tag(client: Client, bob: Client, instance: Instance) -> None:
    push_image(client, "latest")
    let_bob(instance, "read", "write", "delete")
    put_blob(client, b"second layer")
    assert put_manifest(bob, "latest", manifest_bytes(layers=[b"second layer"])).status_code == 201


def test_a_token_for_pushes_is_enough_to_move_a_tag(
    client: Client, bob: Client, instance: Instance
) -> None:
    """Clients ask for pull and push, whatever they are going to do."""
    push_image(client, "latest")
    put_blob(client, b"second layer")
    second = manifest_bytes(layers=[b"second layer"])
    token = bob.with_token(get_token(bob, f"repository:{KEY}/team/app:pull,push"))
    assert_error(put_manifest(token, "latest", second), 403, "DENIED")
    let_bob(instance, "read", "write", "delete")
    assert put_manifest(token, "latest", second).status_code == 201
    assert_error(token.request("DELETE", f"{IMAGE}/manifests/latest"), 401, "UNAUTHORIZED")


def test_a_right_to_some_tags_opens_and_lists_those_alone(
    client: Client, instance: Instance
) -> None:
    for tag in ("dev-1", "dev-2", "prod-1"):
        push_image(client, tag, layers=[tag.encode()])
    let_bob(instance, "read", includes=("team/app/dev-*/**",))
    bob = client.as_user("bob", PASSWORD)
    assert json.loads(bob.get(TAGS).data)["tags"] == ["dev-1", "dev-2"]
    assert json.loads(bob.get(f"{TAGS}?n=1&last=dev-1").data)["tags"] == ["dev-2"]
    assert bob.get(f"{IMAGE}/manifests/dev-1").status_code == 200
    for tag in ("prod-1", "missing"):
        assert_error(bob.get(f"{IMAGE}/manifests/{tag}"), 403, "DENIED")
    listed = bob.get(f"/artifactory/api/storage/{KEY}/team/app").get_json()["children"]
    assert {child["uri"] for child in listed} == {"/dev-1", "/dev-2"}
    assert bob.get(f"/artifactory/api/storage/{KEY}/team/app/prod-1").status_code == 404
    found = bob.get("/artifactory/api/docker/search?image=team/app").get_json()
    assert found["total"] == 2


def test_a_manifest_goes_with_all_its_tags_so_all_of_them_must_be_deletable(
    client: Client, instance: Instance
) -> None:
    body = push_image(client, "dev-1")
    put_manifest(client, "prod-1", body)
    let_bob(instance, "read", "delete", includes=("team/app/dev-*/**",))
    bob = client.as_user("bob", PASSWORD)
    answer = bob.request("DELETE", f"{IMAGE}/manifests/{digest_of(body)}")
    assert_error(answer, 403, "DENIED")
    assert "delete those by their names" in answer.text
    refused = bob.request("DELETE", f"/artifactory/{KEY}/team/app")
    assert refused.status_code == 403
    assert_error(bob.request("DELETE", f"{IMAGE}/manifests/prod-1"), 403, "DENIED")
    assert bob.request("DELETE", f"{IMAGE}/manifests/dev-1").status_code == 202
    assert json.loads(client.get(TAGS).data)["tags"] == ["prod-1"]


PATHS = (
    "/v2/{}/team/app/manifests/1.0",
    "/v2/{}/team/app/tags/list",
    f"/v2/{{}}/team/app/blobs/{digest_of(b'layer ' * 100)}",
    f"/v2/{{}}/team/app/referrers/{digest_of(b'')}",
    "/artifactory/api/docker/{}/v2/_catalog",
    "/artifactory/api/storage/{}",
    "/artifactory/api/storage/{}/team/app/1.0",
    "/artifactory/{}/team/app/1.0/manifest.json",
    "/artifactory/api/repositories/{}",
)


@pytest.mark.parametrize("path", PATHS)
def test_a_repository_without_any_right_looks_unknown(
    client: Client, instance: Instance, path: str
) -> None:
    push_image(client)
    let_bob(instance, "read")
    instance.repositories.create("theirs", {"rclass": "local"})
    bob = client.as_user("bob", PASSWORD)
    forbidden, unknown = bob.get(path.format("theirs")), bob.get(path.format("nothing"))
    assert (forbidden.status_code, unknown.status_code) == (404, 404) or (
        forbidden.status_code == unknown.status_code == 400
    )
    assert forbidden.text.replace("theirs", "nothing") == unknown.text
    assert client.get(path.format(KEY)).status_code == 200


def test_the_catalog_has_what_may_be_read(client: Client, instance: Instance) -> None:
    push_image(client)
    push_image(client, image=f"/v2/{KEY}/other")
    let_bob(instance, "read", includes=("other/**",))
    bob = client.as_user("bob", PASSWORD)
    assert bob.get("/v2/_catalog").get_json() == {"repositories": [f"{KEY}/other"]}
    let_bob(instance, "read", includes=("nobody/**",))
    assert bob.get("/v2/_catalog").get_json() == {"repositories": []}
