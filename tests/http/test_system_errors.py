"""Errors outside the Docker API: JSON in the dialect of the path, whatever went wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from registry.services.instance import Instance
from tests.conftest import Client

FIRST = {"status", "message"}
SECOND = {"code", "message", "detail"}

UNKNOWN = [
    ("/artifactory/api/nothing", FIRST),
    ("/api/nothing", FIRST),
    ("/artifactory/nothing", FIRST),
    ("/nothing", FIRST),
    ("/artifactory/docker-none/some/path", FIRST),
    ("/docker-none/some/path", FIRST),
    ("/ui/nothing", FIRST),
    ("/artifactory/ui/nothing", FIRST),
    ("/access/api/v1/nothing", SECOND),
    ("/artifactory/access/api/v1/nothing", SECOND),
]


def entry(answer: TestResponse, status: int, fields: set[str]) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    document = json.loads(answer.data)
    assert set(document) == {"errors"}
    (error,) = document["errors"]
    assert set(error) == fields
    assert isinstance(error["message"], str)
    assert error["message"]
    if "status" in fields:
        assert error["status"] == status
    else:
        assert isinstance(error["detail"], str)
        assert error["code"].isupper()
    return dict(error)


@pytest.mark.parametrize(("path", "fields"), UNKNOWN)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_path(client: Client, method: str, path: str, fields: set[str]) -> None:
    answer = client.request(method, path)
    assert answer.status_code in (404, 405)
    entry(answer, answer.status_code, fields)


@pytest.mark.parametrize(("path", "fields"), UNKNOWN)
def test_nobody_learns_which_paths_there_are(client: Client, path: str, fields: set[str]) -> None:
    answer = client.request("GET", path, anonymous=True)
    entry(answer, 401, fields)
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Artifactory Realm"'
    answer = client.as_user("admin", "wrong").get(path)
    entry(answer, 401, fields)


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("PUT", "/artifactory/api/system/ping", FIRST),
        ("DELETE", "/api/system/version", FIRST),
        ("OPTIONS", "/api/tasks", FIRST),
        ("POST", "/access/api/v1/system/ping", SECOND),
    ],
)
def test_a_method_that_is_not_there(
    client: Client, method: str, path: str, fields: set[str]
) -> None:
    answer = client.request(method, path)
    entry(answer, 405, fields)
    assert "GET" in answer.headers["Allow"]


def test_a_body_beyond_all_measure(client: Client) -> None:
    answer = client.request("PUT", "/api/system/configuration/baseUrl", body=b"x" * 3000)
    entry(answer, 413, FIRST)


def test_a_path_that_hides_something(client: Client) -> None:
    entry(client.get("/artifactory/api/system/%2e%2e/x"), 400, FIRST)


def test_a_known_user_without_the_right(client: Client, instance: Instance) -> None:
    instance.users.add("bob", "password-of-bob")
    bob = client.as_user("bob", "password-of-bob")
    for path in ("/api/storageinfo", "/artifactory/api/system/configuration", "/metrics"):
        assert "admin" in entry(bob.get(path), 403, FIRST)["message"]
    for path in ("/api/system/service_id", "/api/system/license", "/api/plugins"):
        assert bob.get(path).status_code == 200


def test_a_defect_of_ours(
    client: Client, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("secret-of-the-code")

    monkeypatch.setattr(type(instance.storage_summary), "document", broken)
    answer = client.get("/artifactory/api/storageinfo")
    entry(answer, 500, FIRST)
    assert "secret" not in answer.text
