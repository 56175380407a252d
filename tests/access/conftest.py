"""Users and keys in a storage folder of their own; passwords that cost little to check."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from registry.access import passwords
from registry.access.authentication import Secrets
from registry.access.groups import GroupFields, Groups
from registry.access.keys import SigningKeys
from registry.access.permission_targets import PermissionTargets
from registry.access.principals import Principal
from registry.access.rule_book import RuleBook
from registry.access.user_documents import UserFields
from registry.access.users import Users
from registry.storage import format as storage_format
from registry.storage.store import Store
from tests.access.issuing import PASSWORD


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_N", 2**4)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(str(tmp_path / "store"))
    storage_format.prepare(made.layout)
    return made


@pytest.fixture
def groups(store: Store) -> Groups:
    return Groups(store)


@pytest.fixture
def users(store: Store, groups: Groups) -> Users:
    return Users(store, groups)


@pytest.fixture
def targets(store: Store, users: Users, groups: Groups) -> PermissionTargets:
    return PermissionTargets(store, users, groups)


@pytest.fixture
def book(store: Store, targets: PermissionTargets) -> RuleBook:
    return RuleBook(store, targets)


@pytest.fixture
def keys(store: Store) -> SigningKeys:
    return SigningKeys(store)


@pytest.fixture
def secrets(store: Store, users: Users, groups: Groups, keys: SigningKeys) -> Secrets:
    return Secrets.of(store, users, groups, keys, lambda: "jfrt@service")


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day, in a list, to be changed by the test."""
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


@pytest.fixture
def tokens(secrets: Secrets, users: Users, groups: Groups) -> Any:
    groups.create("readers", GroupFields())
    groups.create("writers", GroupFields())
    users.create("alice", UserFields(password=PASSWORD, groups=["readers"]))
    users.add("root", PASSWORD, admin=True)
    return secrets.access_tokens


@pytest.fixture
def alice(tokens: Any, users: Users) -> Principal:
    return users.principal(users.get("alice"))


@pytest.fixture
def root(tokens: Any, users: Users) -> Principal:
    return users.principal(users.get("root"))
