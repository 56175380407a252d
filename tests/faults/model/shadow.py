"""A copy in memory of what is below a folder, kept beside the real one by whoever changes it."""

from __future__ import annotations

import os
from typing import Any, Final

from tests.faults.model.trace import ROOT, Disk, Inode, Tree

IGNORED: Final = ("journal", "locks", "pulls")
"""Lock files have no contents, and of lines that are appended a power cut may take the last."""


class Shadow:
    """The tree below ``root``, by numbers of our own for the kernel's inodes."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.disk = Disk()
        self._known: dict[int, Inode] = {}
        self._count = ROOT
        self._read(root, self.identify(root))

    def identify(self, path: str) -> Inode:
        """Give a number to the file or folder ``path``, which is new."""
        number, self._count = self._count, self._count + 1
        self._known[os.lstat(path).st_ino] = number
        return number

    def forget(self, status: os.stat_result | None) -> None:
        """Forget an inode whose name has just been removed, if the name was its last."""
        if status is not None:
            number = self._known[status.st_ino]
            if number in self.disk.folders or status.st_nlink == 1:
                del self._known[status.st_ino]

    def _read(self, path: str, folder: Inode) -> None:
        names = self.disk.folders.setdefault(folder, {})
        with os.scandir(path) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            if path == self.root and entry.name in IGNORED:
                continue
            inode = self._known.get(entry.inode())
            names[entry.name] = self.identify(entry.path) if inode is None else inode
            if entry.is_dir(follow_symlinks=False):
                self._read(entry.path, names[entry.name])
            elif inode is None:
                with open(entry.path, "rb") as file:
                    self.disk.files[names[entry.name]] = file.read()

    def at(self, path: Any) -> tuple[Inode | None, str]:
        """Return the folder of a path, None for one that is not kept here, and the last name."""
        folder, name = os.path.split(str(path))
        try:
            inode = self._known.get(os.stat(folder).st_ino)
        except FileNotFoundError:
            inode = None
        return (inode if inode in self.disk.folders else None), name

    def inode(self, target: Any) -> Inode | None:
        """Return the number of a path or an open file, None for one that is not kept here."""
        try:
            return self._known.get(os.stat(target).st_ino)
        except FileNotFoundError:
            return None

    def text(self, call: str, *targets: Any) -> str:
        """Return how a call is shown to a reader."""
        return " ".join([call, *(os.path.relpath(_path(target), self.root) for target in targets)])

    def check(self) -> None:
        """Assert that the real folder is still the same, so that no change of it was missed."""
        assert same_names(Shadow(self.root).disk.tree()) == same_names(self.disk.tree())


def _path(target: Any) -> str:
    return os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else str(target)


def same_names(tree: Tree) -> list[tuple[str, str, bytes | None]]:
    """Return a tree with the first path of each inode instead of a number, for comparing."""
    first: dict[Inode, str] = {}
    return [(path, first.setdefault(inode, path), data) for path, inode, data in tree]
