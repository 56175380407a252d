"""A remote repository over a storage folder of its own and an upstream that a test commands."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.model.arriving import ArrivingPart
from registry.model.content import Blob
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.repository_fields import FieldValue
from registry.repositories.definition import definition_of
from registry.repositories.kinds import make_repository
from registry.repositories.remote.repository import RemoteRepository
from registry.storage import format as storage_format
from registry.storage.store import Store
from tests.repositories.remote.fakes import FakeUpstream, FakeUpstreams

KEY = "docker-remote"
CACHE = RepositoryKey(f"{KEY}-cache")
IMAGE = ImageName("team/app")
Make = Callable[..., RemoteRepository]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(str(tmp_path / "store"))
    storage_format.prepare(made.layout)
    yield made
    made.journal.close()
    made.pulls.close()


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    made = FakeUpstream()
    yield made
    made.gate.set()


@pytest.fixture
def make(store: Store, upstream: FakeUpstream) -> Make:
    """Make the remote repository, with some fields as a test wants them."""
    upstreams = FakeUpstreams(upstream)

    def make_it(**fields: FieldValue) -> RemoteRepository:
        document = {"key": KEY, "rclass": "remote", "url": "https://upstream.example.com"}
        made = make_repository(store, definition_of(document | fields), upstreams)
        assert isinstance(made, RemoteRepository)
        return made

    return make_it


@pytest.fixture
def remote(make: Make) -> RemoteRepository:
    return make()


def grow_old(store: Store, tag: str, seconds: float = 1e6, image: ImageName = IMAGE) -> None:
    """Let it be long ago that a tag of the cache was checked."""
    folder = store.layout.manifest_folder(CACHE, image, Tag(tag))
    moment = time.time() - seconds
    os.utime(f"{folder}/manifest.json.properties.json", (moment, moment))


def read(blob: Blob) -> bytes:
    """Return the bytes of a blob, waiting for those that are on their way."""
    if blob.arriving is None:
        return Path(blob.path).read_bytes()
    with contextlib.closing(ArrivingPart(blob.arriving.begin(), 0, blob.size)) as part:
        return b"".join(part)


def eventually(holds: Callable[[], bool]) -> None:
    """Return once it holds: what goes on after an answer takes its time."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)
