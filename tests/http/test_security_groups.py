"""Groups over REST: exact statuses, types that clients read, and members."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Client
from tests.http.securing import GROUPS, PASSWORD, USERS, V1, done, got, message, send, user

READERS = f"{GROUPS}/readers"


def test_the_life_of_a_group(client: Client) -> None:
    """The sequence of clients: ask (404), create (201), ask, change (200), delete (200), ask."""
    assert message(client.get(READERS), 404)
    done(client, "PUT", READERS, 201, {"name": "readers", "description": "d", "autoJoin": True})
    expected = {
        "name": "readers", "description": "d", "autoJoin": True, "adminPrivileges": False,
        "realm": "internal", "realmAttributes": "", "externalId": None, "watchManager": False,
        "policyManager": False, "reportsManager": False,
    }  # fmt: skip
    assert got(client, READERS) == expected
    assert got(client, GROUPS) == [{"name": "readers", "uri": f"http://localhost{READERS}"}]
    done(client, "POST", READERS, 200, {"description": "e", "externalId": "cn=x", "realm": "ldap"})
    changed = expected | {"description": "e", "externalId": "cn=x", "realm": "ldap"}
    assert got(client, READERS) == changed
    done(client, "PUT", READERS, 201, {})
    assert got(client, READERS) == expected | {"description": "", "autoJoin": False}
    assert done(client, "DELETE", READERS, 200).text == (
        "Group 'readers' has been removed successfully.\n"
    )
    for method, document in (("GET", None), ("POST", {}), ("DELETE", None)):
        assert message(send(client, method, READERS, document), 404)
    assert got(client, GROUPS) == []


def test_members_are_set_if_they_are_given(client: Client) -> None:
    for name in ("alice", "bob"):
        done(client, "PUT", f"{USERS}/{name}", 201, user())
    done(client, "PUT", READERS, 201, {"userNames": ["alice", "Bob"]})
    assert "userNames" not in got(client, READERS)
    for query in ("includeUsers=true", "includeUsers=True", "includeUsers"):
        assert got(client, f"{READERS}?{query}")["userNames"] == ["alice", "bob"]
    assert "userNames" not in got(client, f"{READERS}?includeUsers=false")
    for method, status in (("PUT", 201), ("POST", 200)):
        done(client, method, READERS, status, {"userNames": None, "description": "x"})
        done(client, method, READERS, status, {"description": "y"})
        assert got(client, f"{READERS}?includeUsers=1")["userNames"] == ["alice", "bob"]
    done(client, "POST", READERS, 200, {"userNames": ["bob"]})
    assert got(client, f"{USERS}/alice")["groups"] == []
    assert got(client, f"{USERS}/bob")["groups"] == ["readers"]
    done(client, "PUT", READERS, 201, {"userNames": []})
    assert got(client, f"{USERS}/bob")["groups"] == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"autoJoin": True, "adminPrivileges": True}, "adminPrivileges"),
    ({"autoJoin": "x"}, "autoJoin"),
    ({"autoJoin": 1}, "autoJoin"),
    ({"description": 1}, "description"),
    ({"description": "x" * 1025}, "description"),
    ({"name": "other"}, "name"),
    ({"userNames": ["nobody"]}, "nobody"),
    ({"userNames": "alice"}, "userNames"),
    ({"externalId": ["x"]}, "externalId"),
]


@pytest.mark.parametrize(("fields", "word"), WRONG)
def test_a_wrong_group_is_refused_and_not_made(
    client: Client, fields: dict[str, Any], word: str
) -> None:
    assert word in message(send(client, "PUT", READERS, fields), 400)
    assert client.get(READERS).status_code == 404
    done(client, "PUT", READERS, 201, {})
    before = got(client, READERS)
    assert word in message(send(client, "POST", READERS, fields), 400)
    assert got(client, READERS) == before


@pytest.mark.parametrize(
    ("path", "name"),
    [("Team+A", "Team A"), ("Team%20A", "Team A"), ("a%2Bb", "a+b"), ("%C3%A4", "ä"), (".x", ".x")],
)
def test_names_in_paths(client: Client, path: str, name: str) -> None:
    """A plus sign stands for a blank, as clients of Artifactory send it."""
    done(client, "PUT", f"{GROUPS}/{path}", 201, {"name": name})
    assert got(client, f"{GROUPS}/{path}")["name"] == name
    (entry,) = got(client, GROUPS)
    assert entry["name"] == name
    assert got(client, entry["uri"].removeprefix("http://localhost"))["name"] == name
    done(client, "DELETE", f"{GROUPS}/{path}", 200)


@pytest.mark.parametrize("name", ["a%2Fb", "a:b", "a,b", "a%0Ab", "%20", "x" * 65, "a%25b", "a;b"])
def test_a_name_of_no_group_is_refused(client: Client, name: str) -> None:
    assert send(client, "PUT", f"{GROUPS}/{name}", {}).status_code in (400, 404)
    assert got(client, GROUPS) == []


def test_a_group_that_goes_leaves_its_members_and_permissions(client: Client) -> None:
    done(client, "PUT", f"{USERS}/alice", 201, user())
    done(client, "PUT", READERS, 201, {"userNames": ["alice"]})
    target = {"repositories": ["ANY"], "principals": {"groups": {"readers": ["r"]}}}
    done(client, "PUT", f"{V1}/t", 201, target)
    alice = client.as_user("alice", PASSWORD)
    assert alice.get("/artifactory/api/storage/docker-local").status_code == 200
    done(client, "DELETE", READERS, 200)
    assert got(client, f"{USERS}/alice")["groups"] == []
    assert got(client, f"{V1}/t")["principals"] == {"users": {}, "groups": {}}


def test_only_admins_may(client: Client) -> None:
    done(client, "PUT", f"{USERS}/alice", 201, user())
    done(client, "PUT", READERS, 201, {"userNames": ["alice"]})
    alice = client.as_user("alice", PASSWORD)
    for method, path, document in (
        ("GET", GROUPS, None), ("GET", READERS, None), ("GET", f"{GROUPS}/none", None),
        ("PUT", f"{GROUPS}/mine", {"adminPrivileges": True, "userNames": ["alice"]}),
        ("POST", READERS, {"adminPrivileges": True}), ("DELETE", READERS, None),
    ):  # fmt: skip
        assert message(send(alice, method, path, document), 403)
        answer = client.request(method, path, anonymous=True)
        assert answer.status_code == 401
