"""The trash over REST: back where it was, or gone for good."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Client
from tests.http.support import push_image

TRASH = "/artifactory/api/trash"
CONTENT = "/artifactory/docker-local"
MANIFEST = "/v2/docker-local/team/app/manifests/1.0"


@pytest.fixture
def deleted(client: Client) -> bytes:
    """An image that has been pushed and deleted."""
    body = push_image(client)
    assert client.request("DELETE", f"{CONTENT}/team/app").status_code == 204
    return body


@pytest.mark.parametrize("place", ["team/app", "team/app/1.0", "team/app/1.0/"])
@pytest.mark.parametrize("query", ["", "?to=/docker-local/"])
def test_what_was_deleted_comes_back(
    client: Client, deleted: bytes, place: str, query: str
) -> None:
    query += place if query else ""
    answer = client.request("POST", f"{TRASH}/restore/docker-local/{place}{query}")
    assert answer.status_code == 202, answer.text
    assert client.get(MANIFEST).data == deleted
    assert json.loads(client.get(TRASH).data)["entries"] == []


def test_a_repository_comes_back(client: Client) -> None:
    body = push_image(client)
    assert client.request("DELETE", "/artifactory/api/repositories/docker-local").status_code == 200
    assert client.request("POST", f"{TRASH}/restore/docker-local").status_code == 202
    assert client.get(MANIFEST).data == body


def test_the_list_says_what_was_deleted_by_whom(client: Client, deleted: bytes) -> None:
    (entry,) = json.loads(client.get("/api/trash").data)["entries"]
    assert (entry["repository"], entry["image"], entry["reference"]) == (
        "docker-local", "team/app", "1.0"
    )  # fmt: skip
    assert entry["deletedBy"] == "admin"


@pytest.mark.parametrize("place", ["/team/app/1.0", "/team/app", ""])
def test_what_is_cleaned_or_emptied_is_gone(client: Client, deleted: bytes, place: str) -> None:
    method, path, status = ("POST", "empty", 202) if not place else (
        "DELETE", f"clean/docker-local{place}", 204
    )  # fmt: skip
    assert client.request(method, f"{TRASH}/{path}").status_code == status
    assert json.loads(client.get(TRASH).data)["entries"] == []
    answer = client.request("POST", f"{TRASH}/restore/docker-local/team/app")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "restore/docker-local/absent", 404),
        ("POST", "restore/docker-local/UPPER/x", 404),
        ("POST", "restore/absent", 404),
        ("POST", "restore/docker-local/team/app?to=other/team/app", 400),
        ("DELETE", "clean/docker-local/absent", 404),
    ],
)
def test_what_is_not_in_the_trash(client: Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, f"{TRASH}/{path}")
    assert answer.status_code == status
    assert json.loads(answer.data)["errors"][0]["status"] == status


def test_what_is_there_is_not_replaced_unless_wanted(client: Client, deleted: bytes) -> None:
    push_image(client, annotations={"new": "image"})
    restore = f"{TRASH}/restore/docker-local/team/app/1.0"
    assert client.request("POST", restore).status_code == 409
    assert client.request("POST", f"{restore}?overwrite=1").status_code == 202
    assert client.get(MANIFEST).data == deleted
