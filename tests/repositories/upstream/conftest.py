"""A scripted upstream registry with one image, and a net to be lost in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.repositories.upstream.asking import CLIENTS, Net, filled
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
