"""Why somebody may do something, and who may do what on a path, over REST."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.securing import GROUPS, PASSWORD, USERS, V1, done, got, message, user
from tests.http.support import KEY, digest_of, push_image

EXPLAIN = "/artifactory/api/security/explain"
STORAGE = f"/artifactory/api/storage/{KEY}"


@pytest.fixture(autouse=True)
def manifest(client: Client) -> bytes:
    for name in ("alice", "bob"):
        done(client, "PUT", f"{USERS}/{name}", 201, user())
    done(client, "PUT", f"{GROUPS}/readers", 201, {"userNames": ["bob"]})
    return push_image(client)


def explained(client: Client, name: str, action: str, path: str) -> Any:
    query = f"user={name}&action={action}&path={path}"
    return got(client, f"{EXPLAIN}?{query}")


def target(client: Client, name: str = "t", **fields: Any) -> None:
    document = {"repositories": [KEY], **fields}
    done(client, "PUT", f"{V1}/{name}", 201, document)


def test_what_is_explained_is_what_is_decided(client: Client, manifest: bytes) -> None:
    target(
        client, includesPattern="team/**", excludesPattern="**/secret/**",
        principals={"users": {"alice": ["r"]}, "groups": {"readers": ["r", "w"]}},
    )  # fmt: skip
    digest = digest_of(manifest)
    for name, action, path, allowed in (
        ("alice", "read", "team/app", True),
        ("alice", "read", "team/app:1.0", True),
        ("alice", "r", "team/app/1.0", True),
        ("alice", "pull", "team/app/1.0/manifest.json", True),
        ("alice", "read", f"team/app@{digest}", True),
        ("alice", "read", f"team/app/{digest}", True),
        ("alice", "READ", f"team/app/{digest}/manifest.json", True),
        ("alice", "read", "other/app", False),
        ("alice", "read", "team/secret/app", False),
        ("alice", "push", "team/app", False),
        ("bob", "push", "team/app", True),
        ("bob", "overwrite", "team/app:1.0", False),
        ("admin", "manage", "any/thing", True),
        ("anonymous", "read", "team/app", False),
    ):
        found = explained(client, name, action, f"{KEY}/{path}")
        assert found["allowed"] is allowed, (name, action, path)
        assert bool(found["needed"]) is not allowed
        assert any(rule["matched"] for rule in found["rules"]) is allowed
        assert found["rules"][0]["rule"] in ("admin", "user")


def test_a_disabled_user_may_nothing(client: Client) -> None:
    done(client, "POST", f"{USERS}/alice", 200, {"status": "disabled"})
    found = explained(client, "alice", "read", f"{KEY}/team/app")
    assert not found["allowed"]
    assert "disabled" in found["rules"][0]["reason"]
    assert "enabled" in found["needed"]


def test_what_the_repository_forbids_is_told(client: Client, instance: Instance) -> None:
    key = RepositoryKey(KEY)
    instance.definitions.update(key, {"excludesPattern": "closed/**", "immutableTags": ["1.*"]})
    for action, path, word in (
        ("read", "closed/app", "patterns"),
        ("read", "closed/app:1.0", "patterns"),
        ("write", "team/app:1.0", "'1.*' of immutableTags"),
        ("delete", "team/app:1.0", "'1.*' of immutableTags"),
    ):
        found = explained(client, "admin", action, f"{KEY}/{path}")
        assert not found["allowed"]
        assert word in found["rules"][-1]["reason"]
        assert found["needed"]
    for action, path in (("write", "team/app:1.1"), ("read", "team/app:1.0"), ("write", "x/y")):
        assert explained(client, "admin", action, f"{KEY}/{path}")["allowed"]
    instance.definitions.update(key, {"blackedOut": True})
    assert not explained(client, "admin", "read", f"{KEY}/team/app")["allowed"]


def test_a_virtual_repository_is_explained_by_its_members(
    client: Client, instance: Instance
) -> None:
    instance.definitions.create(RepositoryKey("second"), "local", {})
    fields = {"repositories": [KEY, "second"], "defaultDeploymentRepo": "second"}
    instance.definitions.create(RepositoryKey("all"), "virtual", fields)
    target(client, principals={"users": {"alice": ["r", "w"]}})
    found = explained(client, "alice", "read", "all/team/app")
    assert found["allowed"]
    assert f"in its member '{KEY}'" in found["rules"][-1]["reason"]
    found = explained(client, "alice", "write", "all/team/app")
    assert not found["allowed"]
    target(client, "u", repositories=["second"], principals={"users": {"alice": ["w"]}})
    rules = explained(client, "alice", "write", "all/team/app")["rules"]
    assert [rule["matched"] for rule in rules[1:]][:2] == [False, True]


def test_an_unknown_repository_is_told(client: Client) -> None:
    target(client, repositories=["ANY"], principals={"users": {"alice": ["r"]}})
    found = explained(client, "alice", "read", "nothing/team/app")
    assert not found["allowed"]
    assert "'nothing'" in found["needed"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("user=nobody&action=read&path=docker-local/x", 404),
        ("user=alice&action=fly&path=docker-local/x", 400),
        ("user=alice&action=read&path=docker-local", 400),
        ("user=alice&action=read&path=docker-local/A", 400),
        ("user=alice&action=read&path=../x", 400),
        ("user=alice&action=read", 400),
        ("action=read&path=docker-local/x", 400),
        ("", 400),
    ],
)
def test_a_wrong_question_is_refused(client: Client, query: str, status: int) -> None:
    assert message(client.get(f"{EXPLAIN}?{query}"), status)


def test_only_admins_are_told(client: Client) -> None:
    alice = client.as_user("alice", PASSWORD)
    query = f"user=alice&action=read&path={KEY}/team/app"
    assert message(alice.get(f"{EXPLAIN}?{query}"), 403)


class TestEffectivePermissions:
    """``?permissions`` of the storage API."""

    def test_without_targets_all_users_have_all_rights(self, client: Client) -> None:
        everything = ["r", "w", "n", "d", "m"]
        assert got(client, f"{STORAGE}/team/app?permissions") == {
            "uri": f"http://localhost{STORAGE}/team/app",
            "principals": {
                "users": dict.fromkeys(("admin", "alice", "bob"), everything), "groups": {},
            },
        }  # fmt: skip

    def test_targets_say_who_has_which(self, client: Client) -> None:
        target(client, "a", principals={"users": {"alice": ["m", "r"], "anonymous": ["r"]}})
        target(
            client, "b", includesPattern="team/**",
            principals={"users": {"alice": ["d"]}, "groups": {"readers": ["n"]}},
        )  # fmt: skip
        target(client, "c", includesPattern="other/**", principals={"groups": {"readers": ["d"]}})
        admin = {"admin": ["r", "w", "n", "d", "m"]}
        for path in ("team/app", "team/app/1.0", "team/app/1.0/manifest.json", "team"):
            assert got(client, f"{STORAGE}/{path}?permissions")["principals"] == {
                "users": admin | {"alice": ["r", "d", "m"]}, "groups": {"readers": ["n"]},
            }  # fmt: skip
        assert got(client, f"{STORAGE}?permissions")["principals"]["users"]["alice"] == ["r", "m"]

    def test_who_manages_may_read_them(self, client: Client) -> None:
        target(client, principals={"users": {"alice": ["r"], "bob": ["r", "m"]}})
        alice, bob = (client.as_user(name, PASSWORD) for name in ("alice", "bob"))
        assert got(bob, f"{STORAGE}/team/app?permissions")["principals"]["groups"] == {}
        assert message(alice.get(f"{STORAGE}/team/app?permissions"), 403)
        answer = bob.get(f"/v2/token?scope=repository:{KEY}/team/app:*")
        limited = bob.with_token(json.loads(answer.data)["token"])
        assert limited.get(f"{STORAGE}/team/app?permissions").status_code == 401
