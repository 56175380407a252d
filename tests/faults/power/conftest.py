"""What all of these tests need of the machine."""

from __future__ import annotations

import os

import pytest

from tests.faults.power import mounts, processes
from tests.support.tools import require_root, skip_or_fail

DEVICES = ("/dev/fuse", "/dev/loop-control")


@pytest.fixture
def may_mount() -> None:
    """Go on only where filesystems can be mounted."""
    require_root()
    for path in DEVICES:
        if not os.path.exists(path):
            skip_or_fail(f"no such device: {path}")
    try:
        processes.in_child(mounts.enter_private_namespace)
    except RuntimeError as error:
        skip_or_fail(f"this test has to mount filesystems: {error}")
