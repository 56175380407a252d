from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import pytest

from registry.access import mentions
from registry.access.groups import GroupFields, Groups
from registry.access.permission_targets import PermissionTarget, PermissionTargets, Section
from registry.access.users import Users
from registry.model.errors import (
    PermissionExists,
    PermissionInvalid,
    PermissionUnknown,
    StorageFailed,
)
from registry.model.names import RepositoryKey
from registry.repositories.definitions import Definitions
from registry.storage import documents
from registry.storage.store import Store
from tests.access.test_groups import BAD, GOOD, PASSWORD

LOCAL = RepositoryKey("docker-local")


@pytest.fixture(autouse=True)
def definitions(store: Store, users: Users, groups: Groups) -> Definitions:
    made = Definitions(store)
    made.create(LOCAL, "local", {})
    made.create(RepositoryKey("hub"), "remote", {"url": "https://registry.example.com"})
    made.create(RepositoryKey("all"), "virtual", {"repositories": [LOCAL]})
    users.add("alice", PASSWORD)
    groups.create("readers", GroupFields())
    return made


def of(name: str = "t", **fields: Any) -> PermissionTarget:
    return PermissionTarget(name, {"repo": Section(**fields)})


FULL = Section(
    ("docker-local", "ANY REMOTE"), ("team/**", "x/*"), ("**/secret/**",),
    {"alice": ("read", "managedXrayMeta")}, {"readers": ("write",)},
)  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_target_is_kept_as_it_was_given(targets: PermissionTargets, name: str) -> None:
    build = Section(("artifactory-build-info",), users={"alice": ("read",)})
    made = PermissionTarget(name, {"repo": FULL, "build": build})
    targets.create(made)
    assert targets.get(name) == targets.find(name) == made
    assert targets.all() == [made]
    with pytest.raises(PermissionExists):
        targets.create(of(name))
    targets.replace(PermissionTarget(name, {"build": build}))
    assert targets.get(name).repo == Section()
    targets.remove(name)
    assert targets.all() == []
    with pytest.raises(PermissionUnknown):
        targets.remove(name)


@pytest.mark.parametrize("name", BAD)
def test_any_other_name_is_refused_and_unknown(targets: PermissionTargets, name: str) -> None:
    for change in (targets.create, targets.replace):
        with pytest.raises(PermissionInvalid):
            change(of(name))
    with pytest.raises(PermissionUnknown):
        targets.get(name)
    with pytest.raises(PermissionUnknown):
        targets.remove(name)
    assert not targets.in_force()


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"users": {"nobody": ["read"]}}, "user 'nobody'"),
        ({"users": {"../x": ["read"]}}, "user"),
        ({"users": {"": ["read"]}}, "user"),
        ({"groups": {"none": ["read"]}}, "group 'none'"),
        ({"repositories": ["docker-loca"]}, "repository 'docker-loca'"),
        ({"repositories": ["any"]}, "repository 'any'"),
        ({"repositories": ["../users/alice"]}, "repository"),
        ({"repositories": [""]}, "repository"),
        ({"repositories": ["all"]}, "virtual"),
        ({"includes": ["a,b"]}, "comma"),
        ({"excludes": ["x" * 513]}, "characters"),
        ({"includes": ["a\n"]}, "printed"),
        ({"includes": ["x"] * 101}, "100"),
    ],
)
def test_what_there_is_not_cannot_be_named(
    targets: PermissionTargets, fields: dict[str, Any], word: str
) -> None:
    """Whoever gets the name next would get the right with it."""
    for change in (targets.create, targets.replace):
        with pytest.raises(PermissionInvalid, match=word):
            change(of(**fields))
    assert targets.all() == []
    assert not targets.in_force()


def test_targets_are_in_force_from_the_first_one_on(targets: PermissionTargets) -> None:
    assert not targets.in_force()
    targets.create(of())
    assert targets.in_force()
    targets.remove("t")
    assert targets.in_force()


def test_the_last_target_leaves_a_mark_where_there_was_none(
    targets: PermissionTargets, store: Store
) -> None:
    """As after a target has been brought back from a backup alone."""
    targets.create(of())
    os.unlink(store.layout.permission_rules())
    assert targets.in_force()
    targets.remove("t")
    assert targets.in_force()


def test_they_can_be_put_in_force_without_one(targets: PermissionTargets) -> None:
    targets.put_in_force()
    assert targets.in_force()
    assert targets.all() == []


Removal = Callable[[Users, Groups, Definitions], None]
REMOVALS: list[tuple[Removal, Section]] = [
    (lambda users, groups, definitions: users.remove("alice"),
     Section(FULL.repositories, FULL.includes, FULL.excludes, {}, FULL.groups)),
    (lambda users, groups, definitions: groups.remove("readers"),
     Section(FULL.repositories, FULL.includes, FULL.excludes, FULL.users, {})),
    (lambda users, groups, definitions: definitions.remove(LOCAL),
     Section(("ANY REMOTE",), FULL.includes, FULL.excludes, FULL.users, FULL.groups)),
]  # fmt: skip


@pytest.mark.parametrize(("removal", "left"), REMOVALS, ids=["user", "group", "repository"])
def test_what_goes_is_mentioned_no_longer(
    targets: PermissionTargets,
    users: Users,
    groups: Groups,
    definitions: Definitions,
    removal: Removal,
    left: Section,
) -> None:
    targets.create(PermissionTarget("t", {"repo": FULL}))
    targets.create(of("other", repositories=("hub",)))
    removal(users, groups, definitions)
    assert targets.get("t").repo == left
    assert targets.get("other") == of("other", repositories=("hub",))


def test_the_cache_of_a_remote_repository_goes_with_it(
    targets: PermissionTargets, definitions: Definitions
) -> None:
    targets.create(of(repositories=("hub", "hub-cache", "docker-local")))
    definitions.remove(RepositoryKey("hub"))
    assert targets.get("t").repo.repositories == ("docker-local",)


def _fail() -> None:
    raise StorageFailed("the disk")


def test_what_cannot_go_keeps_its_mentions(targets: PermissionTargets, store: Store) -> None:
    targets.create(PermissionTarget("t", {"repo": FULL}))
    leaving = contextlib.ExitStack()
    leaving.enter_context(mentions.without_user(store, "alice"))
    leaving.callback(_fail)
    assert targets.get("t").repo.users == {}
    with pytest.raises(StorageFailed):
        leaving.close()
    assert targets.get("t").repo == FULL


def test_a_damaged_target_keeps_nothing_from_being_removed(
    targets: PermissionTargets, users: Users, store: Store
) -> None:
    targets.create(PermissionTarget("t", {"repo": FULL}))
    with open(store.layout.permission_target("bad"), "wb") as file:
        file.write(b"{")
    documents.replace(store.layout.permission_target("worse"), {"repo": 1, "build": []})
    users.remove("alice")
    assert targets.get("t").repo.users == {}
    assert os.path.exists(store.layout.permission_target("bad"))
