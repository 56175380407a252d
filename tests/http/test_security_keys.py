"""API keys and encrypted passwords by REST, with the statuses that clients check."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.services.instance import Instance
from tests.conftest import ADMIN_PASSWORD, Client, basic
from tests.http.support import get_token

KEY = "/artifactory/api/security/apiKey"
BOBS = "password-of-bob"


@pytest.fixture
def bob(client: Client, instance: Instance) -> Client:
    instance.users.add("bob", BOBS)
    return client.as_user("bob", BOBS)


def ask(client: Client, method: str, path: str = KEY, status: int = 200, **more: Any) -> Any:
    answer = client.request(method, path, **more)
    assert answer.status_code == status, answer.text
    assert status >= 400 or answer.headers["Cache-Control"] == "no-store"
    return json.loads(answer.data)


@pytest.mark.parametrize("path", [KEY, "/api/security/apiKey", f"{KEY}/"])
def test_a_key_is_made_shown_made_anew_and_revoked(client: Client, path: str) -> None:
    assert ask(client, "GET", path) == {}
    key = ask(client, "POST", path, 201)["apiKey"]
    assert ask(client, "GET", path) == {"apiKey": key}
    ask(client, "POST", path, 400)
    other = ask(client, "PUT", path)["apiKey"]
    assert other != key
    assert ask(client, "GET", path) == {"apiKey": other}
    assert "info" in ask(client, "DELETE", path)
    assert ask(client, "GET", path) == {}
    assert "info" in ask(client, "DELETE", path)


@pytest.mark.parametrize("header", ["X-JFrog-Art-Api", "x-jfrog-art-api", "X-JFROG-ART-API"])
def test_a_key_opens_every_api(client: Client, header: str) -> None:
    key = ask(client, "POST", status=201)["apiKey"]
    for path in ("/v2/", "/v2/_catalog", "/api/repositories", "/artifactory/api/system", KEY):
        for headers in (
            {header: key},
            {"Authorization": basic("admin", key)},
            {"Authorization": f"Bearer {key}"},
        ):
            answer = client.request("GET", path, headers, anonymous=True)
            assert answer.status_code == 200, (path, headers, answer.text)


def test_docker_fetches_tokens_with_a_key(client: Client) -> None:
    key = ask(client, "POST", status=201)["apiKey"]
    by_key = client.as_user("admin", key)
    token = get_token(by_key, "repository:docker-local/a:pull,push")
    bearer = client.with_token(token)
    assert bearer.get("/v2/").status_code == 200
    assert bearer.request("POST", "/v2/docker-local/a/blobs/uploads/").status_code == 202
    assert bearer.get("/api/system").status_code == 401, "it administrates nothing"
    ask(client, "PUT")
    assert bearer.get("/v2/").status_code == 401
    assert by_key.get("/v2/token").status_code == 401


@pytest.mark.parametrize("key", ["", "x", "AKCp8" + "x" * 68, "é" * 73, ADMIN_PASSWORD])
def test_another_key_is_wrong(client: Client, key: str) -> None:
    for path in ("/v2/", "/api/repositories"):
        answer = client.request(
            "GET", path, {"X-JFrog-Art-Api": key.encode().decode("latin-1")}, anonymous=True
        )
        assert answer.status_code == 401
        assert "Bad Credentials" in answer.text


def test_credentials_are_never_mixed(client: Client, bob: Client) -> None:
    key = ask(client, "POST", status=201)["apiKey"]
    answer = bob.request("GET", "/api/system", {"X-JFrog-Art-Api": key})
    assert answer.status_code == 403, "whoever sends Authorization is who that says"


def test_an_admin_revokes_those_of_others(client: Client, bob: Client) -> None:
    for owner in (client, bob):
        ask(owner, "POST", status=201)
    ask(bob, "DELETE", f"{KEY}/admin", 403)
    ask(bob, "DELETE", f"{KEY}?deleteAll=1", 403)
    ask(client, "DELETE", f"{KEY}/nobody", 404)
    ask(client, "DELETE", f"{KEY}/bob")
    assert ask(bob, "GET") == {}
    ask(bob, "POST", status=201)
    assert ask(client, "DELETE", f"{KEY}?deleteAll=1")["deletedKeysCount"] == 2
    for owner in (client, bob):
        assert ask(owner, "GET") == {}


def test_a12_no_token_gets_to_a_key(client: Client) -> None:
    key = ask(client, "POST", status=201)["apiKey"]
    token = json.loads(client.request("POST", "/access/api/v1/tokens").data)["access_token"]
    for bearer in (client.with_token(token), client.with_token(get_token(client))):
        for method in ("GET", "POST", "PUT", "DELETE"):
            ask(bearer, method, status=403)
        ask(bearer, "GET", "/api/security/encryptedPassword", 403)
    assert ask(client, "GET") == {"apiKey": key}


def test_an_encrypted_password_is_a_text_and_stands_for_the_password(bob: Client) -> None:
    answer = bob.get("/artifactory/api/security/encryptedPassword")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert len(answer.text.split()) == 1
    for path in ("/api/repositories", "/v2/", "/v2/token"):
        assert bob.as_user("bob", answer.text).get(path).status_code == 200
    assert bob.as_user("admin", answer.text).get("/api/repositories").status_code == 401
