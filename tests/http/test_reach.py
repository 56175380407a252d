"""Patterns, blackout and kinds of repositories, as clients of the Docker API meet them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import (
    ABSENT,
    CONFIG,
    IMAGE,
    KEY,
    LAYER,
    OCI_INDEX,
    assert_error,
    digest_of,
    encoded,
    index_object,
    manifest_bytes,
    push,
    push_image,
    put_blob,
    put_manifest,
)

OTHER = "/v2/docker-local/other/app"


def limit(instance: Instance, **fields: object) -> None:
    instance.definitions.update(RepositoryKey(KEY), fields)


def tags(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"{IMAGE}/tags/list{query}")
    assert answer.status_code == 200, answer.text
    return list(json.loads(answer.data)["tags"])


def catalog(client: Client) -> list[str]:
    return list(json.loads(client.get("/v2/_catalog").data)["repositories"])


def everything(client: Client, image: str, reference: str = "1.0") -> dict[str, TestResponse]:
    """What is answered to each reading and writing request about an image."""
    manifest = manifest_bytes()
    layer = digest_of(LAYER)
    return {
        "read manifest": client.get(f"{image}/manifests/{reference}"),
        "read by digest": client.get(f"{image}/manifests/{digest_of(manifest)}"),
        "read blob": client.get(f"{image}/blobs/{layer}"),
        "read tags": client.get(f"{image}/tags/list"),
        "start upload": client.request("POST", f"{image}/blobs/uploads/"),
        "mount": client.request("POST", f"{image}/blobs/uploads/", query={"mount": layer}),
        "push": put_manifest(client, reference, manifest, image),
    }


def test_an_image_outside_the_patterns_is_unknown_and_takes_no_pushes(
    client: Client, instance: Instance
) -> None:
    push_image(client)
    push_image(client, image=OTHER)
    for fields in ({"includesPattern": "team/**"}, {"excludesPattern": "other/**"}):
        limit(instance, **{"includesPattern": "", "excludesPattern": ""} | fields)
        for what, answer in everything(client, OTHER).items():
            if what.startswith("read"):
                assert_error(answer, 404, "NAME_UNKNOWN")
            else:
                assert_error(answer, 403, "DENIED")
        assert_error(client.request("DELETE", f"{OTHER}/manifests/1.0"), 404, "NAME_UNKNOWN")
        assert {a.status_code for a in everything(client, IMAGE).values()} <= {200, 201, 202}
        assert catalog(client) == [f"{KEY}/team/app"]
    limit(instance, includesPattern="", excludesPattern="")
    assert catalog(client) == [f"{KEY}/other/app", f"{KEY}/team/app"]


def test_a_blob_that_only_an_excluded_image_has_cannot_be_mounted(
    client: Client, instance: Instance
) -> None:
    digest = put_blob(client, b"only here", OTHER)
    limit(instance, excludesPattern="other/**")
    for query in ({"mount": digest}, {"mount": digest, "from": f"{KEY}/other/app"}):
        answer = client.request("POST", f"{IMAGE}/blobs/uploads/", query=query)
        assert answer.status_code == 202


def test_a_tag_outside_the_patterns_is_unknown_and_cannot_be_pushed(
    client: Client, instance: Instance
) -> None:
    body = push_image(client)
    push(client, "latest", body)
    limit(instance, excludesPattern="**/latest/**")
    assert_error(client.get(f"{IMAGE}/manifests/latest"), 404, "MANIFEST_UNKNOWN")
    assert_error(client.request("DELETE", f"{IMAGE}/manifests/latest"), 404, "MANIFEST_UNKNOWN")
    assert_error(put_manifest(client, "latest", body), 403, "DENIED")
    several = put_manifest(client, digest_of(body), body, query=[("tag", "2.0"), ("tag", "latest")])
    assert_error(several, 403, "DENIED")
    assert tags(client) == ["1.0"]
    assert client.get(f"{IMAGE}/manifests/1.0").status_code == 200
    assert client.get(f"{IMAGE}/manifests/{digest_of(body)}").status_code == 200


def test_pages_of_tags_are_filled_with_what_is_in_reach(client: Client, instance: Instance) -> None:
    body = push_image(client, "a")
    for tag in ("a1", "b", "b1", "b2", "c", "c1", "d"):
        push(client, tag, body)
    limit(instance, includesPattern="**/?/**")
    assert tags(client) == ["a", "b", "c", "d"]
    first = client.get(f"{IMAGE}/tags/list?n=3")
    assert json.loads(first.data)["tags"] == ["a", "b", "c"]
    assert "last=c" in first.headers["Link"]
    assert tags(client, "?n=3&last=c") == ["d"]
    assert tags(client, "?n=0") == []


def test_indexes_can_be_kept_out(client: Client, instance: Instance) -> None:
    body = push_image(client)
    index = encoded(index_object([body]))
    limit(instance, excludesPattern="**/list.manifest.json")
    assert_error(put_manifest(client, "multi", index, media_type=OCI_INDEX), 403, "DENIED")
    assert client.get(f"{IMAGE}/manifests/1.0").status_code == 200
    limit(instance, excludesPattern="")
    push(client, "multi", index)
    limit(instance, excludesPattern="**/list.manifest.json")
    assert_error(client.get(f"{IMAGE}/manifests/multi"), 404, "MANIFEST_UNKNOWN")


def test_a_blacked_out_repository_is_as_if_it_were_empty(
    client: Client, instance: Instance
) -> None:
    push_image(client)
    limit(instance, blackedOut=True)
    for what, answer in everything(client, IMAGE).items():
        if what.startswith("read"):
            assert_error(answer, 404, "NAME_UNKNOWN")
        else:
            assert_error(answer, 403, "DENIED")
            assert "blacked out" in answer.text
    assert_error(client.request("DELETE", f"{IMAGE}/manifests/1.0"), 403, "DENIED")
    assert catalog(client) == []
    limit(instance, blackedOut=False)
    assert client.get(f"{IMAGE}/manifests/1.0").status_code == 200


def test_who_may_not_anyway_learns_nothing_of_patterns(client: Client, instance: Instance) -> None:
    push_image(client)
    before = client.request("GET", f"{IMAGE}/manifests/1.0", anonymous=True)
    limit(instance, excludesPattern="team/**")
    after = client.request("GET", f"{IMAGE}/manifests/1.0", anonymous=True)
    assert (before.status_code, before.data) == (after.status_code, after.data) == (401, after.data)


KINDS: dict[str, dict[str, Any]] = {
    "remote": {"url": "https://registry.example.com", "offline": True},
    "virtual": {"repositories": []},
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_only_configured_is_empty_and_takes_no_pushes(
    client: Client, instance: Instance, kind: str
) -> None:
    instance.definitions.create(RepositoryKey("mine"), kind, KINDS[kind])
    for form in ("/v2/mine", "/artifactory/api/docker/mine/v2", "/api/docker/mine/v2"):
        image = f"{form}/team/app"
        for what, answer in everything(client, image).items():
            if what.startswith("read"):
                assert answer.status_code == 404, (what, answer.text)
            else:
                assert_error(answer, 405, "UNSUPPORTED")
                assert f"{kind} repository 'mine'" in answer.text
        assert json.loads(client.get(f"{image}/referrers/{ABSENT}").data)["manifests"] == []
        deleted = client.request("DELETE", f"{image}/manifests/1.0")
        assert deleted.status_code == {"remote": 404, "virtual": 405}[kind]
    assert json.loads(client.get("/api/docker/mine/v2/_catalog").data) == {"repositories": []}
    push_image(client)
    assert catalog(client) == [f"{KEY}/team/app"]
    assert not [finding for finding in instance.checking.run(deep=True) if "mine" in finding.path]
    for path in ("/api/storage/mine", "/mine/team/app", "/api/storage/mine/team?list"):
        for method in ("GET", "PUT", "DELETE"):
            answer = client.request(method, f"/artifactory{path}")
            assert answer.status_code < 500, (method, path, answer.text)


def test_the_tree_shows_what_is_in_reach(client: Client, instance: Instance) -> None:
    body = push_image(client)
    push(client, "latest", body)
    push_image(client, image=OTHER, config=CONFIG)
    tree = f"/artifactory/api/storage/{KEY}"
    limit(instance, excludesPattern="**/latest/**,other/**")
    for path, status in (
        ("team/app", 200), ("team/app/1.0/manifest.json", 200), ("team/app/latest", 404),
        ("team/app/latest/manifest.json", 404), ("other/app", 404), ("other", 404),
    ):  # fmt: skip
        assert client.get(f"{tree}/{path}").status_code == status, path
    children = json.loads(client.get(f"{tree}/team/app").data)["children"]
    assert [child["uri"] for child in children] == ["/1.0"]
    assert "latest" not in client.get(f"{tree}?list&deep=1&listFolders=1").text
    assert client.get(f"/artifactory/{KEY}/team/app/latest/manifest.json").status_code == 404
