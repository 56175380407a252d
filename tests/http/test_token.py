"""The token endpoint: scopes, anonymous callers, GET and POST."""

from __future__ import annotations

import json
import random
import string
from typing import Any

import pytest
from flask import Flask

from registry.config import Config
from registry.services.instance import Instance
from registry.web.application import make_application
from tests.conftest import ADMIN_PASSWORD, Client, opened
from tests.http.support import IMAGE, challenge_of, codes, get_token, push_image

APP = "repository:docker-local/team/app"


def ask(client: Client, *scopes: str, path: str = "/v2/token", **more: str) -> dict[str, Any]:
    query = [("scope", scope) for scope in scopes] + list(more.items())
    answer = client.request("GET", path, query=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    document: dict[str, Any] = json.loads(answer.data)
    return document


def may(client: Client, token: str, image: str = IMAGE) -> str:
    """Return what a token allows on an image, told by what the registry lets it do."""
    bearer, allowed = client.with_token(token), []
    if bearer.get(f"{image}/tags/list").status_code != 401:
        allowed.append("pull")
    if bearer.request("POST", f"{image}/blobs/uploads/").status_code == 202:
        allowed.append("push")
    if bearer.request("DELETE", f"{image}/manifests/none").status_code == 404:
        allowed.append("delete")
    return ",".join(allowed)


def test_the_answer_has_what_clients_read(client: Client) -> None:
    document = ask(client, f"{APP}:pull", service="localhost", client_id="docker", account="x")
    assert document["token"] == document["access_token"]
    assert document["expires_in"] >= 3600
    assert document["issued_at"].endswith("Z")
    assert "refresh_token" not in ask(client, offline_token="true")


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ((), ""),
        (("",), ""),
        ((f"{APP}:pull",), "pull"),
        ((f"{APP}:push",), "push"),
        ((f"{APP}:push,pull",), "pull,push"),
        ((f"{APP}:pull", f"{APP}:push"), "pull,push"),
        ((f"{APP}:pull {APP}:delete",), "pull,delete"),
        ((f"{APP}:*",), "pull,push,delete"),
        ((f"{APP}:pull,unknown",), "pull"),
        ((f"{APP}:admin", "registry:catalog:*", "thing:x:pull"), ""),
        ((f"{APP}(plugin):pull",), ""),
        (("repository(plugin):docker-local/team/app:pull",), "pull"),
        (("repository:docker-local/team/*:pull",), ""),
        (("repository:*:pull", "repository:**:*"), ""),
        (("repository:docker-local/team:pull",), ""),
        (("repository:reg.example:5000/docker-local/team/app:pull",), ""),
        (("repository:docker-local/team/../team/app:pull",), ""),
        ((":::", "repository", "repository:", "repository::pull", ":x:pull"), ""),
    ],
)
def test_a12_rights_are_what_the_scopes_say_and_no_more(
    client: Client, scopes: tuple[str, ...], allowed: str
) -> None:
    push_image(client)
    assert may(client, ask(client, *scopes)["token"]) == allowed
    assert may(client, ask(client, *scopes)["token"], "/v2/docker-local/team/other") == ""


def test_a_name_with_a_port_is_no_error(client: Client) -> None:
    document = ask(client, f"repository:reg.example:5000/x:pull {APP}:pull")
    assert may(client, document["token"]) == "pull"


def test_a_repository_that_does_not_exist_is_no_error(client: Client) -> None:
    ask(client, "repository:no-such-key/app:pull,push")


def test_the_account_parameter_gives_no_rights(client: Client, instance: Instance) -> None:
    instance.users.add("bob", "password-of-bob")
    bob = client.as_user("bob", "password-of-bob")
    token = client.with_token(ask(bob, f"{APP}:push", account="admin")["token"])
    location = token.request("POST", f"{IMAGE}/blobs/uploads/").headers["Location"]
    assert client.get(location).status_code == 404
    assert bob.get(location).status_code == 204


def test_wrong_password_is_401_without_a_token(client: Client) -> None:
    answer = client.as_user("admin", "wrong-password").get("/v2/token")
    assert answer.status_code == 401
    assert codes(answer) == ["UNAUTHORIZED"]
    assert b"token" not in answer.data


