"""What lies in a folder, for comparing before and after."""

from __future__ import annotations

import os

from registry.storage.layout import TEMPORARY_PREFIX


def make_source(folder: str) -> str:
    """Make a file to do something with; return its path."""
    path = f"{folder}/source"
    with open(path, "wb") as file:
        file.write(b"new")
    return path


def files(root: str) -> dict[str, bytes]:
    """Return the files below ``root`` by their relative paths; links to elsewhere do not count."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = f"{folder}/{name}"
            if os.path.islink(path):
                continue
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = file.read()
    return found


def temporaries(root: str) -> list[str]:
    """Return the half-done work below ``root``."""
    return [name for name in files(root) if os.path.basename(name).startswith(TEMPORARY_PREFIX)]


def inode(path: str) -> int:
    """Return the inode number of ``path``."""
    return os.stat(path).st_ino


def mode(path: str) -> int:
    """Return the permission bits of ``path``."""
    return os.stat(path).st_mode & 0o7777


def open_files() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))
