"""The server of those races that need processes; every test has images of its own there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.races.workers import Workers


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with Workers(tmp_path_factory.mktemp("workers")) as server:
        yield server
