"""Logging in and out with a browser; the rows D6 and D7 of the reference are meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from registry.config import Config
from registry.services.instance import Instance
from registry.web.application import make_application
from registry.web.context import current
from registry.web.sessions import COOKIE
from tests.conftest import ADMIN_PASSWORD, Client, basic, opened

LOGIN, LOGOUT, CURRENT = (f"/ui/api/v1/auth/{name}" for name in ("login", "logout", "current"))
ORIGIN = {"Origin": "http://localhost"}
GOOD = {"user": "admin", "password": ADMIN_PASSWORD}
BOBS = "password-of-bob"


@pytest.fixture
def browser(app: Flask) -> Browser:
    """Keeps cookies."""
    return app.test_client()


def log_in(browser: Browser, document: Any = GOOD, **headers: str) -> TestResponse:
    return browser.post(LOGIN, json=document, headers=ORIGIN | headers)


def current_name(browser: Browser) -> str:
    answer = browser.get(CURRENT)
    assert answer.status_code == 200
    return str(json.loads(answer.data)["name"])


def test_a_browser_logs_in_and_out(browser: Browser) -> None:
    assert current_name(browser) == "anonymous"
    answer = log_in(browser)
    assert answer.status_code == 200, answer.text
    document = json.loads(answer.data)
    assert (document["name"], document["admin"], document["groups"]) == ("admin", True, [])
    assert current_name(browser) == "admin"
    token = json.loads(browser.get(CURRENT).data)["csrfToken"]
    answer = browser.post(LOGOUT, headers=ORIGIN | {"X-CSRF-Token": token})
    assert answer.status_code == 200
    assert current_name(browser) == "anonymous"
    assert browser.post(LOGOUT).status_code == 200, "there is nothing to end"


def cookie_of(answer: TestResponse) -> tuple[str, set[str]]:
    (header,) = answer.headers.getlist("Set-Cookie")
    value, *attributes = header.split("; ")
    assert value.startswith(f"{COOKIE}=")
    return value.partition("=")[2], set(attributes)


def test_d7_the_cookie_is_kept_from_scripts_and_other_pages(browser: Browser) -> None:
    value, attributes = cookie_of(log_in(browser))
    assert value
    assert attributes == {"Path=/ui", "Max-Age=43200", "HttpOnly", "SameSite=Lax"}


def test_d7_over_https_it_is_secure(config: Config) -> None:
    outside = Config(storage_root=config.storage_root, external_url="https://r.example.com")
    for instance in opened(outside):
        browser = make_application(instance).test_client()
        answer = browser.post(LOGIN, json=GOOD, headers={"Origin": "https://r.example.com"})
        assert answer.status_code == 200
        assert "Secure" in cookie_of(answer)[1]
        headers = {"Origin": "HTTPS://R.example.com:443"}
        assert browser.post(LOGIN, json=GOOD, headers=headers).status_code == 200
        for wrong in ("http://r.example.com", "https://r.example.com:8443", "https://evil.example"):
            assert browser.post(LOGIN, json=GOOD, headers={"Origin": wrong}).status_code == 403


def test_d7_the_session_is_another_one_after_each_login(app: Flask, browser: Browser) -> None:
    """What somebody else has planted before is worth nothing, and what was there has ended."""
    first, _ = cookie_of(log_in(browser))
    second, _ = cookie_of(log_in(browser))
    assert first != second
    old = app.test_client()
    old.set_cookie(COOKIE, first, path="/ui")
    assert current_name(old) == "anonymous"
    planted = app.test_client()
    planted.set_cookie(COOKIE, "planted", path="/ui")
    value, _ = cookie_of(log_in(planted))
    assert value != "planted"
    assert current_name(planted) == "admin"


def test_d7_of_two_cookies_neither_counts(app: Flask, browser: Browser) -> None:
    value, _ = cookie_of(log_in(browser))
    plain = app.test_client(use_cookies=False)
    for header, name in (
        (f"{COOKIE}={value}", "admin"),
        (f"{COOKIE}={value}; {COOKIE}={value}", "anonymous"),
        (f"{COOKIE}=x; {COOKIE}={value}", "anonymous"),
        (f"={COOKIE}={value}", "anonymous"),
        (f"a{COOKIE}={value}", "anonymous"),
    ):
        answer = plain.get(CURRENT, headers={"Cookie": header})
        assert json.loads(answer.data)["name"] == name, header


def test_d7_no_answer_is_kept(browser: Browser) -> None:
    answers = [
        log_in(browser), browser.get(CURRENT), browser.post(LOGOUT), browser.post(LOGIN),
        browser.get(LOGIN),
    ]  # fmt: skip
    for answer in answers[:4]:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Vary"] == "Cookie"


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "x"}, ORIGIN, ORIGIN | {"X-CSRF-Token": "x"},
        {"X-CSRF-Token": "right"}, {"X-CSRF-Token": "right", "Origin": "null"},
        {"X-CSRF-Token": "right", "Origin": "http://evil.example"},
        {"X-CSRF-Token": "right", "Origin": "https://localhost"},
        {"X-CSRF-Token": "right", "Origin": "http://localhost.evil.example"},
        {"X-CSRF-Token": "right", "Referer": "http://evil.example/http://localhost/"},
        {"X-CSRF-Token": "right", "Referer": "http://localhost@evil.example/"},
        ORIGIN | {"X-CSRF-Token": "of another session"},
    ],
)  # fmt: skip
def test_d6_a_change_needs_the_token_and_the_origin(
    app: Flask, browser: Browser, headers: dict[str, str]
) -> None:
    right = json.loads(log_in(browser).data)["csrfToken"]
    if headers.get("X-CSRF-Token") == "right":
        headers = headers | {"X-CSRF-Token": right}
    elif headers.get("X-CSRF-Token") == "of another session":
        headers = headers | {
            "X-CSRF-Token": json.loads(log_in(app.test_client()).data)["csrfToken"]
        }
    answer = browser.post(LOGOUT, headers=headers)
    assert answer.status_code == 403, answer.text
    assert json.loads(answer.data)["errors"][0]["status"] == 403
    assert current_name(browser) == "admin"


def test_d6_where_there_is_no_origin_the_referer_says_it(browser: Browser) -> None:
    right = json.loads(log_in(browser).data)["csrfToken"]
    headers = {"X-CSRF-Token": right, "Referer": "http://localhost/ui/some/page?x=1"}
    assert browser.post(LOGOUT, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"user": "admin", "password": "wrong"}, 401), ({"user": "nobody", "password": "x"}, 401),
        ({"user": "admin"}, 401), ({}, 401), ([], 401), ({"user": 7, "password": []}, 401),
        ({"username": "admin", "password": ADMIN_PASSWORD}, 200),
    ],
)  # fmt: skip
def test_other_credentials_begin_no_session(browser: Browser, document: Any, status: int) -> None:
    answer = log_in(browser, document)
    assert answer.status_code == status
    if status == 401:
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["WWW-Authenticate"] == 'Session realm="registry"'
        assert current_name(browser) == "anonymous"


def test_d6_other_pages_cannot_log_somebody_in(browser: Browser) -> None:
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert browser.post(LOGIN, json=GOOD, headers=headers).status_code == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = browser.post(LOGIN, data=json.dumps(GOOD), headers=ORIGIN | {"Content-Type": kind})
        assert answer.status_code == 400, kind


def test_tokens_and_keys_are_no_password_for_the_pages(browser: Browser, client: Client) -> None:
    """Otherwise a leaked token could be made a session, and go on after its end."""
    key = json.loads(client.request("POST", "/api/security/apiKey").data)["apiKey"]
    token = json.loads(client.request("POST", "/access/api/v1/tokens").data)["access_token"]
    for secret in (key, token):
        assert log_in(browser, {"user": "admin", "password": secret}).status_code == 401


def test_d6_the_cookie_counts_nowhere_else(browser: Browser, app: Flask) -> None:
    value, _ = cookie_of(log_in(browser))
    plain = app.test_client(use_cookies=False)
    for path in (
        "/v2/", "/v2/_catalog", "/api/repositories", "/artifactory/api/system",
        "/access/api/v1/tokens", "/api/security/apiKey", "/artifactory/docker-local/",
    ):  # fmt: skip
        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = plain.open(path, method=method, headers={"Cookie": f"{COOKIE}={value}"})
            assert answer.status_code in (401, 404, 405), (method, path, answer.status_code)
    answer = plain.get("/v2/token", headers={"Cookie": f"{COOKIE}={value}"})
    bearer = {"Authorization": f"Bearer {json.loads(answer.data)['token']}"}
    assert plain.get("/v2/", headers=bearer).status_code == 401, "it is nobody's"


@pytest.fixture
def pages(instance: Instance) -> Browser:
    """A browser, and a route below ``/ui/api`` for known users, as the pages will have them."""
    app = make_application(instance)
    app.add_url_rule(
        "/ui/api/v1/test", view_func=lambda: current().directory.principal.name,
        endpoint="test", methods=["GET", "POST"],
    )  # fmt: skip
    return app.test_client()


def test_d6_nothing_but_the_cookie_counts_for_the_pages(pages: Browser) -> None:
    path = "/ui/api/v1/test"
    for headers in (
        {}, {"Authorization": basic("admin", ADMIN_PASSWORD)}, {"X-JFrog-Art-Api": "AKCp8"},
    ):  # fmt: skip
        assert pages.get(path, headers=headers).status_code == 401
    token = json.loads(log_in(pages).data)["csrfToken"]
    assert pages.get(path).text == "admin"
    for headers in ({}, ORIGIN, {"X-CSRF-Token": token}):
        assert pages.post(path, headers=headers).status_code == 403
    assert pages.post(path, headers=ORIGIN | {"X-CSRF-Token": token}).text == "admin"


def test_a7_a_session_ends_with_its_user(browser: Browser, instance: Instance) -> None:
    instance.users.add("bob", BOBS)
    assert log_in(browser, {"user": "bob", "password": BOBS}).status_code == 200
    assert current_name(browser) == "bob"
    instance.users.set_password("bob", "another-password")
    assert current_name(browser) == "anonymous"
