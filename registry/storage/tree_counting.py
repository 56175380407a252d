"""How much the trees of the repositories hold, and the filestore: counted without any memory.

What counts is what `Tree` shows; only the names and sizes are looked at, so it costs a few
microseconds a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from registry.model.names import RepositoryKey
from registry.storage import walk
from registry.storage.folder_records import MADE, FolderRecords
from registry.storage.layout import MANIFEST_FILES, Layout, is_part, parse_content_name, part_of
from registry.storage.manifest_files import listed


@dataclass(slots=True)
class Counts:
    """Folders, files, and the bytes of these."""

    folders: int = 0
    files: int = 0
    bytes: int = 0


class TreeCounting:
    """Counts in one storage folder."""

    def __init__(self, layout: Layout, records: FolderRecords) -> None:
        self._layout = layout
        self._records = records

    def repository(self, key: RepositoryKey, pause: Callable[[], object]) -> Counts:
        """Return what the tree of a repository shows below its root.

        ``pause`` is called for each folder, and may wait or raise to end the counting.
        """
        made = _with_parents(at for at, kept in self._records.all(key).items() if kept.get(MADE))
        counts = Counts(folders=len(made))
        self._folder(self._layout.repository(key), "", made, counts, pause)
        return counts

    def _folder(
        self,
        path: str,
        location: str,
        made: Collection[str],
        counts: Counts,
        pause: Callable[[], object],
    ) -> bool:
        """Count what is in a folder, and the folder; return whether the tree shows it."""
        pause()
        shown, below = False, list[str]()
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if _is_file(entry.name):
                        shown |= _count_file(entry, counts)
                    elif not entry.is_dir(follow_symlinks=False):
                        continue
                    elif entry.name == "_manifests":
                        shown |= _has_names(entry.path)
                    elif is_part(entry.name) or parse_content_name(entry.name) is not None:
                        below.append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return False
        for name in below:
            inside = name if ":" in name else part_of(name)
            inside = f"{location}/{inside}" if location else inside
            shown |= self._folder(f"{path}/{name}", inside, made, counts, pause)
        if shown and location and location not in made:
            counts.folders += 1
        return shown

    def content(self, pause: Callable[[], object]) -> Counts:
        """Return the distinct content of the filestore."""
        counts = Counts()
        for algorithm, shard, path in walk.shards(self._layout):
            pause()
            try:
                with os.scandir(path) as entries:
                    for entry in entries:
                        if walk.content_digest(algorithm, shard, entry.name) is not None:
                            _count_file(entry, counts)
            except FileNotFoundError:
                continue
        return counts

    def uploads(self) -> int:
        """Return how many uploads have begun and not ended."""
        names = listed(self._layout.top("uploads"))
        return sum(name.endswith(".jsonl") for name in names)


def _with_parents(locations: Iterable[str]) -> set[str]:
    found = set[str]()
    for location in locations:
        while location and location not in found:
            found.add(location)
            location = location.rpartition("/")[0]
    return found


def _is_file(name: str) -> bool:
    return name in MANIFEST_FILES or ("__" in name and parse_content_name(name) is not None)


def _count_file(entry: os.DirEntry[str], counts: Counts) -> bool:
    """Count a file, if it is one and still there; return that."""
    try:
        if not entry.is_file(follow_symlinks=False):
            return False
        size = entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return False
    counts.files += 1
    counts.bytes += size
    return True


def _has_names(path: str) -> bool:
    """Return whether a folder has names that are in their final place."""
    return any(not name.startswith("_") for name in listed(path))
