"""Records what an operation does to a folder: the calls are done, and noted with their objects.

`Recorder` replaces functions of the ``os`` module, through which alone the storage room changes the
disk. What it has seen must explain the folder at the end, so a way of writing that is not watched
here does not go unnoticed.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Mapping
from types import FrameType, TracebackType
from typing import Any, Final, Self

import registry
from registry.storage import open_files
from tests.faults.model.shadow import Shadow
from tests.faults.model.trace import (
    EVERYTHING,
    Attributes,
    Bytes,
    Facts,
    Inode,
    Names,
    Site,
    Step,
    Sync,
    Trace,
)

_CALLS: Final = ("copy_file_range", "fchmod", "fsync", "ftruncate", "link", "mkdir", "open",
                 "rename", "rmdir", "unlink", "utime", "write")  # fmt: skip
_SOURCES: Final = os.path.dirname(registry.__file__) + "/"
_WRITERS: Final = tuple(
    f"{_SOURCES}storage/{name}.py" for name in ("atomic", "open_files", "syncing")
)


class Killed(BaseException):
    """The process was killed: nothing that it still tries to do reaches the disk."""


class Recorder:
    """Within ``with``, every change below ``root`` is noted in `trace`."""

    def __init__(self, root: str, facts: Mapping[str, Any]) -> None:
        self._shadow = Shadow(root)
        disk = self._shadow.disk
        self.trace = Trace(disk.copy(), facts, folders=set(disk.folders))
        self.steps = 0
        """How many steps were tried."""
        self._last: int | None = None
        self._os: dict[str, Any] = {name: getattr(os, name) for name in _CALLS}
        self._syncfs = open_files.sync_filesystem

    def __enter__(self) -> Self:
        for name in _CALLS:
            setattr(os, name, getattr(self, f"_{name}"))
        open_files.sync_filesystem = self._sync_filesystem
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, original in self._os.items():
            setattr(os, name, original)
        open_files.sync_filesystem = self._syncfs
        if error is None:
            self._shadow.check()

    def kill_after(self, steps: int | None) -> None:
        """Let the process be killed after so many steps; None lets it live from now on."""
        self._last = None if steps is None else self.steps + steps

    def acknowledge(self, facts: Mapping[str, Any]) -> None:
        """Note that an operation has returned, and what is promised since."""
        self._note(Facts(facts))

    # --- noting --------------------------------------------------------------------------------

    def _step(self) -> None:
        if self._last is not None and self.steps >= self._last:
            raise Killed
        self.steps += 1

    def _note(self, step: Step) -> None:
        self.trace.steps.append(step)

    def _name(self, text: str, *changes: tuple[Inode, str, Inode | None]) -> None:
        step = Names(changes, text)
        self._shadow.disk.change(step)
        self._note(step)

    def _patch(self, descriptor: int, offset: int, part: bytes) -> None:
        inode = self._shadow.inode(descriptor)
        assert inode is not None
        old = self._shadow.disk.files[inode].ljust(offset, b"\0")
        self._fill("write", descriptor, old[:offset] + part + old[offset + len(part) :])

    def _fill(self, call: str, descriptor: int, data: bytes) -> None:
        inode = self._shadow.inode(descriptor)
        assert inode is not None
        self._shadow.disk.files[inode] = data
        self._note(Bytes(inode, data, self._shadow.text(call, descriptor)))

    # --- names ---------------------------------------------------------------------------------

    def _open(self, path: Any, flags: int, mode: int = 0o777, **how: Any) -> int:
        assert not flags & os.O_TRUNC, path
        folder, name = self._shadow.at(path)
        if folder is None or not flags & os.O_CREAT or os.path.lexists(path):
            return int(self._os["open"](path, flags, mode, **how))
        self._step()
        descriptor = int(self._os["open"](path, flags, mode, **how))
        inode = self._shadow.identify(path)
        self._shadow.disk.files[inode] = b""
        self._name(self._shadow.text("create", path), (folder, name, inode))
        return descriptor

    def _mkdir(self, path: Any, mode: int = 0o777) -> None:
        folder, name = self._shadow.at(path)
        if folder is None:
            self._os["mkdir"](path, mode)
            return
        self._step()
        self._os["mkdir"](path, mode)
        inode = self._shadow.identify(path)
        self._shadow.disk.folders[inode] = {}
        self.trace.folders.add(inode)
        self._name(self._shadow.text("mkdir", path), (folder, name, inode))

    def _link(self, source: Any, target: Any, **how: Any) -> None:
        folder, name = self._shadow.at(target)
        if folder is None:
            self._os["link"](source, target, **how)
            return
        self._step()
        self._os["link"](source, target, **how)
        self._name(self._shadow.text("link", target), (folder, name, self._shadow.inode(target)))

    def _rename(self, source: Any, target: Any) -> None:
        """Between two folders a rename is taken as atomic: every journaling filesystem does so."""
        (old, before), (new, after) = self._shadow.at(source), self._shadow.at(target)
        if old is None or new is None:
            assert old is new, (source, target)
            self._os["rename"](source, target)
            return
        self._step()
        replaced = os.stat(target) if os.path.lexists(target) else None
        inode, nothing = self._shadow.inode(source), self._shadow.inode(target)
        self._os["rename"](source, target)
        if inode != nothing:
            self._shadow.forget(replaced)
            text = self._shadow.text("rename", source, target)
            self._name(text, (old, before, None), (new, after, inode))

    def _unlink(self, path: Any) -> None:
        self._remove("unlink", path)

    def _rmdir(self, path: Any) -> None:
        self._remove("rmdir", path)

    def _remove(self, call: str, path: Any) -> None:
        folder, name = self._shadow.at(path)
        if folder is None:
            self._os[call](path)
            return
        self._step()
        removed = os.stat(path) if os.path.lexists(path) else None
        self._os[call](path)
        self._shadow.forget(removed)
        self._name(self._shadow.text(call, path), (folder, name, None))

    # --- open files ----------------------------------------------------------------------------

    def _write(self, descriptor: int, data: Any) -> int:
        if self._shadow.inode(descriptor) is None:
            return int(self._os["write"](descriptor, data))
        self._step()
        written = int(self._os["write"](descriptor, data))
        start = os.lseek(descriptor, 0, os.SEEK_CUR) - written
        self._patch(descriptor, start, bytes(data[:written]))
        return written

    def _copy_file_range(
        self, source: int, target: int, count: int, start: int, offset: int
    ) -> int:
        inode = self._shadow.inode(source)
        assert inode is not None
        self._step()
        copied = int(self._os["copy_file_range"](source, target, count, start, offset))
        self._patch(target, offset, self._shadow.disk.files[inode][start : start + copied])
        return copied

    def _ftruncate(self, descriptor: int, size: int) -> None:
        inode = self._shadow.inode(descriptor)
        assert inode is not None
        self._step()
        self._os["ftruncate"](descriptor, size)
        self._fill("truncate", descriptor, self._shadow.disk.files[inode][:size].ljust(size, b"\0"))

    def _fchmod(self, descriptor: int, mode: int) -> None:
        self._attributes("fchmod", descriptor, mode)

    def _utime(self, path: Any, *how: Any, **more: Any) -> None:
        self._attributes("utime", path, *how, **more)

    def _attributes(self, call: str, target: Any, *how: Any, **more: Any) -> None:
        inode = self._shadow.inode(target)
        if inode is not None:
            self._step()
        self._os[call](target, *how, **more)
        if inode is not None:
            self._note(Attributes(inode, self._shadow.text(call, target)))

    def _fsync(self, descriptor: int) -> None:
        inode = self._shadow.inode(descriptor)
        if inode is not None:
            self._step()
            text = self._shadow.text("fsync", descriptor)
            self._note(Sync(inode, _site(sys._getframe(1)), text))

    def _sync_filesystem(self, path: str) -> None:
        self._step()
        self._note(Sync(EVERYTHING, _site(sys._getframe(1)), "syncfs"))


def _site(frame: FrameType | None) -> Site:
    """Return the first caller in the registry that is not one of the modules that write."""
    others = []
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_SOURCES) and file not in _WRITERS:
            return _site_of(frame)
        if file not in _WRITERS:
            others.append(frame)
        frame = frame.f_back
    return _site_of(others[0])


def _site_of(frame: FrameType) -> Site:
    file, line = frame.f_code.co_filename, frame.f_lineno
    place = f"{os.path.relpath(file, os.path.dirname(_SOURCES[:-1]))}:{line}"
    return Site(frame.f_code.co_qualname, linecache.getline(file, line).strip(), place)
