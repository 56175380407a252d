"""Properties of items: what clients write in their several ways is what is read back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.model.properties import LABEL_PREFIX
from tests.conftest import Client
from tests.http.support import IMAGE, LAYER, digest_of, encoded, push_image

STORAGE = "/artifactory/api/storage/docker-local"
METADATA = "/artifactory/api/metadata/docker-local"
TAG = "team/app/1.0"
MANIFEST = f"{TAG}/manifest.json"
LAYER_FILE = f"{TAG}/{digest_of(LAYER).replace(':', '__')}"


def properties(client: Client, path: str, names: str = "") -> dict[str, list[str]]:
    answer = client.get(f"{STORAGE}/{path}?properties{names}")
    assert answer.status_code == 200, answer.text
    found: dict[str, list[str]] = json.loads(answer.data)["properties"]
    return found


def given(client: Client, path: str) -> dict[str, list[str]]:
    """Return the properties that the server has not written itself; none if there are none."""
    answer = client.get(f"{STORAGE}/{path}?properties")
    if answer.status_code == 404:
        assert "No properties could be found" in answer.text
        return {}
    found = json.loads(answer.data)["properties"]
    own = ("docker.", "sha256", "artifactory.")
    return {name: values for name, values in found.items() if not name.startswith(own)}


def put(client: Client, path: str, query: str) -> int:
    return client.request("PUT", f"{STORAGE}/{path}?{query}").status_code


def patch(client: Client, path: str, props: Any, query: str = "") -> int:
    answer = client.request("PATCH", f"{METADATA}/{path}{query}", body=encoded({"props": props}))
    return answer.status_code


def test_the_server_says_what_a_manifest_and_a_layer_are(client: Client) -> None:
    config = encoded({"config": {"Labels": {"maintainer": "alice", "a b": "c"}}})
    body = push_image(client, config=config)
    found = properties(client, MANIFEST)
    assert found["docker.manifest"] == ["1.0"]
    assert found["docker.manifest.digest"] == [digest_of(body)]
    assert found["docker.repoName"] == ["team/app"]
    assert found["sha256"] == [digest_of(body).removeprefix("sha256:")]
    assert found["docker.label.maintainer"] == ["alice"]
    assert found["docker.label.a b"] == ["c"]
    assert properties(client, LAYER_FILE) == {"sha256": [digest_of(LAYER)[7:]]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("properties=build.name=b;build.number=1", {"build.name": ["b"], "build.number": ["1"]}),
        ("properties=k=a%2Cb%5C%2Cc", {"k": ["a", "b,c"]}),
        ("recursive=1&properties=k%3Dv1%2Cv2%3Bz%3Dq+r", {"k": ["v1", "v2"], "z": ["q r"]}),
        ("properties=a=1%5C=1", {"a": ["1=1"]}),
        ("properties=a=1|b=2&recursive=0", {"a": ["1"], "b": ["2"]}),
        ("properties=a=1%7Cb=x=y;", {"a": ["1"], "b": ["x=y"]}),
        ("properties=e=", {"e": [""]}),
        ("properties=u=%C3%BC%E2%82%AC", {"u": ["ü€"]}),
    ],
)
def test_each_client_has_its_own_spelling(
    client: Client, query: str, expected: dict[str, list[str]]
) -> None:
    push_image(client)
    assert put(client, MANIFEST, query) == 204
    assert given(client, MANIFEST) == expected


def test_a_named_property_is_replaced_and_the_others_stay(client: Client) -> None:
    push_image(client)
    assert put(client, MANIFEST, "properties=a=1,2;b=3") == 204
    assert put(client, MANIFEST, "properties=a=9") == 204
    assert given(client, MANIFEST) == {"a": ["9"], "b": ["3"]}
    assert properties(client, MANIFEST, "=b%2Cnone,") == {"b": ["3"]}


@pytest.mark.parametrize("path", [TAG, "team/app", "team", ""])
def test_a_folder_gives_its_properties_to_all_below(client: Client, path: str) -> None:
    push_image(client)
    assert put(client, path, "properties=a=1") == 204
    for item in (path, TAG, MANIFEST, LAYER_FILE):
        assert given(client, item) == {"a": ["1"]}
    assert put(client, path, "properties=b=2&recursive=0") == 204
    assert given(client, path) == {"a": ["1"], "b": ["2"]}
    assert given(client, MANIFEST) == {"a": ["1"]}
    assert client.request("DELETE", f"{STORAGE}/{path}?properties=a,none").status_code == 204
    assert given(client, path) == {"b": ["2"]}
    assert given(client, MANIFEST) == given(client, LAYER_FILE) == {}


def test_a_document_changes_and_takes_away(client: Client) -> None:
    push_image(client)
    assert patch(client, MANIFEST, {"a": "1", "b": ["x", "y"], "c": 3}) == 204
    assert given(client, MANIFEST) == {"a": ["1"], "b": ["x", "y"], "c": ["3"]}
    flags = "?recursive=0&recursiveProperties=0"
    assert patch(client, TAG, {"a": None, "d": "e"}, flags) == 204
    assert given(client, MANIFEST) == {"a": ["1"], "b": ["x", "y"], "c": ["3"]}
    assert patch(client, TAG, {"a": None}) == 204
    assert given(client, MANIFEST) == {"b": ["x", "y"], "c": ["3"]}


def test_what_the_server_writes_stays_whatever_a_client_sends_back(client: Client) -> None:
    push_image(client)
    before = properties(client, MANIFEST)
    changes = {"docker.manifest": "x", "sha256": None, f"{LABEL_PREFIX}a": "b", "own": "1"}
    assert patch(client, MANIFEST, changes) == 204
    assert properties(client, MANIFEST) == before | {"own": ["1"]}


def test_properties_stay_with_a_manifest_that_is_pushed_again(client: Client) -> None:
    push_image(client)
    assert put(client, TAG, "properties=a=1") == 204
    push_image(client)
    assert given(client, MANIFEST) == given(client, LAYER_FILE) == {"a": ["1"]}
    push_image(client, annotations={"new": "image"})
    assert given(client, MANIFEST) == given(client, LAYER_FILE) == {}
    assert given(client, TAG) == {"a": ["1"]}


@pytest.mark.parametrize("by", ["docker-local/team/app", "docker-local/team", "v2"])
def test_properties_of_a_deleted_image_do_not_come_back_with_a_new_one(
    client: Client, by: str
) -> None:
    body = push_image(client)
    assert put(client, "team/app", "properties=a=1") == 204
    path = f"{IMAGE}/manifests/{digest_of(body)}" if by == "v2" else f"/artifactory/{by}"
    assert client.request("DELETE", path).status_code in (202, 204)
    push_image(client)
    assert given(client, "team/app") == given(client, MANIFEST) == {}


@pytest.mark.parametrize(
    "query",
    [
        "properties=",
        "properties",
        "properties=a",
        "properties=1a=b",
        "properties=a%20b=c",
        "properties=a{b=c",
        "x=1",
        f"properties=k={'v' * 5000}",
    ],
)
def test_what_says_no_properties_is_refused(client: Client, query: str) -> None:
    push_image(client)
    assert put(client, MANIFEST, query) == 400
    assert given(client, MANIFEST) == {}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"props": []}', b'{"props": {"a": {}}}', b'{"props": {"a b": "c"}}']
)
def test_a_malformed_document_is_refused(client: Client, body: bytes) -> None:
    push_image(client)
    answer = client.request("PATCH", f"{METADATA}/{MANIFEST}", body=body)
    assert answer.status_code == 400
    assert given(client, MANIFEST) == {}


def test_an_item_that_is_not_there_has_no_properties(client: Client) -> None:
    assert put(client, "absent/app", "properties=a=1") == 404
    assert patch(client, "absent/app", {"a": "1"}) == 404
    assert "Unable to find item" in client.get(f"{STORAGE}/absent/app?properties").text
