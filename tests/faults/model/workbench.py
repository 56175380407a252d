"""Makes a tree of the model real: a folder that turns from one crash into the next."""

from __future__ import annotations

import os
import shutil
import tempfile
from types import TracebackType
from typing import Self

from tests.faults.model.shadow import IGNORED
from tests.faults.model.trace import Inode, Tree

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


class Workbench:
    """A folder in memory; within ``with`` it takes the form of any tree."""

    def __init__(self) -> None:
        self._top = tempfile.mkdtemp(prefix="crashes-", dir=MEMORY)
        self.root = f"{self._top}/store"
        self._there: dict[str, tuple[Inode, bytes | None]] = {}
        self._clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._top)

    def _clear(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        for name in IGNORED:
            os.makedirs(f"{self.root}/{name}")
        self._there.clear()

    def disturbed(self) -> None:
        """Begin anew next time: somebody has changed the folder."""
        self._clear()

    def show(self, tree: Tree) -> str:
        """Let the folder be like ``tree`` and return its path."""
        wanted = {path: (inode, data) for path, inode, data in tree}
        kept = {""}
        for path, node in self._there.items():
            if wanted.get(path) == node and path[: path.rindex("/")] in kept:
                kept.add(path)
        for path, node in reversed(self._there.items()):
            if path not in kept:
                (os.rmdir if node[1] is None else os.unlink)(self.root + path)
        names = {self._there[path][0]: path for path in kept if path}
        for path, (inode, data) in wanted.items():
            if path not in kept:
                self._make(path, names.setdefault(inode, path), data)
        self._there = wanted
        return self.root

    def _make(self, path: str, first: str, data: bytes | None) -> None:
        if data is None:
            os.mkdir(self.root + path)
        elif first != path:
            os.link(self.root + first, self.root + path)
        else:
            with open(self.root + path, "wb") as file:
                file.write(data)
