"""Users, groups and permissions by the Access API, under both of its addresses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Client
from tests.http.securing import (
    ACCESS,
    GROUPS,
    PASSWORD,
    USERS,
    V1,
    access_code,
    done,
    got,
    send,
)

FORMS = (ACCESS, f"/artifactory{ACCESS}")
ALICE: dict[str, Any] = {
    "username": "alice", "email": "alice@corp.example", "password": PASSWORD, "admin": False,
    "groups": ["readers"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _readers(client: Client) -> None:
    done(client, "POST", f"{ACCESS}/groups", 201, {"name": "readers"})


@pytest.mark.parametrize("base", FORMS)
def test_the_life_of_a_user(client: Client, base: str) -> None:
    users, alice = f"{base}/users", f"{base}/users/alice"
    assert access_code(client.get(alice), 404)
    expected = {
        "username": "alice", "email": "alice@corp.example", "admin": False,
        "profile_updatable": True, "disable_ui_access": False,
        "internal_password_disabled": False, "realm": "internal", "groups": ["readers"],
        "status": "enabled",
    }  # fmt: skip
    made = done(client, "POST", users, 201, ALICE)
    assert made.json == expected == got(client, alice)
    assert access_code(send(client, "POST", users, ALICE), 409)
    changes = {"email": "a@b.example", "profile_updatable": False, "disable_ui_access": True}
    changed = done(client, "PATCH", alice, 200, changes)
    assert changed.json == expected | changes == got(client, alice)
    done(client, "PUT", f"{alice}/password", 204, {"password": "another-password"})
    assert client.as_user("alice", "another-password").get("/v2/").status_code == 200
    done(client, "DELETE", alice, 204)
    for method, path in (("GET", alice), ("PATCH", alice), ("DELETE", alice),
                         ("PUT", f"{alice}/password"), ("PATCH", f"{alice}/groups")):  # fmt: skip
        assert access_code(send(client, method, path, {"password": PASSWORD}), 404)


def test_a_user_joins_and_leaves_groups(client: Client) -> None:
    done(client, "POST", f"{ACCESS}/users", 201, ALICE)
    done(client, "POST", f"{ACCESS}/groups", 201, {"name": "writers"})
    path = f"{ACCESS}/users/alice/groups"
    both = done(client, "PATCH", path, 200, {"add": ["writers"], "remove": []})
    assert both.json == {"groups": ["readers", "writers"]}
    left = done(client, "PATCH", path, 200, {"remove": ["readers", "none"]})
    assert left.json == {"groups": ["writers"]}
    assert access_code(send(client, "PATCH", path, {"add": ["none"]}), 400)
    assert got(client, f"{USERS}/alice")["groups"] == ["writers"]


@pytest.mark.parametrize(
    "fields",
    [{"username": None}, {"username": "a b"}, {"username": "anonymous"}, {"email": None},
     {"email": "x"}, {"password": None}, {"password": "short"}, {"admin": "x"}, {"groups": "x"}],
)  # fmt: skip
def test_a_wrong_user_is_refused(client: Client, fields: dict[str, Any]) -> None:
    assert access_code(send(client, "POST", f"{ACCESS}/users", ALICE | fields), 400)
    assert len(got(client, USERS)) == 2


def test_lists_come_in_pages(client: Client) -> None:
    for name in ("alice", "bob", "carol"):
        done(client, "POST", f"{ACCESS}/users", 201, ALICE | {"username": name})
        done(client, "POST", f"{ACCESS}/groups", 201, {"name": f"of {name}"})
    names, cursor = [], ""
    while True:
        page = got(client, f"{ACCESS}/users?limit=2&cursor={cursor}")
        names += [entry["username"] for entry in page["users"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert names == ["admin", "alice", "anonymous", "bob", "carol"]
    page = got(client, f"{ACCESS}/users")
    assert page["cursor"] == ""
    assert page["users"][1] == {
        "username": "alice", "realm": "internal", "status": "enabled",
        "uri": "http://localhost/artifactory/access/api/v2/users/alice",
    }  # fmt: skip
    assert [entry["group_name"] for entry in got(client, f"{ACCESS}/groups")["groups"]] == [
        "of alice", "of bob", "of carol", "readers",
    ]  # fmt: skip
    for limit in ("0", "-1", "x", "10001", "1e3"):
        assert access_code(client.get(f"{ACCESS}/users?limit={limit}"), 400)


@pytest.mark.parametrize("base", FORMS)
def test_the_life_of_a_group(client: Client, base: str) -> None:
    done(client, "POST", f"{ACCESS}/users", 201, ALICE)
    groups, ops = f"{base}/groups", f"{base}/groups/ops"
    fields = {"name": "ops", "description": "d", "auto_join": False, "admin_privileges": True,
              "external_id": "cn", "members": ["alice"]}  # fmt: skip
    made = done(client, "POST", groups, 201, fields)
    assert made.json == fields | {"realm": "internal"} == got(client, ops)
    assert access_code(send(client, "POST", groups, fields), 409)
    changed = done(client, "PATCH", ops, 200, {"description": "e", "members": None})
    assert changed.json == fields | {"realm": "internal", "description": "e"}
    assert access_code(send(client, "PATCH", ops, {"auto_join": True}), 400)
    members = done(client, "PATCH", f"{ops}/members", 200, {"add": [], "remove": ["alice"]})
    assert members.json == {"members": []}
    members = done(client, "PATCH", f"{ops}/members", 200, {"add": ["alice"]})
    assert members.json == {"members": ["alice"]}
    assert access_code(send(client, "PATCH", f"{ops}/members", {"add": ["nobody"]}), 400)
    assert got(client, f"{GROUPS}/ops")["adminPrivileges"]
    done(client, "DELETE", ops, 204)
    for method, path in (("GET", ops), ("PATCH", ops), ("DELETE", ops),
                         ("PATCH", f"{ops}/members")):  # fmt: skip
        assert access_code(send(client, method, path, {}), 404)


ARTIFACT: dict[str, Any] = {
    "actions": {"users": {"alice": ["READ", "WRITE", "SCAN"]}, "groups": {"readers": ["READ"]}},
    "targets": {
        "docker-local": {"include_patterns": ["team/**"], "exclude_patterns": ["x/**"]},
        "ANY REMOTE": {"include_patterns": ["team/**"], "exclude_patterns": ["x/**"]},
    },
}


@pytest.mark.parametrize("base", FORMS)
def test_the_life_of_a_permission(client: Client, base: str) -> None:
    done(client, "POST", f"{ACCESS}/users", 201, ALICE)
    permissions, team = f"{base}/permissions", f"{base}/permissions/team"
    document = {"name": "team", "resources": {"artifact": ARTIFACT}}
    assert done(client, "POST", permissions, 201, document).json == document
    assert got(client, team) == document
    assert access_code(send(client, "POST", permissions, document), 409)
    uri = "http://localhost/artifactory/access/api/v2/permissions/team"
    listed = {"permissions": [{"name": "team", "uri": uri}], "cursor": ""}
    assert got(client, permissions) == listed
    assert got(client, f"{V1}/team")["principals"]["users"] == {"alice": ["r", "w", "mxm"]}

    artifact, build = f"{team}/artifact", f"{team}/build"
    assert got(client, artifact) == ARTIFACT
    assert access_code(client.get(build), 404)
    assert access_code(client.get(f"{team}/nothing"), 404)
    builds: dict[str, Any] = {"actions": {"users": {}, "groups": {}}, "targets": {}}
    assert done(client, "PUT", build, 200, builds).json == builds
    changed = done(client, "PATCH", artifact, 200, {"actions": {"groups": {}}})
    actions = {"users": ARTIFACT["actions"]["users"], "groups": {}}
    assert changed.json == ARTIFACT | {"actions": actions} == got(client, artifact)
    replaced = done(client, "PUT", artifact, 200, {"targets": {"ANY": {}}})
    everywhere = {"ANY": {"include_patterns": ["**"], "exclude_patterns": []}}
    assert replaced.json == builds | {"targets": everywhere}
    done(client, "DELETE", build, 204)
    assert access_code(send(client, "DELETE", build), 404)
    done(client, "DELETE", team, 204)
    for method in ("GET", "DELETE"):
        assert access_code(send(client, method, team), 404)


@pytest.mark.parametrize(
    "resources",
    [[], {"artifact": []}, {"artifact": {"targets": []}},
     {"artifact": {"targets": {"none": {}}}},
     {"artifact": {"targets": {"ANY": {"include_patterns": ["a"]}, "ANY LOCAL": {}}}},
     {"artifact": {"actions": {"users": {"alice": ["read"]}}}},
     {"artifact": {"actions": {"users": {"nobody": ["READ"]}}}}],
)  # fmt: skip
def test_a_wrong_permission_is_refused(client: Client, resources: Any) -> None:
    document = {"name": "team", "resources": resources}
    assert access_code(send(client, "POST", f"{ACCESS}/permissions", document), 400)
    assert got(client, V1) == []


def test_who_manages_nothing_learns_nothing(client: Client) -> None:
    done(client, "POST", f"{ACCESS}/users", 201, ALICE)
    alice = client.as_user("alice", PASSWORD)
    for method, path in (
        ("GET", "users"), ("POST", "users"), ("GET", "users/admin"), ("PATCH", "users/alice"),
        ("DELETE", "users/alice"), ("PUT", "users/alice/password"), ("PATCH", "users/alice/groups"),
        ("GET", "groups"), ("POST", "groups"), ("GET", "groups/readers"),
        ("PATCH", "groups/readers"), ("PATCH", "groups/readers/members"),
        ("DELETE", "groups/readers"), ("GET", "permissions"), ("POST", "permissions"),
        ("GET", "permissions/x"), ("DELETE", "permissions/x"), ("GET", "permissions/x/artifact"),
        ("PUT", "permissions/x/artifact"), ("PATCH", "permissions/x/build"),
        ("DELETE", "permissions/x/release_bundle"),
    ):  # fmt: skip
        assert access_code(send(alice, method, f"{ACCESS}/{path}", {}), 403) == "DENIED"
        answer = client.request(method, f"{ACCESS}/{path}", anonymous=True)
        assert access_code(answer, 401) == "UNAUTHORIZED"
