"""D10: secrets are driven through every route and every error, and are found nowhere afterwards."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from registry.access import passwords
from registry.access.policies import Locking
from registry.services.instance import Instance
from registry.web.routing import Right
from tests.conftest import ADMIN_PASSWORD, Client, basic
from tests.http.support import KEY, LAYER, digest_of, push_image

PASSWORD = "canary-password-of-bob-4711"
WRONG = "canary-wrong-password-4712"
REMOTE = "canary-remote-password-4713"
NEW = "canary-new-password-4714"
ARGUMENTS = {
    "key": KEY, "image": "team/app", "digest": digest_of(LAYER), "reference": "1.0",
    "upload_id": "nothing", "name": "bob", "group": "readers", "token": "nothing",
}  # fmt: skip
GIVE_SECRETS = (
    "/api/security/apiKey", "/api/security/encryptedPassword", "/access/api/v1/tokens", "/token",
)  # fmt: skip
"""Routes that answer with a secret of the caller's own; what they answer must not be kept."""
KEEP_SECRETS = ("etc/repositories/remote-canary.json",)
"""Files that have a secret which the server needs again; they are 0600."""


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All lines of the log, down to the last."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


@pytest.fixture
def secrets(
    client: Client, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """Every kind of secret, all of them good; passwords that cost little to check."""
    monkeypatch.setattr(passwords, "_N", 2)
    passwords.nobodys_hash.cache_clear()
    instance.secrets.policies.set_locking(Locking(enabled=False))
    instance.users.add("bob", PASSWORD)
    push_image(client)
    bob = client.as_user("bob", PASSWORD)
    document = {"rclass": "remote", "packageType": "docker", "url": "https://r.example.com",
                "username": "puller", "password": REMOTE}  # fmt: skip
    answer = client.request(
        "PUT", "/api/repositories/remote-canary", body=json.dumps(document).encode()
    )
    assert answer.status_code == 200, answer.text
    form = b"refreshable=true&include_reference_token=true"
    tokens = json.loads(bob.request("POST", "/access/api/v1/tokens", body=form).data)
    login = bob.app.test_client().post(
        "/ui/api/v1/auth/login",
        json={"user": "bob", "password": PASSWORD},
        headers={"Origin": "http://localhost"},
    )
    yield {
        "password": PASSWORD,
        "wrong password": WRONG,
        "remote password": REMOTE,
        "API key": json.loads(bob.request("POST", "/api/security/apiKey").data)["apiKey"],
        "access token": tokens["access_token"],
        "reference token": tokens["reference_token"],
        "refresh token": tokens["refresh_token"],
        "docker's token": json.loads(bob.get("/v2/token").data)["token"],
        "encrypted password": bob.get("/api/security/encryptedPassword").text,
        "cookie": login.headers["Set-Cookie"].partition("=")[2].partition(";")[0],
        "token of the pages": json.loads(login.data)["csrfToken"],
    }
    passwords.nobodys_hash.cache_clear()


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield method and path of each route."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: ARGUMENTS.get(m[1], "nothing"), rule.rule)
        right = getattr(app.view_functions[rule.endpoint], "right", None)
        assert isinstance(right, Right)
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            yield method, path


def requests(client: Client, secrets: dict[str, str]) -> Iterator[tuple[str, TestResponse]]:
    """Send everything everywhere, in every place where it may be sent; yield path and answer."""
    headers: list[dict[str, str]] = [{"Cookie": f"registry_session={secrets['cookie']}"}]
    for secret in secrets.values():
        headers.append({"Authorization": basic("bob", secret)})
        headers.append({"Authorization": f"Bearer {secret}"})
        headers.append({"X-JFrog-Art-Api": secret})
        headers.append({"Authorization": f"Basic {secret}"})
        headers.append({"Authorization": secret, "X-CSRF-Token": secret})
    bodies = [
        json.dumps({"password": WRONG, "token": secrets["access token"], "userName": "bob",
                    "oldPassword": WRONG, "newPassword1": NEW, "newPassword2": NEW,
                    "rclass": "remote", "url": 7, "refresh_token": secrets["refresh token"],
                    }).encode(),
        f"grant_type=password&username=bob&password={WRONG}".encode(),
        f"grant_type=refresh_token&refresh_token={secrets['refresh token']}x".encode(),
        b"{" + WRONG.encode(),
    ]  # fmt: skip
    for number, (method, path) in enumerate(routes(client.app)):
        # Each route gets each secret, each place a different one.
        for place, given in enumerate(headers):
            body = bodies[(number + place) % len(bodies)] if method != "GET" else b""
            kind = "application/json" if body.startswith(b"{") else "text/plain"
            answer = client.request(
                method, path, given | {"Content-Type": kind}, body, anonymous=True,
                query={"token": secrets["access token"], "password": PASSWORD},
            )  # fmt: skip
            yield path, answer


def found_in(text: str, secrets: dict[str, str]) -> list[str]:
    """Return which secrets a text has, whole or in base64 as Basic credentials have them."""
    found = [kind for kind, secret in secrets.items() if secret in text]
    for kind, secret in secrets.items():
        if basic("bob", secret).partition(" ")[2] in text:
            found.append(f"{kind} in base64")
    return found


def test_d10_no_secret_is_in_an_answer_a_log_or_a_file(
    client: Client,
    storage: Path,
    secrets: dict[str, str],
    logged: pytest.LogCaptureFixture,
) -> None:
    statuses = set()
    for path, answer in requests(client, secrets):
        statuses.add(answer.status_code)
        assert answer.status_code < 500, (path, answer.text)
        if not path.endswith(GIVE_SECRETS):
            assert found_in(answer.text, secrets) == [], path
        assert found_in(str(answer.headers), secrets) == [], path
    assert {200, 400, 401, 403, 404} <= statuses
    assert len(logged.records) > 1000, "the log has been looked at"
    assert found_in(logged.text, secrets) == []
    assert_nothing_kept(storage, secrets)


def assert_nothing_kept(storage: Path, secrets: dict[str, str]) -> None:
    for file in storage.rglob("*"):
        if not file.is_file():
            continue
        text = file.read_bytes().decode("utf-8", "replace")
        found = found_in(text, secrets)
        if str(file.relative_to(storage)) in KEEP_SECRETS:
            assert found == ["remote password"]
            assert file.stat().st_mode & 0o777 == 0o600
        else:
            assert found == [], file


def test_d10_what_is_written_of_changes_has_none(
    client: Client,
    storage: Path,
    secrets: dict[str, str],
    logged: pytest.LogCaptureFixture,
) -> None:
    """The journal and the log name who it was, with the id of a token; never the token itself."""
    for kind in ("access token", "reference token"):
        push_image(client.with_token(secrets[kind]), layers=[kind.encode()])
    for secret in secrets.values():
        for prefix in ("", "/artifactory"):
            for method in ("GET", "DELETE"):
                client.request(method, f"{prefix}/access/api/v1/tokens/{secret}")
        form = f"token={secret}".encode()
        client.request("POST", "/artifactory/api/security/token/revoke", body=form)
    bob = client.as_user("bob", PASSWORD)
    for method in ("PUT", "DELETE"):
        assert bob.request(method, "/api/security/apiKey").status_code == 200
    document = {
        "userName": "bob",
        "oldPassword": PASSWORD,
        "newPassword1": NEW,
        "newPassword2": NEW,
    }
    path = "/api/security/users/authorization/changePassword"
    answer = client.request("POST", path, body=json.dumps(document).encode(), anonymous=True)
    assert answer.status_code == 200, answer.text
    written = "".join(file.read_text() for file in (storage / "journal").iterdir())
    assert '"principal": "bob"' in written
    assert '"token": "' in written
    assert " token=" in logged.text
    for text in (written, logged.text):
        assert found_in(text, secrets | {"new password": NEW}) == []
    assert_nothing_kept(storage, secrets | {"new password": NEW})


def test_d10_a_defect_of_ours_tells_none(
    client: Client,
    instance: Instance,
    secrets: dict[str, str],
    logged: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log has the traceback of it, which shows our own lines and nothing of the request."""

    def fail(*arguments: object, **more: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(type(instance.authentication), "by_password", fail)
    monkeypatch.setattr(type(instance.authentication), "by_token", fail)
    monkeypatch.setattr(type(instance.authentication), "by_key", fail)
    for headers in (
        {"Authorization": basic("bob", PASSWORD)},
        {"Authorization": f"Bearer {secrets['access token']}"},
        {"X-JFrog-Art-Api": secrets["API key"]},
    ):
        answer = client.request("GET", "/api/repositories", headers, anonymous=True)
        assert answer.status_code == 500
        assert found_in(answer.text, secrets) == []
    assert "a defect" in logged.text
    assert found_in(logged.text, secrets) == []


def test_the_test_finds_what_it_looks_for(secrets: dict[str, str]) -> None:
    assert found_in(f"x{PASSWORD}x", secrets) == ["password"]
    assert found_in(basic("bob", WRONG), secrets) == ["wrong password in base64"]


def test_d12_the_password_of_a_remote_repository_is_shown_to_nobody(
    client: Client, secrets: dict[str, str]
) -> None:
    for path in ("/api/repositories/remote-canary", "/api/repositories/configurations",
                 "/api/v2/repositories/batch?names=remote-canary"):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 200
        assert "remote-canary" in answer.text
        assert found_in(answer.text, secrets) == []
    assert ADMIN_PASSWORD not in client.get("/api/system").text
