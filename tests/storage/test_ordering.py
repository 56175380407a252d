"""Whether a filesystem is taken for one that keeps the order: only those that are known to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.storage import ordering, syncing

Machine = Callable[[str, list[str]], str]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Return a function that describes the filesystem of a folder, and returns the folder."""
    device = os.stat(tmp_path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    mounts, journals, devices = (tmp_path / name for name in ("mountinfo", "jbd2", "devices"))
    journals.mkdir()
    devices.mkdir()
    (devices / number).symlink_to("../../devices/virtual/block/dm-1")
    monkeypatch.setattr(ordering, "_MOUNTS", str(mounts))
    monkeypatch.setattr(ordering, "_JOURNALS", str(journals))
    monkeypatch.setattr(ordering, "_BLOCK_DEVICES", str(devices))

    def describe(kind: str, with_journal: list[str]) -> str:
        mounts.write_text(
            "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
            f"36 27 {number} /store /data rw,relatime shared:1 - {kind} /dev/mapper/data rw\n"
        )
        for name in with_journal:
            (journals / name).mkdir()
        ordering._is_kept.cache_clear()
        return str(tmp_path)

    yield describe
    ordering._is_kept.cache_clear()


@pytest.mark.parametrize(
    ("kind", "journals", "kept"),
    [
        ("ext4", ["dm-1-8"], True),
        ("ext4", [], False),
        ("ext4", ["dm-10-8", "dm-8", "sda1-8"], False),
        ("xfs", [], True),
        ("btrfs", ["dm-1-8"], False),
        ("ext3", ["dm-1-8"], False),
        ("tmpfs", [], False),
        ("nfs4", [], False),
        ("overlay", [], False),
    ],
)
def test_what_is_known(machine: Machine, kind: str, journals: list[str], kept: bool) -> None:
    assert ordering.is_kept(machine(kind, journals)) is kept


@pytest.mark.parametrize("missing", ["mountinfo", "jbd2", "devices"])
def test_what_cannot_be_found_out_counts_as_no(
    machine: Machine, missing: str, tmp_path: Path
) -> None:
    folder = machine("ext4", ["dm-1-8"])
    (tmp_path / missing).rename(tmp_path / "elsewhere")
    assert ordering.is_kept(folder) is False


def test_a_filesystem_that_is_mounted_nowhere_counts_as_no(
    machine: Machine, tmp_path: Path
) -> None:
    folder = machine("xfs", [])
    (tmp_path / "mountinfo").write_text("22 27 0:21 / /proc rw,relatime - proc proc rw\n")
    assert ordering.is_kept(folder) is False


@pytest.mark.parametrize(("kind", "synced"), [("xfs", 0), ("btrfs", 1)])
def test_a_barrier_is_a_sync_where_it_is_needed(
    machine: Machine, kind: str, synced: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, descriptors = machine(kind, []), list[int]()
    monkeypatch.setattr(os, "fsync", descriptors.append)
    syncing.barrier(folder)
    assert len(descriptors) == synced
    syncing.sync_folder(folder)
    assert len(descriptors) == synced + 1


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_a_folder_that_is_gone_needs_no_barrier(machine: Machine, kind: str) -> None:
    syncing.barrier(f"{machine(kind, [])}/gone")
