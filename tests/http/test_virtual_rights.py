"""Rights to a virtual repository are those to its members."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from registry.access.permission_targets import PermissionTarget, Section
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.repositories.local import LocalRepository
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import LAYER, assert_error, digest_of, push_image, put_manifest
from tests.http.virtual import (
    APP,
    DOCKER,
    LOCAL,
    MEMBER,
    ONE,
    OTHER,
    TWO,
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
from tests.repositories.pushing import push_image as push_to

PASSWORD = "password-of-bob"
IMAGE = f"/v2/{DOCKER}/{APP}"


@pytest.fixture
def upstreams(instance: Instance) -> Iterator[Upstreams]:
    with members(instance) as made:
        yield made


def let_bob(instance: Instance, **rights: tuple[str, ...]) -> None:
    """Give bob rights in repositories; ``other_local=("read",)`` is about ``other-local``."""
    if instance.users.find("bob") is None:
        instance.users.add("bob", PASSWORD)
    for name, words in rights.items():
        section = Section([name.replace("_", "-")], ("**",), users={"bob": words})
        instance.permission_targets.replace(PermissionTarget(f"bob-{name}", {"repo": section}))


@pytest.fixture
def bob(client: Client) -> Client:
    return client.as_user("bob", PASSWORD)


def token(client: Client, scope: str) -> Client:
    answer = client.get(f"/v2/token?scope={scope}")
    return client.with_token(json.loads(answer.data)["token"])


def test_a_member_that_may_not_be_read_is_as_if_it_had_nothing(
    client: Client, bob: Client, instance: Instance, upstreams: Upstreams
) -> None:
    push_image(client, "1.0", f"/v2/{LOCAL}/{APP}", **note("first"))
    push_image(client, "2.0", f"/v2/{LOCAL}/{APP}", layers=(b"secret",))
    push_image(client, "1.0", f"/v2/{LOCAL}/secret/app")
    theirs = push_image(client, "1.0", f"/v2/{OTHER}/{APP}", **note("second"))
    let_bob(instance, other_local=("read",))
    assert given(manifest(bob)) == (OTHER, theirs)
    assert tags(bob) == ["1.0"]
    assert catalog(bob) == [APP]
    unknown = manifest(bob, "9.9")
    hidden = manifest(bob, "2.0")
    assert_error(hidden, 404, "MANIFEST_UNKNOWN")
    assert hidden.text.replace("2.0", "9.9") == unknown.text
    assert MEMBER not in hidden.headers
    assert blob(bob, digest_of(b"secret")).status_code == 404
    assert manifest(bob, image="secret/app").status_code == 404
    root = json.loads(bob.get(f"/artifactory/api/storage/{DOCKER}").data)
    assert [child["uri"] for child in root["children"]] == ["/team"]
    assert bob.get(f"/artifactory/api/storage/{DOCKER}/secret").status_code == 404
    assert not upstreams[ONE].requests + upstreams[TWO].requests


def test_who_may_use_no_member_does_not_learn_of_the_virtual_repository(
    client: Client, bob: Client, instance: Instance, upstreams: Upstreams
) -> None:
    push_image(client)
    let_bob(instance)
    instance.permission_targets.replace(PermissionTarget("nothing", {}))
    paths = ("/manifests/1.0", "/tags/list", f"/blobs/{digest_of(LAYER)}")
    for path in paths:
        here = bob.get(f"{IMAGE}{path}")
        nowhere = bob.get(f"/v2/nowher/{APP}{path}")
        assert here.status_code == nowhere.status_code == 404
        assert here.text.replace("docker", "nowher") == nowhere.text


def test_the_names_of_images_that_may_not_be_read_are_protected_nevertheless(
    client: Client, bob: Client, instance: Instance, upstreams: Upstreams
) -> None:
    """Else who lacks a right would get what somebody has put upstream under a name of ours."""
    push_image(client, "1.0", f"/v2/{LOCAL}/{APP}")
    offer(upstreams[TWO])
    let_bob(instance, two=("read",))
    assert_error(manifest(bob), 404, "MANIFEST_UNKNOWN")
    assert not upstreams[TWO].requests
    offer(upstreams[TWO], "team/theirs")
    assert given(manifest(bob, image="team/theirs"))[0] == TWO
    assert not upstreams[ONE].requests


def test_rights_to_push_are_those_in_the_target(
    client: Client, bob: Client, instance: Instance, upstreams: Upstreams
) -> None:
    let_bob(instance, other_local=("read", "write", "delete"))
    body = push_image(client, "1.0", f"/v2/{OTHER}/{APP}")
    for answer in (
        bob.request("POST", f"{IMAGE}/blobs/uploads/"),
        put_manifest(bob, "2.0", body, IMAGE),
        bob.request("DELETE", f"{IMAGE}/manifests/1.0"),
    ):
        assert_error(answer, 403, "DENIED")
    let_bob(instance, docker_local=("write",))
    assert bob.request("POST", f"{IMAGE}/blobs/uploads/").status_code == 202
    assert put_manifest(bob, "2.0", body, IMAGE).status_code == 201
    assert given(manifest(client, "2.0", key=LOCAL))[1] == body


def test_a_docker_token_for_the_virtual_repository_opens_its_members_there_alone(
    client: Client, upstreams: Upstreams
) -> None:
    body = push_image(client, "1.0", f"/v2/{OTHER}/{APP}")
    theirs = offer(upstreams[TWO], "team/theirs")
    puller = token(client, f"repository:{DOCKER}/{APP}:pull")
    assert given(manifest(puller)) == (OTHER, body)
    assert given(blob(puller, digest_of(LAYER))) == (OTHER, LAYER)
    assert manifest(puller, key=OTHER).status_code == 401
    assert manifest(puller, image="team/theirs").status_code == 401
    assert puller.request("POST", f"{IMAGE}/blobs/uploads/").status_code == 401
    other = token(client, f"repository:{DOCKER}/team/theirs:pull")
    assert given(manifest(other, image="team/theirs")) == (TWO, theirs)
    asked = len(upstreams[ONE].requests)
    pusher = token(client, f"repository:{DOCKER}/team/new:pull,push")
    assert manifest(pusher, image="team/new").status_code == 404
    assert len(upstreams[ONE].requests) == asked, "no upstream hears what is about to be pushed"
    pusher = token(client, f"repository:{DOCKER}/{APP}:pull,push")
    assert push_image(pusher, "3.0", IMAGE)
    assert given(manifest(client, "3.0", key=LOCAL))[1]


def test_an_anonymous_caller_pulls_from_the_members_that_are_open(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    push_image(client)
    answer = client.request("GET", f"{IMAGE}/manifests/1.0", anonymous=True)
    assert_error(answer, 401, "UNAUTHORIZED")


def test_a_blob_of_a_member_that_may_not_be_read_cannot_be_mounted(
    client: Client, bob: Client, instance: Instance, upstreams: Upstreams
) -> None:
    push_image(client, "1.0", f"/v2/{OTHER}/{APP}", layers=(b"secret",))
    let_bob(instance, docker_local=("read", "write"))
    digest = digest_of(b"secret")
    for query in ({"mount": digest}, {"mount": digest, "from": f"{DOCKER}/{APP}"}):
        answer = bob.request("POST", f"/v2/{DOCKER}/mine/app/blobs/uploads/", query=query)
        assert answer.status_code == 202
    assert bob.request("HEAD", f"{IMAGE}/blobs/{digest}").status_code == 404
    body = push_image(client, "x", f"/v2/{OTHER}/{APP}", layers=(b"secret",))
    assert put_manifest(bob, "x", body, IMAGE).status_code == 404


def test_both_names_of_an_image_of_docker_hub_need_the_right(
    client: Client, bob: Client, instance: Instance
) -> None:
    """Else what ``library/secret`` is kept from could be had as ``secret``."""
    hub = RepositoryKey("hub")
    fields = {"url": "https://registry-1.docker.io", "offline": True}
    cache = instance.definitions.create(hub, "remote", fields).cache()
    repository = LocalRepository(instance.store, cache)
    for name in ("secret", "open"):
        for tag in ("1.0", "old"):
            push_to(repository, b"layer", image=ImageName(f"library/{name}"), reference=Tag(tag))
    instance.users.add("bob", PASSWORD)
    hidden = ("library/secret/**", "library/open/old/**")
    section = Section([hub], ("**",), hidden, users={"bob": ("read",)})
    instance.permission_targets.replace(PermissionTarget("bob-hub", {"repo": section}))
    instance.definitions.create(DOCKER, "virtual", {"repositories": [hub]})
    for key in (hub, DOCKER):
        for image in ("secret", "library/secret"):
            assert manifest(client, image=image, key=key).status_code == 200
            assert manifest(bob, image=image, key=key).status_code in (403, 404)
        for image in ("open", "library/open"):
            assert manifest(bob, image=image, key=key).status_code == 200
            assert tags(bob, image, key) == ["1.0"]
            assert tags(client, image, key) == ["1.0", "old"]


def test_who_may_read_an_image_of_a_remote_repository_may_have_it_fetched(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    body = offer(upstreams[ONE], layers=(b"layer",))
    instance.users.add("bob", PASSWORD)
    section = Section([ONE], users={"bob": ("read",)})
    instance.permission_targets.replace(PermissionTarget("bob-one", {"repo": section}))
    bob = client.as_user("bob", PASSWORD)
    assert manifest(bob, key=ONE).data == body
    assert blob(bob, digest_of(b"layer"), key=ONE).data == b"layer"
    assert upstreams[ONE].requests
