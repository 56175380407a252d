"""A scripted upstream registry with one image, and a net to be lost in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.repositories.definitions import Definitions
from registry.repositories.upstream.client import Upstream
from registry.repositories.upstream.upstreams import Upstreams
from registry.storage import format as storage_format
from registry.storage.store import Store
from tests.repositories.upstream.asking import CLIENTS, Net, definition, filled
from tests.repositories.upstream.noting import KEY, Clocks, Worker
from tests.support.upstream import ScriptedUpstream


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while CLIENTS:
        CLIENTS.pop().close()


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as started:
        yield filled(started)


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def root(tmp_path: Path, upstream: ScriptedUpstream) -> Path:
    """A storage folder with the remote repository ``far``."""
    store = Store(str(tmp_path / "store"))
    storage_format.prepare(store.layout)
    Definitions(store).create(KEY, "remote", {"url": upstream.url})
    return tmp_path / "store"


@pytest.fixture
def worker(root: Path, upstream: ScriptedUpstream) -> Worker:
    """Start the client of one more process for the same upstream."""

    def start(**fields: Any) -> Upstream:
        notes = Store(str(root)).upstream_notes
        made = Upstreams(None, notes).of(definition(upstream.url, **fields))
        CLIENTS.append(made)
        return made

    return start


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)
