"""Whether a filesystem makes changes of names durable in the order in which they were made.

One with a single journal for all of them does: ext4 and xfs write transactions one after the other,
so whoever syncs a folder makes everything durable that was changed before its last change. There a
sync in the middle of an operation, whose only purpose is that something is durable before what
follows, costs and does nothing. On all others (btrfs, ext4 without its journal, networks, what is
not known) each folder is synced.

Sources: fsync(2) of jbd2, which commits the running transaction of the whole filesystem, and of
xfs, which forces the log up to the inode's last checkpoint; proved by the models and the power cuts
of the tests.
"""

from __future__ import annotations

import functools
import os
from typing import Final

_MOUNTS: Final = "/proc/self/mountinfo"
_JOURNALS: Final = "/proc/fs/jbd2"
_BLOCK_DEVICES: Final = "/sys/dev/block"


def is_kept(path: str) -> bool:
    """Return whether the filesystem of a file or folder keeps the order.

    What cannot be found out counts as no. Raises OSError where there is no such path.
    """
    return _is_kept(os.stat(path).st_dev, os.statvfs(path).f_fsid)


@functools.lru_cache(maxsize=64)
def _is_kept(device: int, filesystem: int) -> bool:
    """Say it of a filesystem on a device; the next one on that device may be of another kind."""
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        kind = _kind(number)
        return kind == "xfs" or (kind == "ext4" and _has_journal(number))
    except OSError:
        return False


def _kind(number: str) -> str | None:
    """Return the type of the filesystem that is mounted from a device, by proc(5)."""
    with open(_MOUNTS, encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            place, _, filesystem = line.partition(" - ")
            if place.split()[2] == number:
                return filesystem.split()[0]
    return None


def _has_journal(number: str) -> bool:
    """Return whether the kernel keeps a journal on the device itself."""
    name = os.path.basename(os.readlink(f"{_BLOCK_DEVICES}/{number}"))
    return any(journal.rpartition("-")[0] == name for journal in os.listdir(_JOURNALS))
