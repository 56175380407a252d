"""A live server for tests that depend on bytes on a socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.http.wire import Wire
from tests.support.live import LiveServer


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with two workers, for all tests of a file."""
    with LiveServer(tmp_path_factory.mktemp("live") / "storage", workers=2) as server:
        yield server


@pytest.fixture
def wire(live: LiveServer) -> Iterator[Wire]:
    """A connection, which an orderly test can use for many requests."""
    with Wire(live) as connection:
        yield connection
