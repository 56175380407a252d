"""What the journal and the log of requests tell of administration, and of tokens."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from registry.access import passwords
from registry.access.policies import Locking
from registry.config import Config
from registry.services.instance import Instance
from registry.web.routing import Right
from tests.conftest import Client
from tests.http.securing import ACCESS, GROUPS, USERS, V1, V2, send
from tests.http.support import IMAGE, KEY, journal, push_image

PASSWORD = "canary-password-4711"
REMOTE = "canary-remote-4712"
TOKENS = "/access/api/v1/tokens"
CHANGES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("PUT", f"{USERS}/carol", {"email": "c@corp.example", "password": PASSWORD}),
    ("POST", f"{USERS}/bob", {"email": "b@corp.example"}),
    ("DELETE", f"{USERS}/bob", None),
    ("PATCH", f"{ACCESS}/users/bob", {"email": "b@corp.example"}),
    ("PUT", f"{ACCESS}/users/bob/password", {"password": PASSWORD}),
    ("PUT", f"{GROUPS}/team", {"description": "x"}),
    ("POST", f"{ACCESS}/groups", {"name": "team"}),
    ("PUT", f"{V1}/one", {"repositories": [KEY]}),
    ("POST", f"{V2}/one", {"repo": {"repositories": [KEY], "actions": {}}}),
    ("PUT", "/artifactory/api/repositories/new", {"rclass": "remote", "url": "https://r.example",
                                                  "username": "x", "password": REMOTE}),
    ("DELETE", f"/artifactory/api/repositories/{KEY}", None),
    ("POST", "/artifactory/api/security/apiKey", None),
    ("DELETE", "/artifactory/api/security/apiKey", None),
    ("POST", TOKENS, {"scope": "applied-permissions/user"}),
    ("POST", "/artifactory/api/security/token", None),
    ("POST", "/artifactory/api/security/users/authorization/changePassword",
     {"userName": "bob", "oldPassword": PASSWORD, "newPassword1": f"{PASSWORD}x",
      "newPassword2": f"{PASSWORD}x"}),
    ("POST", "/artifactory/api/security/unlockUsers/bob", None),
    ("PUT", "/artifactory/api/security/userLockPolicy", {"enabled": True, "loginAttempts": 5}),
    ("POST", "/artifactory/api/trash/empty", None),
    ("POST", "/artifactory/api/system/storage/gc", None),
]  # fmt: skip


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


@pytest.fixture(autouse=True)
def bob(client: Client, instance: Instance, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(passwords, "_N", 2)
    instance.secrets.policies.set_locking(Locking(enabled=False))
    instance.users.add("bob", PASSWORD)
    return client.as_user("bob", PASSWORD)


def told(config: Config) -> list[dict[str, Any]]:
    return [event for event in journal(config) if event["event"] == "administration"]


@pytest.mark.parametrize(
    ("method", "path", "document"), CHANGES, ids=[f"{m} {p[-22:]}" for m, p, _ in CHANGES]
)
def test_a_change_leaves_one_line_with_who_from_where_and_what(
    client: Client, config: Config, method: str, path: str, document: dict[str, Any] | None
) -> None:
    if document is None and path.endswith("apiKey") and method == "DELETE":
        client.request("POST", path)
    before = told(config)
    body = b"" if document is None else json.dumps(document).encode()
    kind = {"Content-Type": "application/json"} if document is not None else {}
    answer = client.request(method, path, kind, body, address="203.0.113.7")
    assert answer.status_code < 300, answer.text
    (line,) = told(config)[len(before) :]
    assert line["change"] == f"{method} {path}"
    who = "bob" if path.endswith("changePassword") else "admin"
    assert (line["principal"], line["address"]) == (who, "203.0.113.7")
    assert "token" not in line
    assert "canary" not in json.dumps(journal(config))


def test_what_is_refused_or_only_looked_at_leaves_none(
    client: Client, bob: Client, config: Config
) -> None:
    before = told(config)
    for method, path, document in CHANGES:
        for caller in (bob, client.as_user("admin", "wrong"), client.with_token("none")):
            own = path.endswith(("apiKey", "tokens", "token", "changePassword")) and caller is bob
            if not own:
                answer = send(caller, method, path, document)
                assert answer.status_code >= 300 or "changePassword" in path, (path, answer.text)
                if "changePassword" in path and answer.status_code < 300:
                    before = told(config)
    for path in (f"{USERS}/none", f"{GROUPS}/none", f"{V1}/none"):
        assert client.request("DELETE", path).status_code == 404
    assert send(client, "PUT", f"{USERS}/carol", {"password": "x"}).status_code == 400
    for path in (USERS, GROUPS, V1, V2, TOKENS, "/artifactory/api/repositories"):
        client.get(path)
    assert told(config) == before


def test_every_route_that_administrates_is_told_of(app: Flask) -> None:
    """Whichever there will be: who may change something that is no image is written down."""
    audited = app.after_request_funcs[None]
    (found,) = [each._audited for each in audited if hasattr(each, "_audited")]
    missing = set()
    for rule in app.url_map.iter_rules():
        right = getattr(app.view_functions[rule.endpoint], "right", None)
        changes = not (rule.methods or set()).isdisjoint({"POST", "PUT", "PATCH", "DELETE"})
        if changes and right in (Right.ADMIN, Right.MANAGE, Right.ACCOUNT):
            missing |= {rule.rule} if rule.endpoint not in found else set()
    assert missing == set()
    assert len(found) > 50


def made_token(client: Client, **form: str) -> tuple[str, str]:
    """Return a new access token and its id."""
    body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    answer = json.loads(client.request("POST", TOKENS, body=body).data)
    return str(answer["reference_token" if form else "access_token"]), str(answer["token_id"])


@pytest.mark.parametrize("how", ["Bearer", "Basic", "reference", "docker"])
def test_lines_of_whoever_comes_with_a_token_have_its_id(
    client: Client, config: Config, logged: pytest.LogCaptureFixture, how: str
) -> None:
    reference = {"include_reference_token": "true"} if how == "reference" else {}
    token, number = made_token(client, **reference)
    caller = client.as_user("admin", token) if how == "Basic" else client.with_token(token)
    if how == "docker":
        scope = f"/v2/token?scope=repository:{KEY}/team/app:pull,push,delete"
        caller = client.with_token(json.loads(caller.get(scope).data)["token"])
    logged.clear()
    push_image(caller)
    caller.request("DELETE", f"{IMAGE}/manifests/1.0")
    pushed = [line for line in journal(config) if line["event"] in ("push", "delete")]
    assert {(line["principal"], line["token"]) for line in pushed} == {("admin", number)}
    requests = [each.getMessage() for each in logged.records if each.name == "registry.access"]
    assert len(requests) > 3
    assert all(f" token={number} " in line for line in requests)
    assert token not in logged.text
    assert token not in json.dumps(journal(config))
    if how != "docker":
        send(caller, "PUT", f"{GROUPS}/team", {})
        assert told(config)[-1]["token"] == number


def test_without_a_token_the_log_has_a_dash(
    client: Client, logged: pytest.LogCaptureFixture
) -> None:
    client.get("/v2/")
    assert " token=- " in logged.text
    client.request("GET", "/v2/", anonymous=True)
    assert " anonymous GET /v2/ 401 token=- " in logged.text


def test_a_token_that_is_made_for_a_refresh_token_is_told_of_its_user(
    client: Client, bob: Client, config: Config
) -> None:
    made = json.loads(bob.request("POST", TOKENS, body=b"refreshable=true").data)
    form = f"grant_type=refresh_token&refresh_token={made['refresh_token']}"
    answer = client.request("POST", TOKENS, body=form.encode(), anonymous=True)
    assert answer.status_code == 200, answer.text
    line = told(config)[-1]
    assert (line["principal"], line["token"]) == ("bob", json.loads(answer.data)["token_id"])
    assert made["refresh_token"] not in json.dumps(journal(config))


@pytest.mark.parametrize("form", ["access_token", "reference_token"])
def test_a_secret_in_a_path_is_left_out_and_an_id_is_not(
    client: Client, config: Config, logged: pytest.LogCaptureFixture, form: str
) -> None:
    answer = client.request("POST", TOKENS, body=b"include_reference_token=true")
    made = json.loads(answer.data)
    logged.clear()
    for path in (made[form], f"{made[form][:-1]}x", made["token_id"]):
        for prefix in ("", "/artifactory"):
            for method in ("GET", "DELETE"):
                client.request(method, f"{prefix}{TOKENS}/{path}")
    lines = logged.text + json.dumps(journal(config))
    assert made[form] not in lines
    assert made[form][:-1] not in lines
    assert re.search(rf"GET {TOKENS}/\*\*\* ", lines)
    assert f"{TOKENS}/{made['token_id']}" in lines
