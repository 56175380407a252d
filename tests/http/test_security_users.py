"""Users over REST: exact statuses, types that clients read, and who may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Client
from tests.http.securing import (
    ACCESS,
    GROUPS,
    PASSWORD,
    USERS,
    access_code,
    done,
    got,
    message,
    send,
    user,
)

ALICE = f"{USERS}/alice"


def test_the_life_of_a_user(client: Client) -> None:
    """The sequence of clients: ask (404), create (201), ask, change (200), delete (200), ask."""
    assert message(client.get(ALICE), 404)
    done(client, "PUT", ALICE, 201, user(name="alice"))
    expected = {
        "name": "alice", "email": "alice@corp.example", "admin": False, "profileUpdatable": True,
        "disableUIAccess": False, "internalPasswordDisabled": False, "realm": "internal",
        "groups": [], "watchManager": False, "policyManager": False, "reportsManager": False,
        "offlineMode": False, "mfaStatus": "NONE", "status": "ENABLED",
    }  # fmt: skip
    assert got(client, ALICE) == expected
    done(client, "POST", ALICE, 200, {"email": "a@corp.example", "status": "disabled"})
    assert got(client, ALICE) == expected | {"email": "a@corp.example", "status": "DISABLED"}
    done(client, "POST", ALICE, 200, {"status": "ENABLED", "admin": True})
    assert got(client, ALICE) == expected | {"email": "a@corp.example", "admin": True}
    assert done(client, "DELETE", ALICE, 200).text == (
        "User 'alice' has been removed successfully.\n"
    )
    for method, document in (("GET", None), ("POST", {}), ("DELETE", None)):
        assert message(send(client, method, ALICE, document), 404)


def test_a_user_logs_in_as_long_as_enabled(client: Client) -> None:
    done(client, "PUT", ALICE, 201, user())
    alice = client.as_user("alice", PASSWORD)
    assert alice.get("/v2/").status_code == 200
    assert got(client, ALICE)["lastLoggedIn"].endswith("Z")
    done(client, "POST", ALICE, 200, {"status": "disabled"})
    assert alice.get("/v2/").status_code == 401
    done(client, "POST", ALICE, 200, {"status": "enabled", "internalPasswordDisabled": True})
    assert alice.get("/v2/").status_code == 401
    done(client, "POST", ALICE, 200, {"internalPasswordDisabled": False})
    assert alice.get("/v2/").status_code == 200


def test_the_list_has_everybody_and_anonymous(client: Client) -> None:
    done(client, "PUT", ALICE, 201, user(status="disabled"))
    assert got(client, USERS) == [
        {"name": name, "uri": f"http://localhost{USERS}/{name}", "realm": "internal",
         "status": status}
        for name, status in (("admin", "enabled"), ("alice", "disabled"),
                             ("anonymous", "disabled"))
    ]  # fmt: skip
    for name in ("admin", "anonymous"):
        found = got(client, f"{USERS}/{name}")
        assert (found["name"], found["email"]) == (name, f"{name}@example.com")
        assert found["admin"] is (name == "admin")
    assert "lastLoggedIn" not in got(client, f"{USERS}/anonymous")


def test_anonymous_cannot_be_changed(client: Client) -> None:
    for method in ("PUT", "POST", "DELETE"):
        answer = send(client, method, f"{USERS}/anonymous", user(admin=True))
        assert message(answer, 400)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"email": None}, "email"),
    ({"email": ""}, "e-mail"),
    ({"email": "nobody"}, "e-mail"),
    ({"email": 1}, "email"),
    ({"password": None}, "password"),
    ({"password": "short"}, "8 to 1024"),
    ({"password": ["x"]}, "password"),
    ({"admin": "maybe"}, "admin"),
    ({"admin": 1}, "admin"),
    ({"groups": "readers"}, "groups"),
    ({"groups": [1]}, "groups"),
    ({"name": "bob"}, "name"),
]


@pytest.mark.parametrize(("fields", "word"), WRONG)
def test_a_wrong_user_is_refused_and_not_made(
    client: Client, fields: dict[str, Any], word: str
) -> None:
    assert word in message(send(client, "PUT", ALICE, user(**fields)), 400)
    assert client.get(ALICE).status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_body_that_is_no_object_is_refused(client: Client, method: str, body: bytes) -> None:
    for path in (f"{USERS}/admin", f"{GROUPS}/readers"):
        assert client.request(method, path, body=body).status_code in (400, 404)
    assert client.request("PUT", f"{GROUPS}/readers", body=body).status_code == 400


@pytest.mark.parametrize("name", ["a b", ".a", "a%2Fb", "a%00b", "%C3%A4", "x" * 65, "a:b", ".."])
def test_a_name_of_no_user_is_refused(client: Client, name: str) -> None:
    answer = send(client, "PUT", f"{USERS}/{name}", user())
    assert answer.status_code in (400, 404)
    assert len(got(client, USERS)) == 2


def test_names_are_in_lower_case_and_may_have_a_plus(client: Client) -> None:
    done(client, "PUT", f"{USERS}/Alice", 201, user(name="Alice"))
    assert got(client, f"{USERS}/ALICE")["name"] == "alice"
    for path in (f"{USERS}/bob%2Bci", f"{USERS}/bob+ci"):
        done(client, "PUT", path, 201, user())
        assert got(client, path)["name"] == "bob+ci"
    assert len(got(client, USERS)) == 4


def test_groups_are_joined_over_rest(client: Client) -> None:
    done(client, "PUT", f"{GROUPS}/readers", 201, {"autoJoin": True})
    done(client, "PUT", f"{GROUPS}/writers", 201, {})
    done(client, "PUT", ALICE, 201, user())
    assert got(client, ALICE)["groups"] == ["readers"]
    done(client, "POST", ALICE, 200, {"groups": ["writers", "readers", "writers"]})
    assert got(client, ALICE)["groups"] == ["readers", "writers"]
    done(client, "POST", ALICE, 200, {"groups": None})
    assert got(client, ALICE)["groups"] == ["readers", "writers"]
    done(client, "POST", ALICE, 200, {"groups": []})
    assert got(client, ALICE)["groups"] == []
    assert "'none'" in message(send(client, "POST", ALICE, {"groups": ["none"]}), 400)


def test_a9_what_is_no_field_gives_nothing(client: Client, storage: Path) -> None:
    """Mass assignment, as in Harbor CVE-2019-16097: what is not known is not looked at."""
    extra = {
        "passwordHash": "x", "credential": "x", "created": "x", "disabled": True, "isAdmin": True,
        "has_admin_role": True, "roles": ["admin"], "lastLoggedIn": "1999-01-01T00:00:00.000Z",
        "passwordSet": "x", "password_expired": True, "realm": "ldap", "Admin": True,
        "mfaStatus": "x", "watchManager": True,
    }  # fmt: skip
    done(client, "PUT", ALICE, 201, user(**extra))
    found = got(client, ALICE)
    assert not found["admin"]
    assert not found["watchManager"]
    assert found["realm"] == "internal"
    assert "lastLoggedIn" not in found
    stored = json.loads((storage / "etc/users/alice.json").read_text())
    assert set(stored) <= {
        "name", "admin", "created", "passwordHash", "credential", "email", "groups", "passwordSet",
        "passwordExpired",
    }  # fmt: skip
    assert "x" not in stored.values()
    assert client.as_user("alice", PASSWORD).get("/v2/").status_code == 200


def test_no_secret_is_ever_shown(client: Client) -> None:
    done(client, "PUT", ALICE, 201, user(password="a-secret-canary"))
    shown = [client.get(path).text for path in (ALICE, USERS, f"{ACCESS}/users/alice")]
    shown += [send(client, "PATCH", f"{ACCESS}/users/alice", {"password": "canary-secret"}).text]
    for text in shown:
        assert "canary" not in text
        assert "scrypt" not in text
        assert "credential" not in text


def test_somebody_else_learns_nothing_but_the_own_profile(client: Client) -> None:
    done(client, "PUT", ALICE, 201, user())
    done(client, "PUT", f"{USERS}/bob", 201, user())
    alice = client.as_user("alice", PASSWORD)
    assert got(alice, ALICE)["email"] == "alice@corp.example"
    assert got(alice, f"{ACCESS}/users/alice")["username"] == "alice"
    answers = set()
    for path in (f"{USERS}/bob", f"{USERS}/nobody", f"{USERS}/admin"):
        answers.add(message(alice.get(path), 403))
    assert len(answers) == 1
    for method, path, document in (
        ("GET", USERS, None), ("PUT", ALICE, user(admin=True)), ("POST", ALICE, {"admin": True}),
        ("DELETE", f"{USERS}/bob", None), ("PUT", f"{USERS}/new", user()),
    ):  # fmt: skip
        assert message(send(alice, method, path, document), 403)
    assert not got(client, ALICE)["admin"]


def test_nobody_is_asked_to_log_in(client: Client) -> None:
    for path in (USERS, f"{USERS}/admin", f"{USERS}/nobody"):
        answer = client.request("GET", path, anonymous=True)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("method", "document"),
    [("DELETE", None), ("POST", {"admin": False}), ("POST", {"status": "disabled"}),
     ("PUT", {"email": "a@b.example"})],
)  # fmt: skip
def test_the_last_admin_stays_one(
    client: Client, method: str, document: dict[str, Any] | None
) -> None:
    assert "last admin" in message(send(client, method, f"{USERS}/admin", document), 400)
    assert client.get("/artifactory/api/security/users").status_code == 200


def test_a_new_password_ends_the_old_one(client: Client) -> None:
    done(client, "PUT", ALICE, 201, user())
    done(client, "PUT", ALICE, 201, {"email": "a@b.example"})
    assert client.as_user("alice", PASSWORD).get("/v2/").status_code == 200
    done(client, "POST", ALICE, 200, {"password": "another-password"})
    assert client.as_user("alice", PASSWORD).get("/v2/").status_code == 401
    assert client.as_user("alice", "another-password").get("/v2/").status_code == 200


def test_members_of_an_admin_group_are_admins_until_they_leave(client: Client) -> None:
    done(client, "PUT", ALICE, 201, user())
    alice = client.as_user("alice", PASSWORD)
    done(client, "PUT", f"{GROUPS}/ops", 201, {"adminPrivileges": True, "userNames": ["alice"]})
    assert alice.get(USERS).status_code == 200
    done(client, "POST", f"{GROUPS}/ops", 200, {"userNames": []})
    assert alice.get(USERS).status_code == 403
    assert access_code(alice.get(f"{ACCESS}/users"), 403) == "DENIED"
