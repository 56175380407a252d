"""Passwords that cost little, and nothing else."""

from __future__ import annotations

import pytest

from registry.access import passwords


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new passwords cost little to check."""
    monkeypatch.setattr(passwords, "_N", 2)
