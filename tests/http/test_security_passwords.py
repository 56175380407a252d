"""Changing and expiring passwords, and lock-out, by REST."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from registry.access.user_documents import UserFields
from registry.services.instance import Instance
from tests.conftest import Client, basic

SECURITY = "/artifactory/api/security"
CHANGE = f"{SECURITY}/users/authorization/changePassword"
EXPIRATION = f"{SECURITY}/configuration/passwordExpirationPolicy"
BOBS, NEW = "password-of-bob", "new-password-of-bob"


@pytest.fixture
def bob(client: Client, instance: Instance) -> Client:
    instance.users.add("bob", BOBS)
    return client.as_user("bob", BOBS)


def post(client: Client, path: str, document: Any = None, **more: Any) -> TestResponse:
    body = b"" if document is None else json.dumps(document).encode()
    return client.request("POST", path, {"Content-Type": "application/json"}, body, **more)


def put(client: Client, path: str, document: Any) -> TestResponse:
    return client.request("PUT", path, body=json.dumps(document).encode())


def change(client: Client, **fields: Any) -> TestResponse:
    given = {"userName": "bob", "oldPassword": BOBS, "newPassword1": NEW, "newPassword2": NEW}
    return post(client, CHANGE, given | fields, anonymous=True)


class TestChanging:
    @pytest.mark.parametrize("expired", [False, True])
    def test_the_old_one_in_the_body_is_enough(
        self, client: Client, bob: Client, expired: bool
    ) -> None:
        if expired:
            path = f"{SECURITY}/users/authorization/expirePassword"
            assert post(client, path, ["bob"]).status_code == 200
            answer = bob.get("/api/repositories")
            assert answer.status_code == 401
            assert "expired" in answer.text
        assert change(client).status_code == 200
        assert bob.get("/api/repositories").status_code == 401
        assert client.as_user("bob", NEW).get("/api/repositories").status_code == 200

    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ({"oldPassword": "wrong"}, 401), ({"userName": "nobody"}, 401), ({"userName": ""}, 401),
            ({"newPassword2": "other"}, 400),
            ({"newPassword1": "short", "newPassword2": "short"}, 400),
            ({"newPassword1": BOBS, "newPassword2": BOBS}, 400), ({"newPassword1": 7}, 400),
            ({"oldPassword": None}, 401), ({"userName": ["bob"]}, 400),
        ],
    )  # fmt: skip
    def test_anything_else_changes_nothing(
        self, client: Client, bob: Client, fields: dict[str, Any], status: int
    ) -> None:
        answer = change(client, **fields)
        assert answer.status_code == status, answer.text
        assert json.loads(answer.data)["errors"]
        assert bob.get("/api/repositories").status_code == 200

    def test_a19_an_unknown_user_looks_like_a_wrong_password(
        self, client: Client, bob: Client
    ) -> None:
        texts = {change(client, userName=name, oldPassword="wrong").text for name in ("bob", "x")}
        assert len(texts) == 1

    def test_a_user_who_may_not_change_the_profile_cannot(
        self, client: Client, instance: Instance, bob: Client
    ) -> None:
        instance.users.change("bob", UserFields(profile_updatable=False))
        assert change(client).status_code == 403

    @pytest.mark.parametrize("body", [b"", b"[]", b"x", b"[" * 5000])
    def test_what_is_no_document_is_refused(self, client: Client, body: bytes) -> None:
        answer = client.request("POST", CHANGE, body=body, anonymous=True)
        assert answer.status_code in (400, 401)


class TestExpiring:
    def test_by_name_and_all_of_them(self, client: Client, bob: Client) -> None:
        users = f"{SECURITY}/users/authorization"
        for expire, restore in (
            ("expirePassword/bob", "unexpirePassword/bob"),
            ("expirePasswordForAllUsers", "unexpirePasswordForAllUsers"),
        ):
            key = json.loads(client.request("PUT", f"{SECURITY}/apiKey").data)["apiKey"]
            by_key = client.as_user("admin", key)
            assert post(client, f"{users}/{expire}").status_code == 200
            assert bob.get("/api/repositories").status_code == 401
            assert by_key.get("/api/repositories").status_code == 200, "keys do not expire"
            assert post(by_key, f"{users}/{restore}").status_code == 200
            assert bob.get("/api/repositories").status_code == 200

    @pytest.mark.parametrize(
        ("document", "status"), [(["bob", "nobody"], 404), ({}, 400), ("bob", 400), ([7], 400)]
    )
    def test_of_a_list_with_a_mistake_none(
        self, client: Client, bob: Client, document: Any, status: int
    ) -> None:
        path = f"{SECURITY}/users/authorization/expirePassword"
        assert post(client, path, document).status_code == status
        assert bob.get("/api/repositories").status_code == 200

    def test_the_policy_is_written_in_texts(self, client: Client) -> None:
        assert json.loads(client.get(EXPIRATION).data) == {
            "enabled": "false", "passwordMaxAge": "60", "notifyByEmail": "true",
        }  # fmt: skip
        for given in (
            {"enabled": "true", "passwordMaxAge": "90", "notifyByEmail": "false"},
            {"enabled": True, "passwordMaxAge": 90, "notifyByEmail": False},
        ):
            assert put(client, EXPIRATION, given).status_code == 200
            assert json.loads(client.get(EXPIRATION).data) == {
                "enabled": "true", "passwordMaxAge": "90", "notifyByEmail": "false",
            }  # fmt: skip
        refused: list[Any] = [{"passwordMaxAge": 0}, {"passwordMaxAge": "x"}, {"enabled": 7}, []]
        for wrong in refused:
            assert put(client, EXPIRATION, wrong).status_code == 400
        assert put(client, EXPIRATION, {"enabled": False}).status_code == 200
        assert json.loads(client.get(EXPIRATION).data)["passwordMaxAge"] == "90"


class TestLocking:
    def fail(
        self, client: Client, times: int, name: str = "bob", address: str = "192.0.2.1"
    ) -> Any:
        headers = {"Authorization": basic(name, "wrong")}
        answers = [
            client.request("GET", "/api/repositories", headers, address=address)
            for _ in range(times)
        ]
        return answers[-1]

    @pytest.mark.parametrize("name", ["bob", "nobody"])
    def test_a21_too_many_are_429_for_that_user_from_there(
        self, client: Client, bob: Client, name: str
    ) -> None:
        assert self.fail(client, 10, name).status_code == 401
        answer = self.fail(client, 1, name)
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "1"
        assert "WWW-Authenticate" not in answer.headers
        assert json.loads(answer.data)["errors"][0]["status"] == 429
        there, here = "192.0.2.2", "192.0.2.1"
        for path in ("/api/repositories", "/v2/", "/v2/token"):
            assert client.request("GET", path, address=here).status_code == 200
            assert bob.request("GET", path, address=there).status_code == 200
            blocked = bob.request("GET", path, address=here).status_code
            assert blocked == (429 if name == "bob" else 200)

    def test_docker_is_told_in_its_own_form(self, client: Client, bob: Client) -> None:
        self.fail(client, 12)
        answer = bob.request("GET", "/v2/token", address="192.0.2.1")
        assert json.loads(answer.data)["errors"][0]["code"] == "TOOMANYREQUESTS"
        body = b"grant_type=password&username=bob&password=" + BOBS.encode()
        answer = client.request("POST", "/v2/token", body=body, anonymous=True, address="192.0.2.1")
        assert answer.status_code == 429

    @pytest.mark.parametrize("door", ["token", "change", "pages"])
    def test_every_door_counts(self, client: Client, bob: Client, door: str) -> None:
        """The token endpoint, the change of a password and the pages are no way round."""

        def attempt() -> int:
            if door == "change":
                return change(client, oldPassword="wrong").status_code
            if door == "token":
                body = b"grant_type=password&username=bob&password=wrong"
                answer = client.request("POST", "/v2/token", body=body, anonymous=True)
                return answer.status_code
            headers = {"Content-Type": "application/json", "Origin": "http://localhost"}
            body = json.dumps({"user": "bob", "password": "wrong"}).encode()
            return client.request("POST", "/ui/api/v1/auth/login", headers, body).status_code

        assert [attempt() for _ in range(11)] == [401] * 10 + [429]
        assert bob.get("/api/repositories").status_code == 429

    def test_an_admin_lets_them_go_on(self, client: Client, bob: Client) -> None:
        locked = f"{SECURITY}/lockedUsers"
        for unlock, document in (
            ("unlockUsers/bob", None), ("unlockUsers", ["bob"]), ("unlockAllUsers", None),
        ):  # fmt: skip
            self.fail(client, 14)
            assert json.loads(client.get(locked).data) == ["bob"]
            answer = post(client, f"{SECURITY}/{unlock}", document)
            assert answer.status_code == 200, answer.text
            assert json.loads(client.get(locked).data) == []
            assert bob.request("GET", "/v2/", address="192.0.2.1").status_code == 200
        assert post(client, f"{SECURITY}/unlockUsers/nobody").status_code == 404
        assert post(client, f"{SECURITY}/unlockUsers", "bob").status_code == 400

    def test_the_policy_can_be_changed(self, client: Client) -> None:
        path = f"{SECURITY}/userLockPolicy"
        assert json.loads(client.get(path).data) == {"enabled": True, "loginAttempts": 10}
        assert put(client, path, {"enabled": True, "loginAttempts": 2}).status_code == 200
        assert self.fail(client, 3).status_code == 429
        assert put(client, path, {"enabled": False}).status_code == 200
        assert self.fail(client, 30).status_code == 401
        assert json.loads(client.get(path).data) == {"enabled": False, "loginAttempts": 2}
        refused: list[Any] = [{"loginAttempts": 0}, {"loginAttempts": "x"}, {"enabled": []}, [], 7]
        for wrong in refused:
            assert put(client, path, wrong).status_code == 400
