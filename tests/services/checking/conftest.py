"""A healthy storage folder with everything in it, made once and copied for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.access import passwords
from registry.config import Config
from registry.web.application import make_application
from tests.conftest import Client, opened
from tests.services.checking.stores import copy, fill


@pytest.fixture(scope="session")
def full_storage(prepared_storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the tests copy."""
    folder = copy(prepared_storage, tmp_path_factory.mktemp("full") / "storage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_N", 2)
        for instance in opened(Config(storage_root=str(folder))):
            fill(Client(make_application(instance)), instance)
    return folder


@pytest.fixture
def storage(full_storage: Path, tmp_path: Path) -> Path:
    """A copy of the test's own, with its hard links."""
    return copy(full_storage, tmp_path / "storage")


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is suspicious is looked at again without a pause."""
    monkeypatch.setattr("registry.services.inspection._PAUSE", 0.0)
