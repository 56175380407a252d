"""Passwords that cost little, and the matrix of all routes and callers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.access import passwords
from tests.security.matrix_server import Matrix, running_matrix


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new passwords cost little to check."""
    monkeypatch.setattr(passwords, "_N", 2)


@pytest.fixture(scope="session")
def matrix() -> Iterator[Matrix]:
    """A server with everything in it, and nginx before it."""
    with running_matrix() as made:
        yield made
