"""What changes or is damaged among permission targets counts at once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from registry.access.decision import Decisions
from registry.access.groups import Groups
from registry.access.permission_targets import PermissionTargets
from registry.access.rule_book import RuleBook
from registry.access.users import Users
from registry.storage.store import Store
from tests.access.ruling import (
    ALICE,
    ANNOTATE,
    READ,
    WRITE,
    allowed,
    make_world,
    target,
)


@pytest.fixture(autouse=True)
def _world(store: Store, users: Users, groups: Groups) -> None:
    make_world(store, users, groups)


@pytest.fixture
def decisions(book: RuleBook) -> Decisions:
    return Decisions(anonymous_pull=True, book=book)


def test_every_change_counts_at_once_in_every_process(
    decisions: Decisions, store: Store, targets: PermissionTargets
) -> None:
    other = Store(store.layout.root)
    users = Users(other)
    elsewhere = PermissionTargets(other, users, Groups(other))
    for _ in range(3):
        elsewhere.replace(target(users={"alice": ["read"]}))
        assert allowed(decisions, ALICE) == {READ}
        elsewhere.replace(target(users={"alice": ["write"]}))
        assert allowed(decisions, ALICE) == {WRITE}
        elsewhere.remove("t")
        assert allowed(decisions, ALICE) == set()
    elsewhere.replace(target(users={"alice": ["read"]}))
    users.remove("alice")
    assert allowed(decisions, ALICE) == set()


def test_what_does_not_change_is_not_made_again(
    book: RuleBook, targets: PermissionTargets, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.storage.documents._TICK", -1)
    targets.create(target(users={"alice": ["read"]}))
    rules = book.current()
    assert rules is not None
    assert book.current() is rules
    monkeypatch.setattr("registry.storage.document_folders._CONFIRMED", -1.0)
    targets.create(target("u"))
    assert book.current() is not rules
    changed = book.current()
    assert book.current() is changed


@pytest.mark.parametrize("text", ["", "[]", "{", '{"repo": 1}', '{"repo": {"repositories": "ANY"}}',
    '{"repo": {"repositories": ["ANY"], "includePatterns": ["**"], "users": {"alice": ["read"]}}}',
    '{"repo": {"repositories": ["ANY"], "includePatterns": ["**"], "excludePatterns": "x",'
    ' "users": {"alice": ["read"]}}}',
    '{"repo": {"repositories": ["ANY"], "includePatterns": ["**"], "excludePatterns": [],'
    ' "users": {"alice": "read"}}}',
    '{"repo": {"repositories": ["ANY"], "includePatterns": ["**"], "excludePatterns": [],'
    ' "users": {"alice": ["admin", "*", ""]}}}'])  # fmt: skip
def test_a_damaged_target_gives_nobody_anything(
    decisions: Decisions, targets: PermissionTargets, store: Store, text: str
) -> None:
    targets.create(target("good", users={"alice": ["annotate"]}))
    Path(store.layout.permission_target("bad")).write_text(text)
    assert allowed(decisions, ALICE) == {ANNOTATE}


def test_what_is_written_by_hand_into_the_same_file_is_seen(
    decisions: Decisions,
    targets: PermissionTargets,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("registry.storage.document_folders._CONFIRMED", -1.0)
    targets.create(target(users={"alice": ["read"]}))
    path = Path(store.layout.permission_target("t"))
    folder = os.stat(path.parent).st_mtime_ns
    assert allowed(decisions, ALICE) == {READ}
    document = json.loads(path.read_text())
    document["repo"]["users"] = {"alice": ["write"]}
    path.write_text(json.dumps(document))
    assert os.stat(path.parent).st_mtime_ns == folder
    assert allowed(decisions, ALICE) == {WRITE}
