"""Copying and moving by path: ``POST /api/copy|move/<key>/<path>?to=/<key>/<path>``."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.config import Config
from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.relocating import (
    LOCAL,
    PROD,
    TARGET,
    THERE,
    copied,
    images,
    moved,
    refused,
    relocate,
    told,
)
from tests.http.support import (
    CONFIG,
    LAYER,
    digest_of,
    encoded,
    index_object,
    journal,
    manifest_bytes,
    push,
    push_image,
    put_blob,
    tree,
)


@pytest.fixture(autouse=True)
def target(instance: Instance) -> None:
    instance.definitions.create(RepositoryKey(TARGET), "local", {})


@pytest.mark.parametrize("slash", ["/", ""])
def test_a_tag_is_copied_under_another_name(client: Client, slash: str) -> None:
    body = push_image(client)
    text = copied(client, "team/app/1.0", f"{slash}{TARGET}/team/app/2.0")
    assert text == (
        "copying docker-local:team/app/1.0 to docker-prod:team/app/2.0 completed successfully, "
        "3 artifacts and 1 folders were copied"
    )
    assert images(client) == {LOCAL: ["1.0"], PROD: ["2.0"]}
    assert client.get(f"{THERE}/team/app/manifests/2.0").data == body


def test_a_tag_is_moved(client: Client, storage: Path) -> None:
    body = push_image(client)
    text = moved(client, "team/app/1.0", f"/{TARGET}/team/app/1.0")
    assert text == (
        "moving docker-local:team/app/1.0 to docker-prod:team/app/1.0 completed successfully, "
        "3 artifacts and 1 folders were moved"
    )
    assert images(client) == {PROD: ["1.0"]}
    assert client.get(f"{THERE}/team/app/blobs/{digest_of(LAYER)}").data == LAYER
    assert client.get(f"{THERE}/team/app/manifests/1.0").data == body
    assert not list((storage / "trash").iterdir())


def test_forms_of_the_route(client: Client) -> None:
    push_image(client)
    for number, route in enumerate(("/api/copy", "/artifactory/api/copy")):
        path = f"{route}/docker-local/team/app/1.0"
        to = f"?to=docker-prod%2Fteam%2Fapp%2F{number}&suppressLayouts=1&failFast=0&archiveType=zip"
        assert client.request("POST", path + to).status_code == 200
    assert images(client)[PROD] == ["0", "1"]


@pytest.mark.parametrize(
    ("path", "to", "landed"),
    [
        ("team/app/1.0", "docker-prod/team/app", {"docker-prod/team": ["app"]}),
        ("team/app/1.0", "docker-prod/team/app/", {PROD: ["1.0"]}),
        ("team/app/1.0", "docker-prod/x/team/app", {"docker-prod/x/team": ["app"]}),
        ("team/app", "docker-prod/other", {"docker-prod/other": ["1.0", "2.0"]}),
        ("team/app", "docker-prod/other/", {"docker-prod/other/app": ["1.0", "2.0"]}),
        ("team/app", "docker-prod", {"docker-prod/app": ["1.0", "2.0"]}),
        ("team/app", "/docker-prod/", {"docker-prod/app": ["1.0", "2.0"]}),
        (
            "team",
            "docker-prod/x",
            {"docker-prod/x/app": ["1.0", "2.0"], "docker-prod/x/other": ["1.0"]},
        ),
        ("team/app/1.0/manifest.json", "docker-prod/a/b/manifest.json", {"docker-prod/a": ["b"]}),
        ("team/app/1.0/manifest.json", "docker-prod/a/b/", {"docker-prod/a": ["b"]}),
        ("team/app/1.0/manifest.json", "docker-prod/a/b", {"docker-prod/a": ["b"]}),
    ],
)
def test_where_things_land_in_an_empty_repository(
    client: Client, path: str, to: str, landed: dict[str, list[str]]
) -> None:
    push_image(client)
    push_image(client, "2.0", layers=[b"second"])
    push_image(client, image="/v2/docker-local/team/other")
    copied(client, path, to)
    found = {name: tags for name, tags in images(client).items() if name.startswith(TARGET)}
    assert found == landed


@pytest.mark.parametrize(
    ("path", "to", "landed"),
    [
        ("team/app/1.0", "docker-prod/team/app", {PROD: ["1.0", "old"]}),
        ("team/app", "docker-prod/team", {PROD: ["1.0", "old"]}),
        ("team/app", PROD, {PROD: ["old"], f"{PROD}/app": ["1.0"]}),
        ("team/app/1.0", f"{PROD}/old", {PROD: ["old"], f"{PROD}/old": ["1.0"]}),
        ("team/app/1.0/manifest.json", f"{PROD}/old", {PROD: ["old"]}),
        ("team/app/1.0/manifest.json", PROD, {PROD: ["1.0", "old"]}),
        ("team/app/1.0/manifest.json", f"{PROD}/old/manifest.json", {PROD: ["old"]}),
    ],
)
def test_where_things_land_in_folders_that_are_there(
    client: Client, path: str, to: str, landed: dict[str, list[str]]
) -> None:
    body = push_image(client)
    push_image(client, "old", image=f"/v2/{PROD}", layers=[b"old"])
    copied(client, path, to)
    found = {name: tags for name, tags in images(client).items() if name.startswith(TARGET)}
    assert found == landed
    is_replaced = client.get(f"/v2/{PROD}/manifests/old").data == body
    assert is_replaced == (path.endswith(".json") and "old" in to)


def test_a_copy_by_its_manifest_tells_of_files(client: Client) -> None:
    push_image(client)
    text = copied(client, "team/app/1.0/manifest.json", f"/{PROD}/2.0/")
    assert text.startswith(
        "copying docker-local:team/app/1.0/manifest.json to docker-prod:team/app/2.0/manifest.json "
    )


def test_a_multi_platform_image_and_its_digest_folders(client: Client) -> None:
    for layer in (CONFIG, b"0", b"1"):
        put_blob(client, layer)
    children = [manifest_bytes(layers=[layer]) for layer in (b"0", b"1")]
    for child in children:
        push(client, digest_of(child), child)
    push(client, "1.0", encoded(index_object(children)))
    text = moved(client, "team/app/1.0", f"/{PROD}/1.0")
    assert text.endswith("7 artifacts and 3 folders were moved")
    assert images(client) == {PROD: ["1.0"]}
    for child in children:
        assert client.get(f"/v2/{PROD}/manifests/{digest_of(child)}").data == child
    digest = digest_of(children[0])
    answer = client.request(
        "POST", f"/api/copy/{PROD}/{digest.replace(':', '%3A')}", query={"to": f"/{PROD}/amd64"}
    )
    assert answer.status_code == 200
    assert client.get(f"/v2/{PROD}/manifests/amd64").data == children[0]
    needed = client.request(
        "POST", f"/api/move/{PROD}/{digest_of(children[1])}", query={"to": f"/{PROD}/arm64"}
    )
    refused(needed, 400, "part of the index")


def test_an_image_takes_what_has_no_tag_along(client: Client) -> None:
    old = push_image(client)
    new = push_image(client, layers=[b"new"])
    text = moved(client, "team", f"/{TARGET}/team")
    assert text.endswith("6 artifacts and 4 folders were moved")
    assert images(client) == {PROD: ["1.0"]}
    assert client.get(f"/v2/{PROD}/manifests/1.0").data == new
    assert client.get(f"/v2/{PROD}/manifests/{digest_of(old)}").data == old


def test_a_folder_that_is_a_tag_and_an_image(client: Client) -> None:
    push_image(client, "b", image="/v2/docker-local/a")
    push_image(client, "c", image="/v2/docker-local/a/b")
    moved(client, "a/b", f"/{TARGET}/x/y")
    assert images(client) == {f"{TARGET}/x": ["y"], f"{TARGET}/x/y": ["c"]}


@pytest.mark.parametrize("verb", ["copy", "move"])
@pytest.mark.parametrize("path", ["team/app/1.0", "team/app", "team", "team/app/1.0/manifest.json"])
def test_a_dry_run_reports_the_same_and_changes_nothing(
    client: Client, storage: Path, verb: str, path: str
) -> None:
    push_image(client)
    to = f"/{TARGET}/a/b"
    before = tree(storage)
    dry = told(relocate(client, verb, path, to, dry="1"))
    assert tree(storage) == before
    assert told(relocate(client, verb, path, to, dry="0")) == dry
    assert tree(storage) != before


def test_another_place_in_the_same_repository(client: Client) -> None:
    push_image(client)
    moved(client, "team/app/1.0", "/docker-local/team/app/2.0")
    assert images(client) == {LOCAL: ["2.0"]}
    moved(client, "team/app", "/docker-local/team/application")
    assert images(client) == {"docker-local/team/application": ["2.0"]}


def test_a_layer_is_copied_for_a_manifest_that_is_still_to_come(client: Client) -> None:
    body = push_image(client)
    name = digest_of(LAYER).replace(":", "__")
    place = f"team/app/1.0/{name}"
    text = copied(client, place, f"/{PROD}/1.0/{name}")
    assert text == (
        f"copying docker-local:{place} to docker-prod:{place} completed successfully, "
        "1 artifacts and 0 folders were copied"
    )
    assert client.get(f"/v2/{PROD}/blobs/{digest_of(LAYER)}").data == LAYER
    copied(client, "team/app/1.0/manifest.json", f"/{PROD}/1.0/manifest.json")
    copied(client, place, f"/{PROD}/1.0")
    assert client.get(f"/v2/{PROD}/manifests/1.0").data == body
    refused(relocate(client, "copy", place, f"/{PROD}/1.0/other"), 400, name)
    refused(relocate(client, "copy", place, f"/docker-local/{place}"), 400, "the same")
    refused(relocate(client, "move", place, f"/{PROD}/1.0/{name}"), 400, "manifest needs it")
    assert images(client) == {LOCAL: ["1.0"], PROD: ["1.0"]}


def test_properties_of_folders_travel(client: Client, instance: Instance) -> None:
    push_image(client)
    for path, name in (("team/app", "image"), ("team/app/1.0", "tag"), ("team", "team")):
        answer = client.request(
            "PUT", f"/api/storage/docker-local/{path}?properties={name}=yes&recursive=0"
        )
        assert answer.status_code == 204
    moved(client, "team/app", f"/{TARGET}/released")
    for path, name in (("released", "image"), ("released/1.0", "tag")):
        found = client.get(f"/api/storage/{TARGET}/{path}?properties")
        assert found.json is not None
        assert found.json["properties"] == {name: ["yes"]}, path
    push_image(client)
    assert client.get("/api/storage/docker-local/team/app?properties").status_code == 404
    assert client.get("/api/storage/docker-local/team?properties").status_code == 200


def test_a_folder_without_images(client: Client) -> None:
    assert client.request("PUT", "/docker-local/empty/folder/").status_code == 201
    assert copied(client, "empty", f"/{TARGET}/made").endswith(
        "0 artifacts and 1 folders were copied"
    )
    assert client.get(f"/api/storage/{TARGET}/made/folder").status_code == 200
    moved(client, "empty", f"/{TARGET}/again")
    assert client.get("/api/storage/docker-local/empty/folder").status_code == 404
    put_blob(client, b"loose", "/v2/docker-local/loose")


def test_the_journal(client: Client, config: Config) -> None:
    push_image(client)
    moved(client, "team/app/1.0", f"/{PROD}/2.0")
    copied_again = client.request(
        "POST", f"/api/copy/{PROD}/2.0", query={"to": "/docker-local/team/app/3.0"}
    )
    assert copied_again.status_code == 200
    lines = [line for line in journal(config) if line["event"] in ("copy", "move")]
    assert [(x["event"], x["repository"], x["tag"]) for x in lines] == [
        ("move", TARGET, "2.0"),
        ("move", "docker-local", "1.0"),
        ("copy", "docker-local", "3.0"),
    ]
