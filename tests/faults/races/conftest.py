"""A time line on which an action at once is one, and a server for races that need processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.races.workers import Workers
from tests.support.travel import Travel


class Hurried(Travel):
    """Takes no step where no time passes: each costs a tick of the kernel's clock."""

    def wait(self, seconds: float) -> None:
        if seconds:
            super().wait(seconds)


@pytest.fixture
def travel() -> Iterator[Travel]:
    with Hurried() as made:
        yield made


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """One for all; every test has images of its own there."""
    with Workers(tmp_path_factory.mktemp("workers")) as server:
        yield server
