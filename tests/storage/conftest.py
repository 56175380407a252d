"""A storage folder of its own for each test; hypothesis without deadline and database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from registry.model.names import ImageName, RepositoryKey
from registry.storage import format as storage_format
from registry.storage.layout import Layout
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.storage.folders import temporaries
from tests.storage.indexing import benches
from tests.support.bench import Bench

settings.register_profile("registry", database=None, deadline=None, max_examples=200)
settings.load_profile("registry")

KEY = RepositoryKey("docker-local")
IMAGE = ImageName("team/app")
PLACE = Place(KEY, IMAGE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty storage folder; whatever a test does, no half-done work may be left in it."""
    made = Store(str(tmp_path / "store"))
    storage_format.prepare(made.layout)
    yield made
    made.journal.close()
    made.pulls.close()
    assert temporaries(made.layout.root) == []


@pytest.fixture
def layout(store: Store) -> Layout:
    return store.layout


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is durable is tested elsewhere, and takes time."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Bench, Bench]]:
    """Two processes over one folder, neither of which has an index."""
    with benches(tmp_path / "two") as made:
        yield made


@pytest.fixture
def mine(two: tuple[Bench, Bench]) -> Bench:
    """The process that has an index."""
    two[0].store.index.build()
    return two[0]


@pytest.fixture
def theirs(two: tuple[Bench, Bench]) -> Bench:
    """Another process on the folder of `mine`."""
    return two[1]
