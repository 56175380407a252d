"""What an operation does to the disk, in a form from which every crash can be derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Inode = int
"""A number of our own for a file or folder: the kernel's are used again."""

ROOT: Final = 0
EVERYTHING: Final = -1
"""What syncfs(2) syncs."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where in the registry a sync is asked for: the first caller outside the writing modules."""

    function: str
    text: str
    """The line of source, which stays the same when lines above it come and go."""
    place: str = field(compare=False)
    """File and line, for messages."""

    def __str__(self) -> str:
        return f"{self.function}: {self.text}"


@dataclass(frozen=True, slots=True)
class Names:
    """Names that change in one atomic step: a folder, a name in it, what it stands for now."""

    changes: tuple[tuple[Inode, str, Inode | None], ...]
    text: str

    def is_in(self, inode: Inode) -> bool:
        """Return whether one of the names is in this folder."""
        return any(folder == inode for folder, _, _ in self.changes)


@dataclass(frozen=True, slots=True)
class Bytes:
    """A file has these bytes from now on, all of them."""

    inode: Inode
    data: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Attributes:
    """The permissions or times of a file changed; what a crash leaves of them is not looked at."""

    inode: Inode
    text: str


@dataclass(frozen=True, slots=True)
class Sync:
    """An fsync of a file or folder, or of everything."""

    inode: Inode
    site: Site
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """An operation returned: what its caller has been promised is this, and nothing else."""

    seen: Mapping[str, Any]
    text: str = "acknowledged"


Step = Names | Bytes | Attributes | Sync | Facts


@dataclass(slots=True)
class Disk:
    """Folders by what their names stand for, and files by their bytes."""

    folders: dict[Inode, dict[str, Inode]] = field(default_factory=dict)
    files: dict[Inode, bytes] = field(default_factory=dict)

    def copy(self) -> Disk:
        """Return a disk that changes apart from this one."""
        return Disk({inode: dict(names) for inode, names in self.folders.items()}, dict(self.files))

    def change(self, names: Names) -> None:
        """Let names stand for what they stand for from now on."""
        for folder, name, inode in names.changes:
            if inode is None:
                self.folders[folder].pop(name, None)
            else:
                self.folders[folder][name] = inode

    def tree(self) -> Tree:
        """Return what can be seen from the root, in the order in which it can be made."""
        found: list[Node] = []
        waiting = [("", ROOT)]
        while waiting:
            path, folder = waiting.pop()
            for name, inode in sorted(self.folders[folder].items()):
                data = self.files.get(inode)
                found.append((f"{path}/{name}", inode, data))
                if data is None:
                    waiting.append((f"{path}/{name}", inode))
        return tuple(found)


Node = tuple[str, Inode, bytes | None]
"""A path below the root, what it stands for, and the bytes of a file or None for a folder."""
Tree = tuple[Node, ...]


@dataclass(slots=True)
class Trace:
    """All that happened: the disk as it was, entirely durable, and every step after that."""

    before: Disk
    facts: Mapping[str, Any]
    """What had been promised before."""
    steps: list[Step] = field(default_factory=list)
    folders: set[Inode] = field(default_factory=set)
    """All folders that there ever were; one that is made begins empty, and so does a file."""

    def sites(self) -> dict[Site, int]:
        """Return where syncs were asked for, and how often."""
        counts: dict[Site, int] = {}
        for step in self.steps:
            if isinstance(step, Sync):
                counts[step.site] = counts.get(step.site, 0) + 1
        return counts

    def syncs(self) -> list[Sync]:
        """Return all syncs in their order."""
        return [step for step in self.steps if isinstance(step, Sync)]
