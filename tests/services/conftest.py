"""What the tests of services share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.past import PastRegistry


@pytest.fixture
def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PastRegistry]:
    """An empty registry whose clock the test sets."""
    made = PastRegistry(tmp_path / "store", monkeypatch)
    yield made
    made.close()
