"""Users and keys in a storage folder of their own; passwords that cost little to check."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.access import passwords
from registry.access.groups import Groups
from registry.access.keys import SigningKeys
from registry.access.permission_targets import PermissionTargets
from registry.access.rules import RuleBook
from registry.access.users import Users
from registry.storage import format as storage_format
from registry.storage.store import Store


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
