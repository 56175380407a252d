"""One rule for tests of which the machine lacks a tool: skip in the open, but fail in CI."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

REQUIRE_VARIABLE = "REGISTRY_TESTS_REQUIRE_TOOLS"


def skip_or_fail(reason: str) -> NoReturn:
    """Skip the test with ``skipped: <reason>``, or fail it where nothing may be missing."""
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"{reason} ({REQUIRE_VARIABLE}=1 forbids skipping)", pytrace=False)
    pytest.skip(f"skipped: {reason}")


def require_tool(*names: str) -> None:
    """Go on only if every named program is on the PATH."""
    for name in names:
        if shutil.which(name) is None:
            skip_or_fail(f"no such tool: {name}")


def require_root() -> None:
    """Go on only as root: a container engine and a chroot cannot be started by anybody else."""
    if os.geteuid() != 0:
        skip_or_fail("this test has to run as root")
