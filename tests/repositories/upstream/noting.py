"""Words of the tests of what is noted of an upstream: several processes, and one storage folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from registry.model.names import RepositoryKey
from registry.repositories.upstream import pausing, remembering
from registry.repositories.upstream.client import Upstream

KEY = RepositoryKey("far")
LIMITS = {
    "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600",
    "docker-ratelimit-source": "192.0.2.7",
}  # fmt: skip

Worker = Callable[..., Upstream]


class Clocks:
    """All clocks of the pauses, set on by hand together."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0.0
        fake = SimpleNamespace(
            time=lambda: time.time() + self.passed, monotonic=lambda: time.monotonic() + self.passed
        )
        monkeypatch.setattr(pausing, "time", fake)
        monkeypatch.setattr(remembering, "time", fake)


def path(root: Path) -> Path:
    return root / "upstreams" / "far.json"


def note(root: Path) -> Any:
    return json.loads(path(root).read_text())


def written(root: Path) -> tuple[int, int]:
    """What tells one write from another."""
    status = path(root).stat()
    return status.st_ino, status.st_mtime_ns
