"""Groups, permission targets and explanations on the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import PASSWORD, Run


def add(run: Run, name: str, *options: str) -> None:
    run("user", "add", name, "--password-stdin", *options, typed=f"{PASSWORD}\n")


def listed(run: Run, kind: str) -> dict[str, dict[str, Any]]:
    found = json.loads(run(kind, "list", "--json").stdout)
    return {document["name"]: document for document in found}


@pytest.fixture(autouse=True)
def _repositories(run: Run) -> None:
    run("repo", "create", "docker-local")
    run("repo", "create", "hub", "--class", "remote", "url=https://registry.example.com")


def test_a_user_is_changed(run: Run) -> None:
    run("group", "create", "developers")
    add(run, "alice", "--email", "alice@corp.example", "--group", "developers")
    found = listed(run, "user")["alice"]
    assert (found["email"], found["groups"]) == ("alice@corp.example", ["developers"])
    assert found["lastLoggedIn"] is None
    run("user", "set", "alice", "--disabled", "--no-profile", "--no-password", "--no-groups")
    found = listed(run, "user")["alice"]
    assert (found["disabled"], found["profileUpdatable"], found["groups"]) == (True, False, [])
    assert found["internalPasswordDisabled"]
    assert "user (disabled)" in run("user", "list").stdout
    run("user", "set", "alice", "--enabled", "--admin", "--email", "a@b.example", "--password")
    found = listed(run, "user")["alice"]
    assert (found["disabled"], found["admin"], found["email"]) == (False, True, "a@b.example")
    assert not found["internalPasswordDisabled"]
    assert "last admin" in run("user", "set", "alice", "--no-admin", code=1).stderr
    assert "'none'" in run("user", "set", "alice", "--group", "none", code=1).stderr
    assert "e-mail" in run("user", "set", "alice", "--email", "x", code=1).stderr
    assert "'bob'" in run("user", "set", "bob", "--admin", code=1).stderr


def test_a_group_comes_changes_and_goes(run: Run) -> None:
    for name in ("alice", "bob"):
        add(run, name)
    run("group", "create", "developers", "--description", "Those who push", "--external-id", "cn")
    assert "bob" in run("group", "set", "developers", "--add", "alice", "--add", "bob").stdout
    run("group", "set", "developers", "--remove", "alice", "--auto-join")
    assert listed(run, "group") == {
        "developers": {
            "name": "developers", "description": "Those who push", "autoJoin": True,
            "adminPrivileges": False, "realm": "internal", "externalId": "cn", "members": ["bob"],
        }
    }  # fmt: skip
    assert run("group", "list").stdout == "developers\tautoJoin\tbob\n"
    assert "autoJoin" in run("group", "set", "developers", "--admin", code=1).stderr
    assert "exists" in run("group", "create", "developers", code=1).stderr
    assert "'nobody'" in run("group", "set", "developers", "--add", "nobody", code=1).stderr
    add(run, "carol")
    assert listed(run, "user")["carol"]["groups"] == ["developers"]
    run("group", "delete", "developers")
    assert listed(run, "group") == {}
    assert listed(run, "user")["bob"]["groups"] == []
    for command in (("set", "developers"), ("delete", "developers")):
        assert "'developers'" in run("group", *command, code=1).stderr


def test_a_permission_target_comes_changes_and_goes(run: Run) -> None:
    add(run, "alice")
    run("group", "create", "developers")
    assert "every user" in run("permission", "list").stderr
    made = run(
        "permission", "set", "team", "--repo", "docker-local", "--include", "team/**",
        "--group", "developers=write,read", "--user", "alice=manage",
    )  # fmt: skip
    assert made.stdout == "Created the permission target 'team'.\n"
    expected = {
        "include-patterns": ["team/**"], "exclude-patterns": [""], "repositories": ["docker-local"],
        "actions": {"users": {"alice": ["manage"]}, "groups": {"developers": ["read", "write"]}},
    }  # fmt: skip
    assert listed(run, "permission") == {"team": {"name": "team", "repo": expected}}
    assert run("permission", "list").stdout == "team\tdocker-local\talice, developers (group)\n"
    run("permission", "set", "team", "--exclude", "x/**", "--user", "alice=")
    shown = run("permission", "show", "team").stdout
    assert shown == (
        "repositories = docker-local\nincludes = team/**\nexcludes = x/**\n"
        "group developers = read,write\n"
    )
    assert json.loads(run("permission", "show", "team", "--json").stdout)["name"] == "team"
    run("permission", "delete", "team")
    assert run("permission", "list").stderr == ""
    for command in ("show", "delete"):
        assert "'team'" in run("permission", command, "team", code=1).stderr


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--repo", "none"), "'none'"),
        (("--user", "nobody=read"), "'nobody'"),
        (("--user", "alice"), "NAME=ACTION"),
        (("--user", "alice=pull"), "NAME=ACTION"),
        (("--group", "none=read"), "'none'"),
        (("--include", "a,b"), "comma"),
    ],
)
def test_a_wrong_target_is_refused(run: Run, options: tuple[str, ...], word: str) -> None:
    add(run, "alice")
    assert word in run("permission", "set", "team", *options, code=1).stderr
    assert listed(run, "permission") == {}


def test_what_artifactory_starts_with(run: Run) -> None:
    add(run, "old")
    assert "'Any Remote'" in run("permission", "defaults").stdout
    assert run("permission", "defaults").stdout == "All of it is there.\n"
    assert list(listed(run, "permission")) == ["Any Remote", "Anything"]
    assert listed(run, "group")["readers"]["autoJoin"]
    add(run, "alice")
    assert json.loads(explain(run, "alice", "read", "docker-local/x").stdout)["allowed"]
    assert not json.loads(explain(run, "alice", "write", "docker-local/x").stdout)["allowed"]
    assert json.loads(explain(run, "alice", "write", "hub/x").stdout)["rules"][-2]["matched"] is (
        False
    )
    assert not json.loads(explain(run, "old", "read", "docker-local/x").stdout)["allowed"]


def explain(run: Run, user: str, action: str, path: str) -> Any:
    return run("access", "explain", user, action, path, "--json")


def test_an_explanation_tells_the_rules_in_order(run: Run) -> None:
    add(run, "root", "--admin")
    add(run, "alice")
    run("group", "create", "developers")
    run("group", "set", "developers", "--add", "alice")
    told = run("access", "explain", "alice", "write", "docker-local/team/app").stdout
    assert "'alice' may write 'docker-local/team/app'." in told
    assert "* roles:" in told
    run("permission", "set", "a", "--repo", "hub")
    run("permission", "set", "b", "--repo", "docker-local", "--include", "x/**")
    run("permission", "set", "c", "--repo", "docker-local", "--group", "developers=read")
    run("permission", "set", "d", "--repo", "docker-local", "--user", "root=read")
    assert run("access", "explain", "alice", "write", "docker-local/team/app:1.0").stdout == (
        "'alice' may not write 'docker-local/team/app/1.0'.\n"
        "  - admin: 'alice' is no admin\n"
        "  - permission target 'a': is not about 'docker-local'\n"
        "  - permission target 'b': its patterns leave out 'team/app/1.0'\n"
        "  - permission target 'c': allows the group 'developers' read, and not write\n"
        "  - permission target 'd': names neither 'alice' nor one of its groups\n"
        "Needed: 'write' for 'alice', or for one of its groups, in the permission target 'c' or "
        "another one that is about 'docker-local/team/app/1.0'.\n"
    )
    read = run("access", "explain", "alice", "read", "docker-local/team/app").stdout
    assert "'alice' may read" in read
    assert "* permission target 'c': allows read to the group 'developers'" in read
    assert "Needed" not in read
    document = json.loads(explain(run, "root", "d", "docker-local/team/app").stdout)
    assert document == {
        "user": "root", "groups": [], "action": "delete", "repository": "docker-local",
        "image": "team/app", "reference": None, "allowed": True, "needed": "",
        "rules": [
            {"rule": "admin", "matched": True,
             "reason": "'root' is an admin, who may do everything"},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("nobody", "read", "docker-local/x"), "'nobody'"),
        (("alice", "fly", "docker-local/x"), "'fly'"),
        (("alice", "read", "docker-local"), "KEY/IMAGE"),
        (("alice", "read", "docker-local/A B"), "A B"),
    ],
)
def test_what_cannot_be_explained_is_said(run: Run, arguments: tuple[str, ...], word: str) -> None:
    add(run, "alice")
    assert word in run("access", "explain", *arguments, code=1).stderr
