"""Small filesystems of their own: ext4 on a loop device, to be filled to the last block or inode.

The image lies in memory where there is a folder for that, so that a sync costs little.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.faults.power.mounts import attach_loop, sync_filesystem
from tests.support.tools import require_root, require_tool, skip_or_fail

MIB: Final = 1024 * 1024
_MEMORY: Final = "/dev/shm"
_AT_ONCE: Final = 64
"""Blocks that are filled one by one at the end: a large file may take some for itself."""


class Disk:
    """A mounted filesystem; what fills it lies beside the folder that a server gets."""

    def __init__(self, image: Path, mount: Path) -> None:
        self.image = image
        self.mount = mount
        self.storage = mount / "storage"
        self._fillers = mount / "fillers"
        self._fillers.mkdir()
        self._number = 0

    @property
    def free_blocks(self) -> int:
        """Blocks that are left for anybody."""
        # What has been written and freed is counted when it has been settled where.
        sync_filesystem(str(self.mount))
        return os.statvfs(self.mount).f_bavail

    @property
    def free_inodes(self) -> int:
        """Inodes that are left."""
        return os.statvfs(self.mount).f_favail

    def _filler(self) -> Path:
        self._number += 1
        return self._fillers / f"{self._number}"

    def fill_blocks(self, left: int) -> None:
        """Leave exactly so many blocks."""
        size = os.statvfs(self.mount).f_frsize
        many = self.free_blocks - left - _AT_ONCE
        if many > 0:
            self._take(many * size)
        while self.free_blocks > left:
            self._take(size)
        assert self.free_blocks == left

    def _take(self, size: int) -> None:
        with self._filler().open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def fill_inodes(self, left: int) -> None:
        """Leave exactly so many inodes."""
        for _ in range(self.free_inodes - left):
            self._filler().touch()
        assert self.free_inodes == left

    def release(self) -> None:
        """Give back what was filled."""
        for filler in self._fillers.iterdir():
            filler.unlink()
        sync_filesystem(str(self.mount))

    def remount(self, how: str) -> None:
        """Change how it is mounted: ``ro`` or ``rw``."""
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.mount)], check=True)

    def fail(self) -> None:
        """Let the filesystem find an error in itself: it turns read-only, and stays so."""
        sync_filesystem(str(self.mount))
        device = os.stat(self.mount).st_dev
        name = os.path.basename(
            os.path.realpath(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
        )
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("an error that a test makes")
        with pytest.raises(OSError, match="Read-only"):
            self._filler().touch()

    def repair(self) -> None:
        """Do what an admin does then: unmount it, repair it, mount it again."""
        subprocess.run(["umount", "-l", str(self.mount)], check=True)
        check = ["e2fsck", "-f", "-p", str(self.image)]
        assert subprocess.run(check, capture_output=True, check=False).returncode in (0, 1)
        mount(self.image, self.mount)


@contextlib.contextmanager
def ext4(*options: str, size: int = 64 * MIB) -> Iterator[Disk]:
    """Yield a new ext4; ``options`` are for mkfs."""
    require_root()
    require_tool("mkfs.ext4", "mount", "umount")
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="registry-disk-", dir=place) as folder:
        image, point = Path(folder, "image"), Path(folder, "mount")
        point.mkdir()
        with image.open("wb") as file:
            file.truncate(size)
        make = ["mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0", *options, str(image)]
        subprocess.run(make, check=True)
        mount(image, point)
        try:
            yield Disk(image, point)
        finally:
            subprocess.run(["umount", "-l", str(point)], check=True)


def mount(image: Path, point: Path) -> None:
    """Mount an image by a loop device of its own, which goes when it is unmounted."""
    try:
        device, descriptor = attach_loop(str(image))
    except OSError as error:
        skip_or_fail(f"this test has to mount filesystems: {error}")
    command = ["mount", "-o", "errors=remount-ro", device, str(point)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    os.close(descriptor)
    if done.returncode != 0:
        skip_or_fail(f"this test has to mount filesystems: {done.stderr.strip()}")
