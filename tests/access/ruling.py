"""A small world that permission targets are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry.access.decision import Decisions
from registry.access.groups import GroupFields, Groups
from registry.access.permission_targets import PermissionTarget, Section
from registry.access.principals import ANONYMOUS, Action, Principal
from registry.access.users import Users
from registry.model.digests import Digest
from registry.model.names import ImageName, RepositoryKey
from registry.storage import documents
from registry.storage.store import Store

LOCAL, REMOTE, VIRTUAL = map(RepositoryKey, ("docker-local", "hub", "all"))
APP, DIGEST = ImageName("team/app"), Digest.of(b"")
READ, WRITE, DELETE, ANNOTATE = Action.READ, Action.WRITE, Action.DELETE, Action.ANNOTATE
ROOT, ALICE, BOB = Principal("root", admin=True), Principal("alice"), Principal("bob")
NOBODY = Principal(ANONYMOUS)
MEMBER = Principal("carol", groups=frozenset({"readers", "other"}))


def make_world(store: Store, users: Users, groups: Groups) -> None:
    """Make the users, groups and repositories that these tests speak of."""
    for name in ("readers", "other"):
        groups.create(name, GroupFields())
    for name in ("alice", "bob", "carol"):
        users.add(name, "long-enough")
    define(store, LOCAL, "local")
    define(store, "second", "local")
    define(store, REMOTE, "remote")
    define(store, VIRTUAL, "virtual", repositories=[REMOTE, "second"])


def define(store: Store, key: str, kind: str, **fields: object) -> None:
    documents.replace(
        store.layout.repository_definition(key), {"key": key, "rclass": kind, **fields}
    )


def target(
    name: str = "t",
    repositories: Sequence[str] = ("ANY",),
    includes: Sequence[str] = ("**",),
    excludes: Sequence[str] = (),
    users: Mapping[str, Sequence[str]] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> PermissionTarget:
    section = Section(repositories, includes, excludes, users or {}, groups or {})
    return PermissionTarget(name, {"repo": section})


def allowed(decisions: Decisions, principal: Principal, key: str = LOCAL) -> set[Action]:
    found = {a for a in Action if decisions.allows(principal, a, RepositoryKey(key), APP)}
    assert decisions.granted(principal, Action, RepositoryKey(key), APP) == found
    assert {a for a in Action if decisions.allowing(principal, a, RepositoryKey(key))(APP)} == found
    return found