def test_anonymous_callers_get_a_token_that_opens_nothing(client: Client) -> None:
    push_image(client)
    for headers in ({}, {"Authorization": "Basic Og=="}):
        answer = client.request(
            "GET", "/v2/token", headers, anonymous=True, query={"scope": f"{APP}:pull,push"}
        )
        assert answer.status_code == 200, answer.text
        token = json.loads(answer.data)["token"]
        assert may(client, token) == ""
        assert client.with_token(token).get("/v2/_catalog").status_code == 401


def test_anonymous_pull_where_it_is_switched_on(config: Config) -> None:
    open_config = Config(storage_root=config.storage_root, anonymous_pull=True)
    for instance in opened(open_config):
        application: Flask = make_application(instance)
        client = Client(application)
        push_image(client)
        answer = client.request("GET", "/v2/", anonymous=True)
        challenge_of(answer)
        document = client.request(
            "GET", "/v2/token", anonymous=True, query={"scope": f"{APP}:pull,push,delete"}
        )
        token = json.loads(document.data)["token"]
        assert may(client, token) == "pull"
        assert client.with_token(token).get("/v2/").status_code == 200
        assert client.request("GET", f"{IMAGE}/manifests/1.0", anonymous=True).status_code == 200
        push = client.request("POST", f"{IMAGE}/blobs/uploads/", anonymous=True)
        assert challenge_of(push)["scope"] == f"{APP}:pull,push"


def post(client: Client, form: str, content_type: str = "") -> tuple[int, dict[str, Any]]:
    kind = content_type or "application/x-www-form-urlencoded"
    answer = client.request(
        "POST", "/v2/token", {"Content-Type": kind}, form.encode(), anonymous=True
    )
    return answer.status_code, json.loads(answer.data)


@pytest.mark.parametrize("charset", ["", "; charset=utf-8"])
def test_oauth2_password_grant(client: Client, charset: str) -> None:
    status, document = post(
        client,
        f"grant_type=password&service=x&client_id=c&username=admin&password={ADMIN_PASSWORD}"
        f"&scope={APP}:pull,push",
        f"application/x-www-form-urlencoded{charset}",
    )
    assert status == 200
    assert document["expires_in"] >= 3600
    assert document["scope"] == f"{APP}:pull,push"
    assert may(client, document["access_token"]) == "pull,push"


def test_oauth2_refusals_are_no_5xx(client: Client) -> None:
    assert post(client, "grant_type=password&username=admin&password=wrong")[0] == 401
    assert post(client, "grant_type=password")[0] in (200, 401)
    assert post(client, "grant_type=refresh_token&refresh_token=x")[0] in (400, 401, 404, 405)
    assert post(client, "")[0] == 400
    assert post(client, "&".join("a=b" for _ in range(1000)))[0] == 400
    assert post(client, "x" * 200_000)[0] == 413
    assert post(client, "%00%ff=%ff&grant_type=%ff")[0] == 400


def test_a12_a_thousand_scopes_stay_a_token_that_fits_into_a_header(client: Client) -> None:
    pick = random.Random(7)
    names = ["".join(pick.choices(string.ascii_lowercase + string.digits, k=3)) for _ in range(500)]
    wild = [f"repository:{pick.choice('abcdefgh')}/{name}:pull,push" for name in names]
    for scopes in (wild, [f"repository:docker-local/{name}:*" for name in names]):
        document = ask(client, *scopes)
        assert len(document["token"]) <= 4096
        assert client.with_token(document["token"]).get("/v2/").status_code == 200


def test_a_token_passes_on_no_more_than_it_has(client: Client) -> None:
    """A token presented to the token endpoint must not become one with more rights."""
    limited = client.with_token(get_token(client, f"{APP}:pull"))
    answer = limited.request("GET", "/v2/token", query={"scope": f"{APP}:pull,push,delete"})
    if answer.status_code == 200:
        assert may(client, json.loads(answer.data)["token"]) in ("", "pull")
    else:
        assert answer.status_code in (401, 403)


@pytest.mark.parametrize("prefix", ["/artifactory/api/docker", "/api/docker"])
def test_scopes_of_a_key_form_are_named_without_the_key(client: Client, prefix: str) -> None:
    token = ask(client, "repository:team/app:pull", path=f"{prefix}/docker-local/v2/token")["token"]
    assert may(client, token) == "pull"
