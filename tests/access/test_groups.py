from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from registry.access.groups import Group, GroupFields, Groups
from registry.access.permission_targets import PermissionTarget, PermissionTargets, Section
from registry.access.user_documents import UserFields
from registry.access.users import Users
from registry.model.errors import GroupExists, GroupInvalid, GroupUnknown, UserUnknown
from registry.storage.store import Store

PASSWORD = "long-enough"
GOOD = ["a", "readers", "Team A", "x" * 64, "ä-ö", "_x", ".x", "a@b+c", "~", "a&b", "100"]
BAD = [
    "", " ", " a", "a ", "x" * 65, "a/b", "a\\b", "a:b", "a|b", "a?b", "a*b", 'a"b', "a<b",
    "a,b", "a;b", "a%b", "a\n", "a\0", ".", "..", "\ud800", "語" * 64,
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_group_comes_and_goes(groups: Groups, name: str) -> None:
    made = groups.create(name, GroupFields(description="Those who read"))
    assert made == Group(name, "Those who read")
    assert groups.find(name) == groups.get(name) == made
    assert groups.all() == [made]
    with pytest.raises(GroupExists):
        groups.create(name, GroupFields())
    groups.remove(name)
    assert groups.find(name) is None
    assert groups.all() == []
    with pytest.raises(GroupUnknown):
        groups.remove(name)


@pytest.mark.parametrize("name", BAD)
def test_any_other_name_is_refused_and_unknown(groups: Groups, name: str) -> None:
    with pytest.raises(GroupInvalid):
        groups.create(name, GroupFields())
    with pytest.raises(GroupInvalid):
        groups.replace(name, GroupFields())
    with pytest.raises(GroupUnknown):
        groups.change(name, GroupFields())
    assert groups.find(name) is None
    assert groups.all() == []


def test_a_change_leaves_what_it_does_not_name_and_a_replacement_does_not(groups: Groups) -> None:
    full = GroupFields("d", auto_join=True, realm="ldap", realm_attributes="x", external_id="cn")
    groups.create("g", full)
    changed = groups.change("g", GroupFields(description="e"))
    assert changed == Group("g", "e", True, False, "ldap", "x", "cn")
    assert groups.replace("g", GroupFields(description="f")) == Group("g", "f")
    assert groups.replace("h", GroupFields()) == Group("h")


def test_who_joins_by_himself_becomes_no_admin_by_it(groups: Groups) -> None:
    both = GroupFields(auto_join=True, admin_privileges=True)
    for change in (groups.create, groups.replace):
        with pytest.raises(GroupInvalid, match="autoJoin and adminPrivileges"):
            change("g", both)
    groups.create("g", GroupFields(auto_join=True))
    with pytest.raises(GroupInvalid):
        groups.change("g", GroupFields(admin_privileges=True))
    assert not groups.get("g").admin_privileges


def test_new_users_join_unless_something_else_is_said(groups: Groups, users: Users) -> None:
    users.add("old", PASSWORD)
    groups.create("readers", GroupFields(auto_join=True))
    groups.create("writers", GroupFields())
    assert users.add("alice", PASSWORD).groups == ("readers",)
    assert users.create("bob", UserFields(PASSWORD, groups=[])).groups == ()
    assert users.create("carol", UserFields(PASSWORD, groups=["writers"])).groups == ("writers",)
    assert users.replace("dave", UserFields(PASSWORD)).groups == ("readers",)
    assert users.get("old").groups == ()
    assert users.members("readers") == ["alice", "dave"]


def test_members_are_set_added_and_removed(groups: Groups, users: Users) -> None:
    for name in ("alice", "bob", "carol"):
        users.add(name, PASSWORD)
    groups.create("g", GroupFields())
    groups.create("h", GroupFields())
    users.set_members("h", ["alice"])
    users.set_members("g", ["alice", "bob"])
    assert users.members("g") == ["alice", "bob"]
    assert users.change_members("g", ["carol", "alice"], ["bob", "bob"]) == ["alice", "carol"]
    users.set_members("g", ["bob"])
    assert [users.get(name).groups for name in ("alice", "bob", "carol")] == [("h",), ("g",), ()]
    for names in (["alice", "nobody"], ["../x"]):
        with pytest.raises(UserUnknown):
            users.set_members("g", names)
        with pytest.raises(UserUnknown):
            users.change_members("g", names)
    with pytest.raises(GroupUnknown):
        users.set_members("none", [])
    assert users.members("g") == ["bob"]


def test_a_group_that_goes_is_mentioned_nowhere(
    groups: Groups, users: Users, targets: PermissionTargets
) -> None:
    for name in ("g", "h"):
        groups.create(name, GroupFields())
    users.create("alice", UserFields(PASSWORD, groups=["g", "h"]))
    section = Section(["ANY"], groups={"g": ["read"], "h": ["read"]})
    targets.create(PermissionTarget("t", {"repo": section, "build": section}))
    before = users.get("alice")
    groups.remove("g")
    assert users.get("alice") == replace(before, groups=("h",))
    left = targets.get("t")
    assert {name: dict(part.groups) for name, part in left.sections.items()} == {
        "repo": {"h": ("read",)},
        "build": {"h": ("read",)},
    }
    groups.create("g", GroupFields(admin_privileges=True))
    assert users.principal(users.get("alice")).groups == {"h"}


def test_the_groups_of_somebody_who_asks_are_those_that_there_are(
    groups: Groups, users: Users, store: Store
) -> None:
    groups.create("g", GroupFields())
    groups.create("admins", GroupFields(admin_privileges=True))
    alice = users.create("alice", UserFields(PASSWORD, groups=["g", "admins"]))
    assert users.principal(alice).groups == {"g", "admins"}
    assert users.principal(alice).admin
    groups.change("admins", GroupFields(admin_privileges=False))
    assert not users.principal(alice).admin
    Path(store.layout.group("g")).unlink()
    assert users.principal(alice).groups == {"admins"}
    elsewhere = Groups(Store(store.layout.root))
    elsewhere.change("admins", GroupFields(admin_privileges=True))
    assert users.principal(users.get("alice")).admin


def test_what_is_damaged_by_hand_gives_nobody_a_right(
    groups: Groups, users: Users, store: Store
) -> None:
    for name in ("g", "h"):
        groups.create(name, GroupFields())
    alice = users.create("alice", UserFields(PASSWORD, groups=["g", "h"]))
    Path(store.layout.group("g")).write_text("{")
    Path(store.layout.group("h")).write_text(json.dumps({"adminPrivileges": "yes", "realm": 1}))
    asking = Users(Store(store.layout.root)).principal(alice)
    assert asking.groups == {"h"}
    assert not asking.admin
    assert Groups(store).all() == [Group("h")]
