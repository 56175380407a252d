"""The storage API and the trees of repositories: what clients read, and what they are refused."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from registry.config import Config
from tests.conftest import Client
from tests.http.support import (
    CONFIG,
    LAYER,
    digest_of,
    encoded,
    index_object,
    manifest_bytes,
    push,
    push_image,
    put_blob,
)

STORAGE = "/artifactory/api/storage/docker-local"
CONTENT = "/artifactory/docker-local"
TAG = "team/app/1.0"


def layer_name(data: bytes = LAYER) -> str:
    return digest_of(data).replace(":", "__")


def get(client: Client, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return json.loads(answer.data)


def message(client: Client, path: str, status: int) -> str:
    (error,) = get(client, path, status)["errors"]
    assert error["status"] == status
    return str(error["message"])


class TestInfo:
    @pytest.mark.parametrize(
        ("path", "children"),
        [
            ("", {"/team"}),
            ("/team", {"/app"}),
            ("/team/app", {"/1.0"}),
            ("/team/app/1.0", {"/manifest.json", f"/{layer_name()}", f"/{layer_name(CONFIG)}"}),
        ],
    )
    def test_a_folder_has_children_and_no_size(
        self, client: Client, path: str, children: set[str]
    ) -> None:
        push_image(client)
        for prefix in ("/artifactory", ""):
            found = get(client, f"{prefix}/api/storage/docker-local{path}")
            assert {child["uri"] for child in found["children"]} == children
            assert "size" not in found
            assert (found["repo"], found["path"]) == ("docker-local", path or "/")
            assert found["uri"].endswith(f"/artifactory/api/storage/docker-local{path}")
            assert {"created", "createdBy", "lastModified", "modifiedBy", "lastUpdated"} <= set(
                found
            )

    def test_a_file_has_a_size_in_words_and_three_checksums(self, client: Client) -> None:
        body = push_image(client)
        found = get(client, f"{STORAGE}/{TAG}/manifest.json")
        assert found["size"] == str(len(body))
        assert found["checksums"] == {
            "sha1": hashlib.sha1(body).hexdigest(),
            "md5": hashlib.md5(body).hexdigest(),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        assert "children" not in found
        assert found["downloadUri"].endswith(f"/artifactory/docker-local/{TAG}/manifest.json")
        assert found["createdBy"] == "admin"
        assert found["created"].endswith("Z")

    def test_checksums_are_computed_once(self, client: Client, config: Config) -> None:
        push_image(client)
        for _ in range(2):
            get(client, f"{STORAGE}/{TAG}/{layer_name()}")
        sha256 = hashlib.sha256(LAYER).hexdigest()
        with open(f"{config.storage_root}/checksums/sha256/{sha256[:2]}") as file:
            (line,) = file.read().splitlines()
        assert line.split() == [
            sha256, hashlib.sha1(LAYER).hexdigest(), hashlib.md5(LAYER).hexdigest()
        ]  # fmt: skip

    @pytest.mark.parametrize("path", ["absent", "team/app/2.0", "team/app/1.0/absent", "team/.."])
    def test_an_unknown_item_is_told_in_the_words_that_clients_know(
        self, client: Client, path: str
    ) -> None:
        push_image(client)
        assert message(client, f"{STORAGE}/{path}", 404).startswith("Unable to find item")

    def test_an_unknown_repository_is_an_error(self, client: Client) -> None:
        message(client, "/artifactory/api/storage/absent", 404)

    def test_an_encoded_slash_separates_folders(self, client: Client) -> None:
        push_image(client)
        assert get(client, f"{STORAGE}/team%2Fapp%2F1.0")["path"] == f"/{TAG}"

    def test_what_is_ours_is_not_shown(self, client: Client) -> None:
        push_image(client)
        for name in ("_layers", "_manifests", "1.0/manifest.json.properties.json"):
            message(client, f"{STORAGE}/team/app/{name}", 404)

    def test_an_index_has_its_own_name_and_its_children_folders_of_digests(
        self, client: Client
    ) -> None:
        for data in (CONFIG, LAYER):
            put_blob(client, data)
        child = manifest_bytes()
        push(client, digest_of(child), child)
        push(client, "multi", encoded(index_object([child])))
        children = get(client, f"{STORAGE}/team/app")["children"]
        assert {entry["uri"] for entry in children} == {"/multi", f"/{digest_of(child)}"}
        folder = get(client, f"{STORAGE}/team/app/{digest_of(child).replace(':', '%3A')}")
        assert {"uri": "/manifest.json", "folder": False} in folder["children"]
        get(client, f"{STORAGE}/team/app/multi/list.manifest.json")

    def test_a_tag_and_an_image_of_one_name_are_one_folder(self, client: Client) -> None:
        push_image(client, "bar", "/v2/docker-local/foo")
        push_image(client, "1.0", "/v2/docker-local/foo/bar")
        children = {entry["uri"] for entry in get(client, f"{STORAGE}/foo/bar")["children"]}
        assert {"/manifest.json", "/1.0"} <= children

    def test_a_deleted_image_leaves_no_folder(self, client: Client) -> None:
        push_image(client)
        assert client.request("DELETE", f"{CONTENT}/{TAG}/").status_code == 204
        message(client, f"{STORAGE}/team/app", 404)
        assert get(client, STORAGE)["children"] == []


class TestList:
    def test_a_flat_list_has_files_alone(self, client: Client) -> None:
        body = push_image(client)
        found = get(client, f"{STORAGE}/{TAG}?list")
        by_uri = {entry["uri"]: entry for entry in found["files"]}
        manifest = by_uri["/manifest.json"]
        assert (manifest["size"], manifest["folder"]) == (len(body), False)
        assert manifest["sha2"] == hashlib.sha256(body).hexdigest()
        assert len(by_uri) == 3

    def test_a_deep_list_goes_as_deep_as_wanted(self, client: Client) -> None:
        push_image(client)
        deep = get(client, f"{STORAGE}?list&deep=1&listFolders=1")["files"]
        assert {e["uri"] for e in deep if e["folder"]} == {"/team", "/team/app", f"/{TAG}"}
        assert all(e["size"] == -1 for e in deep if e["folder"])
        shallow = get(client, f"{STORAGE}?list=true&deep=1&listFolders=1&depth=2")["files"]
        assert {e["uri"] for e in shallow} == {"/team", "/team/app"}

    def test_the_folder_itself_and_times_of_properties_come_when_asked_for(
        self, client: Client
    ) -> None:
        push_image(client)
        found = get(client, f"{STORAGE}/{TAG}?list&includeRootPath=1&mdTimestamps=1")["files"]
        assert found[0]["uri"] == "/"
        assert all("properties" in e["mdTimestamps"] for e in found if not e["folder"])

    def test_a_file_has_no_list(self, client: Client) -> None:
        push_image(client)
        message(client, f"{STORAGE}/{TAG}/manifest.json?list", 404)
        message(client, f"{STORAGE}?list&deep=1&depth=x", 400)


class TestModes:
    def test_pulls_are_the_downloads_of_a_manifest(self, client: Client) -> None:
        push_image(client)
        nothing = get(client, f"{STORAGE}/{TAG}/manifest.json?stats")
        assert (nothing["downloadCount"], nothing["lastDownloaded"]) == (0, 0)
        assert "lastDownloadedBy" not in nothing
        client.get("/v2/docker-local/team/app/manifests/1.0")
        client.request("HEAD", "/v2/docker-local/team/app/manifests/1.0")
        client.get(f"{CONTENT}/{TAG}/manifest.json")
        client.get(f"{CONTENT}/{TAG}/manifest.json?skipUpdateStats=true")
        found = get(client, f"{STORAGE}/{TAG}/manifest.json?stats")
        assert found["downloadCount"] == 2
        assert found["lastDownloaded"] > 1_700_000_000_000
        assert found["lastDownloadedBy"] == "admin"

    def test_the_last_change_below_a_folder_is_found(self, client: Client) -> None:
        push_image(client)
        push_image(client, "2.0")
        found = get(client, f"{STORAGE}/team?lastModified")
        newest = get(client, f"{STORAGE}/team/app/2.0/manifest.json")["lastModified"]
        assert found["lastModified"] >= newest

    def test_permissions_are_for_who_may_manage(self, client: Client) -> None:
        push_image(client)
        found = get(client, f"{STORAGE}/team?permissions")["principals"]
        assert found == {"users": {"admin": ["r", "w", "n", "d", "m"]}, "groups": {}}
