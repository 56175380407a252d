"""A plugin of pytest that writes down which tests have failed: ``-p tests.support.failed``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

PLACE: Final = "FAILED_TESTS"
"""The variable of the environment that names the file: one test a line."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add a test to the file, whichever part of it has failed."""
    if report.failed:
        with Path(os.environ[PLACE]).open("a") as file:
            file.write(f"{report.nodeid}\n")


def read(path: Path) -> list[str]:
    """Return the tests in a file, each once."""
    return list(dict.fromkeys(path.read_text().splitlines())) if path.exists() else []
