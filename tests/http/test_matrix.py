"""Every route times every kind of caller, generated from the route table.

Advisory class of Gitea CVE-2026-27771: the check sat at some doors only. A new route without a
declared right fails here, and so does one whose arguments this file does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from registry.access.policies import Locking
from registry.access.principals import Action
from registry.access.tokens import Tokens
from registry.access.user_documents import UserFields
from registry.services.instance import Instance
from registry.web.routing import Right
from tests.conftest import ADMIN_PASSWORD, Client, basic
from tests.http.matrix import DOORS, FRONT, Route, body_of, routes_of
from tests.http.support import (
    KEY,
    LAYER,
    challenge_of,
    digest_of,
    get_token,
    push_image,
    start,
    tree,
)

SCOPE = f"repository:{KEY}/team/app"
ADMINS = (Right.ADMIN, Right.MONITOR)
KNOWN = (Right.LOGIN, Right.ACCOUNT)
NAMED = (Right.PULL, Right.PUSH, Right.ANNOTATE, Right.DELETE)
RIGHTS = {
    "blobs/<digest>": {"GET": Right.PULL, "DELETE": Right.DELETE},
    "blobs/uploads/": {"POST": Right.PUSH},
    "blobs/uploads/<upload_id>": dict.fromkeys(("GET", "PATCH", "PUT", "DELETE"), Right.PUSH),
    "manifests/<reference>": {"GET": Right.PULL, "PUT": Right.PUSH, "DELETE": Right.DELETE},
    "tags/list": {"GET": Right.PULL},
    "parentManifests": {"POST": Right.PULL},
    "referrers/<digest>": {"GET": Right.PULL},
}
"""What each route of an image must ask for, by the reference, section B5."""


@dataclass(frozen=True)
class World:
    """A registry with an image, an upload and users, and the routes to it."""

    client: Client
    routes: list[Route]
    instance: Instance

    def of(self, *rights: Right) -> list[Route]:
        return [route for route in self.routes if route.right in rights]

    def ask(self, route: Route, authorization: str | None) -> TestResponse:
        headers = {"Authorization": authorization} if authorization is not None else {}
        answer = self.client.request(
            route.method, route.path, headers, body_of(route), anonymous=authorization is None
        )
        if route.rule.endswith("ForAllUsers"):
            # The passwords that the next requests are made with have expired.
            for user in self.instance.users.all():
                self.instance.users.change(user.name, UserFields(password_expired=False))
        return answer


@pytest.fixture
def world(app: Flask, client: Client, instance: Instance) -> World:
    # That wrong passwords slow down the next ones has tests of its own.
    instance.secrets.policies.set_locking(Locking(enabled=False))
    instance.users.add("bob", "password-of-bob")
    instance.users.add("carol", "password-of-carol")
    instance.web_server.save(FRONT)
    push_image(client)
    push_image(client, image="/v2/docker-local/other")
    upload = start(client).rpartition("/")[2]
    arguments = {
        "key": KEY,
        "image": "team/app",
        "digest": digest_of(LAYER),
        "reference": "1.0",
        "upload_id": upload,
        "rest": "nothing/here",
        "path": "team/app/1.0/manifest.json",
        "uuid": "nothing",
        "name": "carol",
        "resource": "artifact",
        "token": "nothing",
    }
    return World(client, routes_of(app, arguments), instance)


def test_there_are_routes_of_each_right(world: World) -> None:
    for right in Right:
        assert world.of(right), right
    assert len([route for route in world.routes if route.image]) >= 3 * 15


def test_rights_are_those_of_the_reference(world: World) -> None:
    declared: dict[str, dict[str, set[Right]]] = {}
    for route in world.routes:
        if route.image and route.method != "HEAD":
            rest = route.rule.partition("<path:image>/")[2]
            declared.setdefault(rest, {}).setdefault(route.method, set()).add(route.right)
    wanted = {
        rest: {method: {right} for method, right in rights.items()}
        for rest, rights in RIGHTS.items()
    }
    assert declared == wanted


def test_without_credentials(world: World) -> None:
    for route in world.of(*KNOWN, *ADMINS, Right.MANAGE, *NAMED):
        answer = world.ask(route, None)
        if not route.docker:
            assert_basic(answer, route)
            continue
        found = challenge_of(answer)
        prefix = route.path.partition("/v2")[0] + "/v2"
        if "/v2" in route.path:
            assert found["realm"] == f"http://localhost{prefix}/token", route
        assert "error" not in found, route
        if route.image:
            name = "team/app" if "/api/docker/" in route.path else f"{KEY}/team/app"
            assert found["scope"] == f"repository:{name}:{route.right.value}", route
        else:
            assert "scope" not in found, route
        assert answer.data if route.method != "HEAD" else not answer.data, route
    for route in world.of(Right.PUBLIC):
        doors = [status for rule, status in DOORS.items() if route.rule.endswith(rule)]
        if route.method == "POST" and doors:
            assert world.ask(route, None).status_code == doors[0], route
        elif not (route.method == "POST" and route.path.endswith("/token")):
            assert world.ask(route, None).status_code in (200, 404), route


def assert_basic(answer: TestResponse, route: Route) -> None:
    """Clients of Artifactory's API are asked for a password."""
    assert answer.status_code == 401, route
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Artifactory Realm"'


