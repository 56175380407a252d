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

from tests.faults.power.mounts import sync_filesystem
from tests.support.tools import require_root, require_tool, skip_or_fail

MIB: Final = 1024 * 1024
_MEMORY: Final = "/dev/shm"
_AT_ONCE: Final = 64
"""Blocks that are filled one by one at the end: a large file may take some for itself."""


class Disk:
    """A mounted filesystem; what fills it lies beside the folder that a server gets."""

    def __init__(self, mount: Path) -> None:
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


@contextlib.contextmanager
def ext4(*options: str, size: int = 64 * MIB, errors: str = "continue") -> Iterator[Disk]:
    """Yield a new ext4; ``options`` are for mkfs."""
    require_root()
    require_tool("mkfs.ext4", "mount", "umount")
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="registry-disk-", dir=place) as folder:
        image, mount = Path(folder, "image"), Path(folder, "mount")
        mount.mkdir()
        with image.open("wb") as file:
            file.truncate(size)
        make = ["mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0", *options, str(image)]
        subprocess.run(make, check=True)
        done = subprocess.run(
            ["mount", "-o", f"loop,errors={errors}", str(image), str(mount)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            skip_or_fail(f"this test has to mount filesystems: {done.stderr.strip()}")
        try:
            yield Disk(mount)
        finally:
            subprocess.run(["umount", "-l", str(mount)], check=True)
