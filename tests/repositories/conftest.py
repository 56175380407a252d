"""A local repository over a storage folder of its own, raw and as one principal may use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.access.decision import Decisions
from registry.access.principals import Principal
from registry.repositories.definitions import Definitions
from registry.repositories.directory import Directory
from registry.repositories.guarded import GuardedRepository
from registry.repositories.local import LocalRepository
from registry.storage import format as storage_format
from registry.storage.store import Store
from tests.repositories.pushing import KEY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(str(tmp_path / "store"))
    storage_format.prepare(made.layout)
    Definitions(made).create(KEY, "local", {})
    yield made
    made.journal.close()
    made.pulls.close()


@pytest.fixture
def repository(store: Store) -> LocalRepository:
    """The repository, which decides nothing."""
    return LocalRepository(store, Definitions(store).get(KEY))


@pytest.fixture
def guarded(repository: LocalRepository) -> GuardedRepository:
    """The repository as a user without limits may use it."""
    return GuardedRepository(repository, Principal("alice"), Decisions(), "192.0.2.1")


@pytest.fixture
def directory(store: Store) -> Directory:
    return Directory(store, Definitions(store), Decisions())