def test_admins_alone(world: World) -> None:
    bob = world.client.as_user("bob", "password-of-bob")
    for route in world.of(*ADMINS, Right.MANAGE):
        assert world.ask(route, bob.authorization).status_code == 403, route
        limited = get_token(world.client, f"{SCOPE}:pull,push,delete")
        refused = 403 if route.right is Right.MANAGE else 401
        assert world.ask(route, f"Bearer {limited}").status_code == refused, route
        status = world.ask(route, world.client.authorization).status_code
        assert status < 500, route
        assert status not in (401, 403), route


WRONG = {
    "wrong password": basic("admin", "wrong-password"),
    "unknown user": basic("nobody-here", ADMIN_PASSWORD),
    "garbage bearer": "Bearer garbage",
    "no scheme": "garbage",
}


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG.keys())
def test_wrong_credentials(world: World, storage: Path, value: str) -> None:
    before = tree(storage)
    for route in world.of(*KNOWN, *ADMINS, Right.MANAGE, *NAMED):
        answer = world.ask(route, value)
        if not route.docker:
            assert_basic(answer, route)
            continue
        found = challenge_of(answer)
        assert found.get("error") == ("invalid_token" if "Bearer" in value else None), route
    assert tree(storage) == before


def test_an_expired_token(world: World, instance: Instance) -> None:
    credential = instance.users.get("admin").credential
    access = {f"{KEY}/team/app": frozenset(Action)}
    token = Tokens(instance.keys).issue("admin", credential, access, -3600)
    for route in world.of(*KNOWN, Right.MANAGE, *NAMED):
        answer = world.ask(route, f"Bearer {token}")
        if not route.docker:
            assert_basic(answer, route)
            continue
        found = challenge_of(answer)
        assert found["error"] == "invalid_token", route


@pytest.mark.parametrize(
    "scopes",
    [
        (),
        (f"repository:{KEY}/other:pull,push,delete",),
        (f"repository:{KEY}/team:*", f"repository:{KEY}/team/app/x:*", "repository:x/team/app:*"),
    ],
    ids=["login", "other image", "neighbours"],
)
def test_a_token_for_something_else(world: World, storage: Path, scopes: tuple[str, ...]) -> None:
    token, before = get_token(world.client, *scopes), tree(storage)
    for route in world.of(*NAMED):
        answer = world.ask(route, f"Bearer {token}")
        if not route.docker:
            assert_basic(answer, route)
            continue
        found = challenge_of(answer)
        assert found["error"] == "insufficient_scope", route
        assert found["scope"].startswith("repository:"), route
    for route in world.of(Right.LOGIN):
        assert world.ask(route, f"Bearer {token}").status_code in (200, 404), route
    for route in world.of(Right.ACCOUNT):
        assert world.ask(route, f"Bearer {token}").status_code == 403, route
    assert tree(storage) == before


@pytest.mark.parametrize("right", NAMED)
def test_a_token_for_one_right(world: World, storage: Path, right: Right) -> None:
    """Pull-only and the like: each right opens its own routes, and no others."""
    token = get_token(world.client, f"{SCOPE}:{right.value.rpartition(',')[2]}")
    before = tree(storage)
    for route in world.of(*NAMED):
        if route.right is right:
            continue
        answer = world.ask(route, f"Bearer {token}")
        if not route.docker:
            assert_basic(answer, route)
            continue
        found = challenge_of(answer)
        assert found["error"] == "insufficient_scope", route
    assert tree(storage) == before
    for route in filter(lambda route: route.docker, world.of(right)):
        assert world.ask(route, f"Bearer {token}").status_code not in (401, 403, 500), route


@pytest.mark.parametrize("caller", ["admin", "bob", "admin token", "bob token"])
def test_who_may_is_let_in(world: World, caller: str) -> None:
    name, _, token = caller.partition(" ")
    client = world.client
    if name == "bob":
        client = client.as_user("bob", "password-of-bob")
    if token:
        client = client.with_token(get_token(client, f"{SCOPE}:pull,push,delete"))
    for route in world.of(Right.LOGIN, *NAMED) if token else world.of(*KNOWN, *NAMED):
        if token and not route.docker:
            continue
        answer = world.ask(route, client.authorization)
        assert answer.status_code not in (401, 403), route
        assert answer.status_code < 500, route
