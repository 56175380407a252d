"""The filesystems under test: how each is made, small, and mounted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Filesystem:
    """A filesystem on a small disk."""

    kind: str
    """What the kernel calls it."""
    size: int
    """Bytes of the disk; only what is written of it takes room."""
    maker: Sequence[str]
    options: str = ""
    """Options for mounting it."""

    @property
    def tool(self) -> str:
        """The program that makes it."""
        return self.maker[0]

    def make(self, path: str) -> None:
        """Make the filesystem on a new file."""
        with open(path, "wb") as file:
            os.truncate(file.fileno(), self.size)
        subprocess.run([*self.maker, path], check=True, capture_output=True)


# The journals are as small as can be: they come round within a run, so that the writes of their
# checkpoints are among what a power cut interrupts, and recovering takes milliseconds.
_EXT4: Final = (
    "mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=4",
    "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0",
)  # fmt: skip
# What is not supported is the size: mkfs refuses less than 300 MiB and a log below 64 MiB.
_XFS: Final = ("mkfs.xfs", "-q", "-K", "--unsupported", "-l", "size=8m")
_BTRFS: Final = ("mkfs.btrfs", "-q", "-K")

FILESYSTEMS: Final[Mapping[str, Filesystem]] = {
    "ext4": Filesystem("ext4", 64 << 20, _EXT4),
    "xfs": Filesystem("xfs", 96 << 20, _XFS),
    "btrfs": Filesystem("btrfs", 128 << 20, _BTRFS, "nodiscard"),
    "ext4-fast-commit": Filesystem("ext4", 64 << 20, (*_EXT4, "-O", "fast_commit")),
}
PROMISED: Final = ("ext4", "xfs", "btrfs")
"""Fast commits, which ext4 has only where an admin asked for them, are there to be compared."""
