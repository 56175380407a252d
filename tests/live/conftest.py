"""A server for the tests of this room, which watch bytes, threads and processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.wire import Wire
from tests.support.live import LiveServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("live") / "storage") as running:
        yield running


@pytest.fixture
def wire(server: LiveServer) -> Iterator[Wire]:
    with Wire(server) as connection:
        yield connection
