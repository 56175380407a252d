"""Lists, trees and searches of a virtual repository: those of all members as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import LAYER, OCI_IMAGE, digest_of, manifest_bytes, push_image, put_manifest
from tests.http.virtual import (
    APP,
    DOCKER,
    LOCAL,
    ONE,
    OTHER,
    TWO,
    Upstreams,
    catalog,
    manifest,
    members,
    note,
    offer,
    tags,
)
from tests.support.upstream_answers import error

STORAGE = "/artifactory/api/storage"


@pytest.fixture
def upstreams(instance: Instance) -> Iterator[Upstreams]:
    with members(instance) as made:
        yield made


@pytest.fixture
def filled(client: Client, upstreams: Upstreams) -> Upstreams:
    """Local members with tags of one image, and remote ones with a cached image each."""
    for key, image, tag in (
        (LOCAL, APP, "1.0"), (LOCAL, APP, "2.0"), (OTHER, APP, "2.0"), (OTHER, APP, "3.0"),
        (OTHER, "alone", "1.0"),
    ):  # fmt: skip
        push_image(client, tag, f"/v2/{key}/{image}", **note(key))
    for key, image in ((ONE, "library/alpine"), (TWO, "library/zsh")):
        offer(upstreams[key], image, "3")
        assert manifest(client, "3", image).status_code == 200
    return upstreams


def got(client: Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.data)


def test_the_tags_of_all_members_are_listed_once_and_in_pages(
    client: Client, filled: Upstreams
) -> None:
    assert tags(client) == ["1.0", "2.0", "3.0"]
    assert tags(client, query="?n=2") == ["1.0", "2.0"]
    assert tags(client, query="?n=2&last=2.0") == ["3.0"]
    assert tags(client, query="?n=0") == []
    first = client.get(f"/v2/{DOCKER}/{APP}/tags/list?n=2")
    assert f"/v2/{DOCKER}/{APP}/tags/list?n=2&last=2.0" in first.headers["Link"]
    assert "Link" not in client.get(f"/v2/{DOCKER}/{APP}/tags/list?n=3").headers
    assert tags(client, "library/alpine") == ["3"]


def test_a_member_that_cannot_list_upstream_lists_its_cache(
    client: Client, instance: Instance, filled: Upstreams
) -> None:
    instance.definitions.update(ONE, {"listRemoteFolderItems": True})
    offer(filled[ONE], "library/alpine", "4")
    assert tags(client, "library/alpine") == ["3", "4"]
    filled[TWO].script("tags", error(503, "UNAVAILABLE"))
    instance.definitions.update(TWO, {"listRemoteFolderItems": True})
    assert tags(client, "library/zsh") == ["3"]


def test_the_images_of_all_members_are_listed_once_and_in_pages(
    client: Client, filled: Upstreams
) -> None:
    everything = ["alone", "library/alpine", "library/zsh", APP]
    assert catalog(client) == everything
    assert catalog(client, query="?n=2") == everything[:2]
    assert catalog(client, query="?n=2&last=library/alpine") == everything[2:]
    of_all = got(client, "/v2/_catalog")["repositories"]
    assert [name for name in of_all if name.startswith("docker/")] == [
        f"docker/{name}" for name in everything
    ]
    assert "one/library/alpine" in of_all
    assert not [name for name in of_all if "-cache" in name]


def test_many_names_are_listed_page_by_page(client: Client, filled: Upstreams) -> None:
    body = manifest_bytes(**note(LOCAL))
    for number in range(7):
        for key in (LOCAL, OTHER) if number % 2 else (LOCAL,):
            push_image(client, f"n{number}", f"/v2/{key}/many")
            assert put_manifest(client, f"n{number}", body, f"/v2/{key}/many").status_code == 201
    found, last = list[str](), ""
    while page := tags(client, "many", query=f"?n=2{last}"):
        found += page
        last = f"&last={page[-1]}"
    assert found == [f"n{number}" for number in range(7)]


def test_referrers_of_all_members_are_listed_once(client: Client, filled: Upstreams) -> None:
    subject = push_image(client, "signed", f"/v2/{LOCAL}/{APP}")
    about = {"mediaType": OCI_IMAGE, "digest": digest_of(subject), "size": len(subject)}
    for key, text in ((LOCAL, "a"), (OTHER, "a"), (OTHER, "b")):
        body = manifest_bytes(subject=about, annotations={"note": text})
        push_image(client, "unused", f"/v2/{key}/{APP}")
        digest = digest_of(body)
        assert put_manifest(client, digest, body, f"/v2/{key}/{APP}").status_code == 201
    found = got(client, f"/v2/{DOCKER}/{APP}/referrers/{digest_of(subject)}")["manifests"]
    assert sorted(one["annotations"]["note"] for one in found) == ["a", "b"]


def test_the_tree_is_that_of_all_members_under_the_key_that_was_asked(
    client: Client, filled: Upstreams
) -> None:
    root = got(client, f"{STORAGE}/{DOCKER}")
    assert [child["uri"] for child in root["children"]] == ["/alone", "/library", "/team"]
    image = got(client, f"{STORAGE}/{DOCKER}/{APP}")
    assert [child["uri"] for child in image["children"]] == ["/1.0", "/2.0", "/3.0"]
    assert image["repo"] == DOCKER
    file = got(client, f"{STORAGE}/{DOCKER}/{APP}/2.0/manifest.json")
    assert (file["repo"], file["path"]) == (DOCKER, f"/{APP}/2.0/manifest.json")
    assert file["downloadUri"].endswith(f"/artifactory/{DOCKER}/{APP}/2.0/manifest.json")
    local = manifest(client, "2.0", key=LOCAL).data
    assert file["checksums"]["sha256"] == digest_of(local).partition(":")[2]
    assert client.get(f"/artifactory/{DOCKER}/{APP}/2.0/manifest.json").data == local
    listed = got(client, f"{STORAGE}/{DOCKER}?list&deep=1")["files"]
    uris = [one["uri"] for one in listed]
    assert len(set(uris)) == len(uris)
    assert "/library/zsh/3/manifest.json" in uris
    assert f"/{APP}/3.0/manifest.json" in uris


def test_the_tree_hides_what_cannot_be_pulled(
    client: Client, instance: Instance, filled: Upstreams
) -> None:
    push_image(client, "ours", f"/v2/{LOCAL}/library/zsh")
    folder = got(client, f"{STORAGE}/{DOCKER}/library/zsh")
    assert [child["uri"] for child in folder["children"]] == ["/ours"]
    assert client.get(f"{STORAGE}/{DOCKER}/library/zsh/3").status_code == 404
    instance.definitions.update(DOCKER, {"excludesPattern": "library/**"})
    root = got(client, f"{STORAGE}/{DOCKER}")
    assert [child["uri"] for child in root["children"]] == ["/alone", "/team"]
    assert "library" not in client.get(f"{STORAGE}/{DOCKER}?list&deep=1").text


def test_properties_are_set_where_the_item_is(client: Client, filled: Upstreams) -> None:
    path = f"{APP}/3.0/manifest.json?properties=qa=ok"
    assert client.request("PUT", f"{STORAGE}/{DOCKER}/{path}").status_code == 204
    found = got(client, f"{STORAGE}/{OTHER}/{APP}/3.0/manifest.json?properties=qa")
    assert found["properties"] == {"qa": ["ok"]}


def test_searches_over_a_virtual_repository_find_what_its_members_hold(
    client: Client, filled: Upstreams
) -> None:
    query = 'items.find({"repo":"docker","name":"manifest.json"}).include("repo","path")'
    answer = client.request("POST", "/artifactory/api/search/aql", body=query.encode())
    rows = {(row["repo"], row["path"]) for row in json.loads(answer.data)["results"]}
    assert (OTHER, f"{APP}/3.0") in rows
    assert ("one-cache", "library/alpine/3") in rows
    assert not [repo for repo, _ in rows if repo in (DOCKER, ONE, TWO)]
    found = client.get("/artifactory/api/search/artifact?name=manifest.json&repos=docker").text
    assert "/one-cache/library/alpine/3/manifest.json" in found


def test_packages_are_found_in_members_and_caches(client: Client, filled: Upstreams) -> None:
    def found(repos: str) -> set[str]:
        answer = got(client, f"/artifactory/api/docker/search?repos={repos}")
        return {package["repository"] for package in answer["packages"]}

    assert found("docker") == {LOCAL, OTHER, "one-cache", "two-cache"}
    assert found("one") == found("one-cache") == {"one-cache"}
    assert found("../etc") == set()


def test_a_file_of_a_remote_member_is_fetched_by_its_place(
    client: Client, filled: Upstreams
) -> None:
    body = offer(filled[TWO], "library/new", "1")
    place = f"/artifactory/{DOCKER}/library/new/1"
    assert client.get(f"{STORAGE}/{DOCKER}/library/new/1").status_code == 404
    assert client.get(f"{place}/manifest.json").data == body
    assert client.get(f"{place}/{digest_of(LAYER).replace(':', '__')}").data == LAYER
    assert client.get(f"/artifactory/{DOCKER}/library/none/1/manifest.json").status_code == 404


def test_an_empty_virtual_repository_has_nothing(client: Client, instance: Instance) -> None:
    instance.definitions.create(RepositoryKey("empty"), "virtual", {})
    assert catalog(client, "empty") == []
    assert got(client, f"{STORAGE}/empty")["children"] == []
    assert client.get("/v2/empty/team/app/manifests/1.0").status_code == 404
