"""A7 and A21 on several workers: what ends on one has ended on all, and failures count together."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from registry.access.user_documents import UserFields
from registry.config import Config
from registry.services.instance import Instance
from registry.wiring import build
from tests.live.test_workers import only
from tests.live.wire import Reply, Wire
from tests.support.live import LiveServer

PASSWORD = "password-of-this-user"
TOKENS = "/access/api/v1/tokens"


def ask(
    server: LiveServer, worker: int, method: str, path: str, *headers: str, body: bytes = b""
) -> Reply:
    """Let one worker alone answer."""
    with only(server, worker), Wire(server) as wire:
        return wire.ask(method, path, *headers, body=body, anonymous=True)


def basic(name: str, password: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture
def instance(server: LiveServer) -> Instance:
    """The same folder, changed by another process, as the command line does."""
    return build(Config(storage_root=str(server.storage)))


@pytest.fixture(params=["password", "API key", "access token", "reference", "docker", "encrypted"])
def header(request: pytest.FixtureRequest, server: LiveServer, instance: Instance) -> str:
    """Credentials of a user of the test's own, which worker 0 has given out."""
    kind = str(request.param)
    name = f"user-{kind.replace(' ', '-').lower()}"
    if instance.users.find(name) is not None:
        instance.users.remove(name)
    instance.users.add(name, PASSWORD)
    own = basic(name, PASSWORD)
    if kind == "password":
        return own
    if kind == "API key":
        key = json.loads(ask(server, 0, "POST", "/api/security/apiKey", own).body)["apiKey"]
        return f"X-JFrog-Art-Api: {key}"
    if kind == "encrypted":
        text = ask(server, 0, "GET", "/api/security/encryptedPassword", own).body.decode()
        return basic(name, text)
    if kind == "docker":
        token = json.loads(ask(server, 0, "GET", "/v2/token", own).body)["token"]
        return f"Authorization: Bearer {token}"
    form = b"include_reference_token=true"
    tokens = json.loads(ask(server, 0, "POST", TOKENS, own, body=form).body)
    word = "access_token" if kind == "access token" else "reference_token"
    return f"Authorization: Bearer {tokens[word]}"


def name_in(server: LiveServer, instance: Instance) -> str:
    """Return the newest user."""
    return max(instance.users.all(), key=lambda user: user.created).name


@pytest.mark.parametrize("change", ["disabled", "removed"])
def test_a7_a_user_who_is_gone_is_refused_by_every_worker(
    server: LiveServer, instance: Instance, header: str, change: str
) -> None:
    name = name_in(server, instance)
    for worker in (1, 0, 1):
        assert ask(server, worker, "GET", "/v2/", header).status == 200
    if change == "disabled":
        instance.users.change(name, UserFields(disabled=True))
    else:
        instance.users.remove(name)
    for worker in (1, 0):
        assert ask(server, worker, "GET", "/v2/", header).status == 401


Revoke = Callable[[LiveServer, str, dict[str, str]], Reply]
REVOKED: dict[str, Revoke] = {
    "id": lambda server, own, token: ask(
        server, 0, "DELETE", f"{TOKENS}/{token['token_id']}", own
    ),
    "token": lambda server, own, token: ask(
        server, 0, "POST", "/api/security/token/revoke", own,
        body=f"token={token['access_token']}".encode(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("by", REVOKED)
def test_a7_a_revoked_token_is_refused_by_every_worker(server: LiveServer, by: str) -> None:
    own = basic("admin", server.admin_password)
    token = json.loads(ask(server, 1, "POST", TOKENS, own).body)
    bearer = f"Authorization: Bearer {token['access_token']}"
    fetched = json.loads(ask(server, 1, "GET", "/v2/token", bearer).body)["token"]
    both = (bearer, f"Authorization: Bearer {fetched}")
    for worker in (0, 1):
        assert [ask(server, worker, "GET", "/v2/", one).status for one in both] == [200, 200]
    assert REVOKED[by](server, own, token).status == 200
    for worker in (1, 0):
        assert [ask(server, worker, "GET", "/v2/", one).status for one in both] == [401, 401]


def test_a7_a_session_that_was_left_has_ended_on_every_worker(server: LiveServer) -> None:
    origin, kind = "Origin: http://registry.test", "Content-Type: application/json"
    body = json.dumps({"user": "admin", "password": server.admin_password}).encode()
    login = ask(server, 0, "POST", "/ui/api/v1/auth/login", origin, kind, body=body)
    assert login.status == 200, login.body
    cookie = "Cookie: " + login.headers["Set-Cookie"].partition(";")[0]

    def name(worker: int) -> str:
        answer = ask(server, worker, "GET", "/ui/api/v1/auth/current", cookie)
        return str(json.loads(answer.body)["name"])

    assert (name(0), name(1)) == ("admin", "admin")
    token = f"X-CSRF-Token: {json.loads(login.body)['csrfToken']}"
    assert ask(server, 1, "POST", "/ui/api/v1/auth/logout", origin, cookie, token).status == 200
    assert (name(0), name(1)) == ("anonymous", "anonymous")


def test_a21_wrong_passwords_count_on_all_workers_together(
    server: LiveServer, instance: Instance
) -> None:
    instance.users.add("victim", PASSWORD)
    wrong, right = basic("victim", "wrong-password"), basic("victim", PASSWORD)
    assert [ask(server, n % 2, "GET", "/v2/", wrong).status for n in range(10)] == [401] * 10

    def looked_at(worker: int) -> int:
        """Return how many more a worker looks at; the pause may be over before the first."""
        for tried in range(20):
            answer = ask(server, worker, "GET", "/v2/", wrong)
            if answer.status == 429:
                assert int(answer.headers["Retry-After"]) >= 1
                return tried
        raise AssertionError("a worker looks at any number")

    # By itself each would look at five more.
    assert looked_at(0) < 5
    assert looked_at(1) < 5
    server.kill_worker(server.worker_pids()[0])
    assert looked_at(0) < 5
    assert looked_at(1) < 5
    own = basic("admin", server.admin_password)
    assert ask(server, 0, "POST", "/api/security/unlockUsers/victim", own).status == 200
    for worker in (1, 0):
        assert ask(server, worker, "GET", "/v2/", right).status == 200


def test_a17_two_headers_with_credentials_are_refused(server: LiveServer) -> None:
    """Neither the first nor the last counts, so nothing in front can look at the other one."""
    right, wrong = basic("admin", server.admin_password), basic("admin", "wrong-password")
    for headers in ([right, wrong], [wrong, right], [right, right]):
        with Wire(server) as wire:
            assert wire.ask("GET", "/v2/", *headers, anonymous=True).status == 401
    for name in ("authorization", "AUTHORIZATION"):
        with Wire(server) as wire:
            header = name + right.removeprefix("Authorization")
            assert wire.ask("GET", "/v2/", header, anonymous=True).status == 200
