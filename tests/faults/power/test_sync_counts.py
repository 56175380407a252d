"""What a push costs on a real filesystem with a journal, as the kernel sees it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.store import new_store, traced_push
from tests.faults.power import mounts, processes
from tests.faults.power.filesystems import FILESYSTEMS
from tests.support.tools import require_tool

pytestmark = pytest.mark.usefixtures("may_mount")


def counted(folder: Path, kind: str) -> list[int]:
    """Return the syncs of pushes to an image of 2, of 7, and of 2 blobs once more."""
    filesystem = FILESYSTEMS[kind]
    require_tool("strace", filesystem.tool)

    def push() -> list[int]:
        mounts.enter_private_namespace()
        mounts.mount("registry-syncs", str(folder), "tmpfs")
        filesystem.make(f"{folder}/disk")
        os.mkdir(f"{folder}/mounted")
        device, descriptor = mounts.attach_loop(f"{folder}/disk")
        mounts.mount(device, f"{folder}/mounted", filesystem.kind, filesystem.options)
        os.close(descriptor)
        root = folder / "mounted" / "store"
        new_store(root)
        return [traced_push(root, "team/app", number) for number in (2, 7, 2)]

    return processes.in_child(push)


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_push_of_n_blobs_costs_n_and_three_syncs(tmp_path: Path, kind: str) -> None:
    """Each blob, the manifest, its sidecar, and the folder in which both are.

    What is there already costs none: the bytes of blobs and manifest are not written again.
    """
    assert counted(tmp_path, kind) == [2 + 3, 7 + 3, 2]
