"""Promotion: ``POST /api/docker/<key>/v2/promote``, field by field and right by right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.config import Config
from registry.model.errors import StorageFull
from registry.model.names import RepositoryKey
from registry.repositories.copying import Arrival
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.promoting import ONE, ROUTE, TARGET, THERE, WHOLE, promote, refused, tags
from tests.http.support import (
    IMAGE,
    LAYER,
    OCI_INDEX,
    digest_of,
    encoded,
    index_object,
    journal,
    manifest_bytes,
    push,
    push_image,
)


@pytest.fixture(autouse=True)
def target(instance: Instance) -> None:
    instance.definitions.create(RepositoryKey(TARGET), "local", {})


@pytest.mark.parametrize(
    "route",
    [ROUTE, "/api/docker/docker-local/v2/promote", "/v2/docker-local/promote", f"{ROUTE}/"],
)
def test_a_tag_is_moved(client: Client, route: str) -> None:
    body = push_image(client)
    answer = promote(client, ONE, route)
    assert (answer.status_code, answer.text) == (200, "Promotion ended successfully")
    assert answer.headers["Content-Type"].partition(";")[0] == "text/plain"
    assert client.get(f"{THERE}/manifests/1.0").data == body
    assert client.get(f"{THERE}/blobs/{digest_of(LAYER)}").data == LAYER
    assert client.get(f"{IMAGE}/manifests/1.0").status_code == 404
    assert client.get(f"{IMAGE}/manifests/{digest_of(body)}").status_code == 404
    assert client.get(f"{IMAGE}/blobs/{digest_of(LAYER)}").status_code in (200, 404)
    assert client.get("/v2/_catalog").json == {"repositories": [f"{TARGET}/team/app"]}


@pytest.mark.parametrize("copy", [True, "true", "True"])
def test_a_tag_is_copied(client: Client, copy: object) -> None:
    body = push_image(client)
    assert promote(client, {**ONE, "copy": copy}).status_code == 200
    for image in (IMAGE, THERE):
        assert client.get(f"{image}/manifests/1.0").data == body


@pytest.mark.parametrize("copy", [False, "false", None, ""])
def test_what_does_not_say_copy_is_a_move(client: Client, copy: object) -> None:
    push_image(client)
    assert promote(client, {**ONE, "copy": copy}).status_code == 200
    assert tags(client) == []


def test_the_other_name_of_copy_is_not_overlooked(client: Client) -> None:
    push_image(client)
    assert promote(client, {**ONE, "copyArtifact": True}).status_code == 200
    assert tags(client) == tags(client, THERE) == ["1.0"]
    refused(promote(client, {**ONE, "copyArtifact": True, "copy": False}), 400, "copyArtifact")


def test_another_image_and_another_tag(client: Client) -> None:
    body = push_image(client)
    fields = {**ONE, "targetDockerRepository": "released/app", "targetTag": "stable"}
    assert promote(client, fields).status_code == 200
    found = client.get(f"/v2/{TARGET}/released/app/manifests/stable")
    assert (found.data, found.headers["Docker-Content-Digest"]) == (body, digest_of(body))


def test_another_tag_of_the_same_image(client: Client) -> None:
    body = push_image(client)
    fields = {**ONE, "targetRepo": "docker-local", "targetTag": "2.0", "copy": True}
    assert promote(client, fields).status_code == 200
    assert tags(client) == ["1.0", "2.0"]
    assert promote(client, {**fields, "targetTag": "3.0", "copy": False}).status_code == 200
    assert tags(client) == ["2.0", "3.0"]
    assert client.get(f"{IMAGE}/manifests/3.0").data == body


@pytest.mark.parametrize("unset", [None, ""])
def test_fields_that_are_not_set_are_not_there(client: Client, unset: object) -> None:
    push_image(client)
    push_image(client, "2.0", layers=[b"second"])
    optional = ("tag", "targetTag", "targetDockerRepository", "copy")
    answer = promote(client, {**WHOLE, **dict.fromkeys(optional, unset), "unknown": {"a": 1}})
    assert answer.status_code == 200
    assert (tags(client), tags(client, THERE)) == ([], ["1.0", "2.0"])


def test_a_whole_image_with_what_belongs_to_its_tags(client: Client) -> None:
    child = push_image(client, "1.0-amd64")
    index = encoded(index_object([child]))
    push(client, "1.0", index)
    subject = {"mediaType": OCI_INDEX, "digest": digest_of(index), "size": len(index)}
    referrer = manifest_bytes(subject=subject)
    push(client, digest_of(referrer), referrer)
    signature = digest_of(index).replace(":", "-") + ".sig"
    push_image(client, signature, layers=[b"signed"])
    alone = "sha256-" + "0" * 64 + ".sig"
    push_image(client, alone, layers=[b"alone"])
    assert promote(client, WHOLE).status_code == 200
    assert set(tags(client, THERE)) == {"1.0", "1.0-amd64", signature, alone}
    found = client.get(f"{THERE}/referrers/{digest_of(index)}").json
    assert found is not None
    assert [x["digest"] for x in found["manifests"]] == [digest_of(referrer)]
    assert client.get("/v2/_catalog").json == {"repositories": [f"{TARGET}/team/app"]}


def test_properties_say_where_it_is_now(client: Client, instance: Instance) -> None:
    push_image(client)
    promote(client, {**ONE, "targetDockerRepository": "released", "targetTag": "stable"})
    found = instance.store.tree.item(RepositoryKey(TARGET), "released/stable/manifest.json")
    assert found is not None
    assert found.properties["docker.manifest"] == ["stable"]
    assert found.properties["docker.repoName"] == ["released"]


WRONG: list[tuple[Any, int, tuple[str, ...]]] = [
    ([], 400, ("JSON object",)),
    ("text", 400, ("JSON object",)),
    ({"dockerRepository": "team/app"}, 400, ("targetRepo",)),
    ({"targetRepo": TARGET}, 400, ("dockerRepository",)),
    ({**ONE, "targetRepo": ""}, 400, ("targetRepo",)),
    ({**ONE, "targetRepo": 7}, 400, ("targetRepo", "text")),
    ({**ONE, "dockerRepository": None}, 400, ("dockerRepository",)),
    ({**ONE, "dockerRepository": "Team/App"}, 400, ("dockerRepository",)),
    ({**ONE, "targetDockerRepository": "../x"}, 400, ("targetDockerRepository",)),
    ({**ONE, "tag": ["1.0"]}, 400, ("tag", "text")),
    ({**ONE, "tag": "-x"}, 400, ("tag",)),
    ({**ONE, "targetTag": "a/b"}, 400, ("targetTag",)),
    ({**WHOLE, "targetTag": "2.0"}, 400, ("targetTag", "needs 'tag'")),
    ({**ONE, "copy": 1}, 400, ("copy",)),
    ({**ONE, "copy": "yes"}, 400, ("copy",)),
    ({**ONE, "targetRepo": "docker-local"}, 400, ("the same",)),
    ({**WHOLE, "targetRepo": "docker-local"}, 400, ("the same",)),
    ({**ONE, "targetDockerRepository": "x" * 250}, 400, ("characters",)),
    ({**ONE, "targetRepo": "docker-none"}, 404, ("docker-none",)),
    ({**ONE, "targetRepo": "Docker None"}, 404, ("Docker None",)),
    ({**ONE, "dockerRepository": "team/none"}, 404, ("team/none",)),
    ({**WHOLE, "dockerRepository": "team/none"}, 404, ("team/none",)),
    ({**ONE, "tag": "none"}, 404, ("'none'",)),
]


@pytest.mark.parametrize(("fields", "status", "words"), WRONG)
def test_each_wrong_field_is_named_and_nothing_changes(
    client: Client, fields: Any, status: int, words: tuple[str, ...]
) -> None:
    push_image(client)
    refused(promote(client, fields), status, *words)
    assert (tags(client), tags(client, THERE)) == (["1.0"], [])


def test_what_is_no_json(client: Client) -> None:
    for body in (b"", b"{", b"\xff", b"[" * 40_000):
        refused(client.request("POST", ROUTE, body=body), 400, "JSON")
    refused(client.request("POST", ROUTE, body=b" " * 70_000), 413)


def test_from_an_unknown_repository_and_from_none(client: Client) -> None:
    refused(promote(client, ONE, "/api/docker/docker-none/v2/promote"), 404, "docker-none")
    refused(promote(client, ONE, "/v2/promote"), 404, "/artifactory/api/docker/")
    assert client.get("/v2/docker-local/promote/tags/list").status_code == 404


def test_an_image_of_that_name_is_an_image(client: Client) -> None:
    body = push_image(client, "promote", image="/v2/docker-local/promote")
    assert client.get("/v2/docker-local/promote/manifests/promote").data == body


def test_what_fails_in_the_middle_says_what_is_done(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1.0", "2.0", "3.0"):
        push_image(client, name, layers=[name.encode()])
    bring, calls = Arrival.bring, list[int]()

    def full(self: Arrival, *arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise StorageFull("the disk is full")
        bring(self, *arguments)

    monkeypatch.setattr(Arrival, "bring", full)
    refused(promote(client, WHOLE), 507, "full", "promoted before that: 1.0, 2.0")
    assert (tags(client), tags(client, THERE)) == (["3.0"], ["1.0", "2.0"])
    assert promote(client, WHOLE).status_code == 200
    assert (tags(client), tags(client, THERE)) == ([], ["1.0", "2.0", "3.0"])


def test_the_journal_has_both_sides(client: Client, config: Config) -> None:
    push_image(client)
    promote(client, {**ONE, "targetTag": "2.0"})
    lines = [line for line in journal(config) if line["event"] == "promote"]
    assert [(line["repository"], line["tag"]) for line in lines] == [
        (TARGET, "2.0"),
        ("docker-local", "1.0"),
    ]
    assert lines[0]["from"] == "docker-local/team/app:1.0"
    assert lines[1]["to"] == "docker-prod/team/app:2.0"


def test_promoted_tags_are_found_at_once(client: Client) -> None:
    push_image(client)
    promote(client, ONE)
    query = {"repo": TARGET, "path": "team/app/1.0"}
    answer = client.request(
        "POST", "/api/search/aql", body=f"items.find({json.dumps(query)})".encode()
    )
    assert answer.json is not None
    assert "manifest.json" in [row["name"] for row in answer.json["results"]]
