"""Checking the filestore, and, if asked for, whether all content has the bytes of its digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from registry.model.digests import HEX_LENGTHS
from registry.services.findings import Finding
from registry.services.inspection import Inspection
from registry.storage import walk
from registry.storage.contents import Pace, all_contents, compute
from registry.storage.layout import HELD_PREFIX, TEMPORARY_PREFIX, parse_content_name
from registry.storage.walk import Entry

_OURS = (HELD_PREFIX, TEMPORARY_PREFIX)


class ContentChecker:
    """Checks content where images are not looked at."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._layout = inspection.layout

    def filestore(self) -> Iterator[Finding]:
        """Report what is wrong with the names in the filestore."""
        top, found = self._layout.top("filestore"), list[Finding]()
        for algorithm in self._inspection.listing(top, found):
            yield from self._inspection.ordinary(algorithm)
            if not algorithm.is_folder or algorithm.name not in HEX_LENGTHS:
                yield from self._inspection.foreign(algorithm)
                continue
            for shard in self._inspection.listing(algorithm.path, found):
                yield from self._inspection.ordinary(shard)
                if not shard.is_folder or not walk.is_shard(shard.name):
                    yield from self._inspection.foreign(shard)
                    continue
                stored = partial(self._stored, algorithm.name, shard.name)
                entries = self._inspection.listing(shard.path, found)
                yield from self._inspection.again(partial(stored, entry) for entry in entries)
        yield from found

    def _stored(self, algorithm: str, shard: str, known: Entry) -> Iterator[Finding]:
        status = walk.look_at(known.path)
        if status is None:
            return
        entry = Entry(known.path, known.name, status)
        yield from self._inspection.ordinary(entry)
        if not entry.is_file or entry.name.startswith((*_OURS, ".nfs")):
            yield from self._inspection.foreign(entry)
            return
        self._inspection.contents += 1
        digest = parse_content_name(f"{algorithm}:{entry.name}")
        if digest is None:
            message = f"has not the name of a {algorithm} digest"
            yield self._inspection.finding("filestore-name-wrong", entry.path, message)
        elif not entry.name.startswith(shard):
            message = f"belongs into the folder {entry.name[:2]}"
            yield self._inspection.finding(
                "filestore-misplaced", entry.path, message, digest=digest
            )
        else:
            yield from self._inspection.bytes_of(entry, digest)

    def deep(self, pace: Pace, progress: Callable[[str], None]) -> Iterator[Finding]:
        """Report content whose bytes have not its digest; all of it is read."""
        contents = all_contents(self._layout)
        for number, content in enumerate(contents):
            progress(f"content {number} of {len(contents)}")
            if self._inspection.is_bad(content.inode):
                continue
            try:
                computed = compute(content, pace)
            except OSError as error:
                message = f"cannot be read: {error.strerror}"
                yield self._inspection.finding("unreadable", content.path, message)
                continue
            if computed is not None and computed != content.digest:
                message = f"has the bytes of {computed}"
                yield self._inspection.finding(
                    "content-damaged",
                    content.path,
                    message,
                    digest=content.digest,
                    inode=content.inode,
                )
