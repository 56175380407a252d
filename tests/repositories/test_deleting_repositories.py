"""A deletion that fails: who still speaks of the repository, before it was gone and afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.access.groups import Groups
from registry.access.permission_targets import PermissionTarget, PermissionTargets, Section
from registry.access.users import Users
from registry.model.content import Actor
from registry.model.errors import StorageFailed
from registry.model.names import RepositoryKey
from registry.repositories.definitions import Definitions
from registry.storage import format as storage_format
from registry.storage import syncing
from registry.storage.store import Store

MINE, OTHER, ALL = (RepositoryKey(key) for key in ("mine", "other", "all"))
ACTOR = Actor("admin", "192.0.2.1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A storage folder in which a virtual repository and a permission target speak of ``mine``."""
    made = Store(str(tmp_path / "store"))
    storage_format.prepare(made.layout)
    definitions = Definitions(made)
    definitions.create(MINE, "local", {})
    definitions.create(OTHER, "local", {})
    definitions.create(ALL, "virtual", {"repositories": [MINE, OTHER]})
    section = Section([MINE, OTHER])
    targets(made).replace(PermissionTarget("ours", {"repo": section}))
    return made


def targets(store: Store) -> PermissionTargets:
    groups = Groups(store)
    return PermissionTargets(store, Users(store, groups), groups)


def mentioned(store: Store) -> tuple[list[str], list[str]]:
    """Return the members of ``all``, and what the permission target is about."""
    members = Definitions(store).get(ALL).fields["repositories"]
    assert isinstance(members, list)
    return list(members), list(targets(store).get("ours").repo.repositories)


def fail(*_: object) -> None:
    raise StorageFailed("the disk fails")


def test_what_could_not_go_is_still_spoken_of(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.trash, "take_repository", fail)
    with pytest.raises(StorageFailed):
        Definitions(store).delete(MINE, ACTOR)
    assert mentioned(store) == ([MINE, OTHER], [MINE, OTHER])


def test_what_is_gone_is_spoken_of_by_nobody_whatever_failed_afterwards(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the next repository of that key would be a member, with rights, from the start."""
    monkeypatch.setattr(store.trash, "_take", fail)
    with pytest.raises(StorageFailed):
        Definitions(store).delete(MINE, ACTOR)
    assert mentioned(store) == ([OTHER], [OTHER])


def test_the_same_holds_for_an_empty_one_that_is_removed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, sync = store.layout.top("etc/repositories"), syncing.sync_folder

    def sync_unless_gone(path: str) -> None:
        if path == folder and Definitions(store).find(MINE) is None:
            fail()
        sync(path)

    monkeypatch.setattr(syncing, "sync_folder", sync_unless_gone)
    with pytest.raises(StorageFailed):
        Definitions(store).remove(MINE)
    monkeypatch.undo()
    assert mentioned(store) == ([OTHER], [OTHER])
