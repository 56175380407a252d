"""How often each manifest was pulled in all, and when last: kept in memory, read on from the files.

A view that is derived from the files of `registry.storage.pulls`. What it has read of a day's lines
it does not read again: it goes on where it stopped. Days that have their document are added up;
those that have only lines are kept each for itself, because the document of a day, once it is
there, takes the place of what was read before.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from registry.model.digests import Digest
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.storage.documents import Documents
from registry.storage.journal import parse_timestamp, timestamp
from registry.storage.layout import Layout
from registry.storage.line_files import days
from registry.storage.pull_counts import DayPulls, count_lines

_DOCUMENT: Final = ".json"
_SECONDS: Final = len("2026-11-23T12:00:00Z")

_TICK: Final = 50_000_000
"""Nanoseconds within which two changes of a folder may bear the same time."""

_Image = tuple[str, str]
"""Key and image name."""


@dataclass(frozen=True, slots=True)
class Downloads:
    """How often something was pulled."""

    count: int
    last: str
    """When, in the form of `Item.created`."""
    last_by: str

    def joined(self, other: Downloads | None) -> Downloads:
        """Return both together."""
        if other is None:
            return self
        later = self if self.last >= other.last else other
        return Downloads(self.count + other.count, later.last, later.last_by)


_NONE: Final[Mapping[str, Downloads]] = {}


class _Totals:
    """Pulls by tag, of a digest by whatever name, and of a digest by itself."""

    def __init__(self) -> None:
        self._named: dict[_Image, dict[str, Downloads]] = {}
        self._bare: dict[_Image, dict[str, Downloads]] = {}

    def add(self, pulls: DayPulls) -> None:
        """Add what was counted from lines."""
        for what, pulled in pulls.pulls.items():
            image = what.repository, what.image
            self._add(image, what.digest, what.tag, pulled.count, pulled.last, pulled.principal)

    def add_document(self, document: Mapping[str, Any]) -> None:
        """Add what the document of a day says; entries that are damaged are left out.

        There may be millions of them, all of our own making. Whether a name in them is one need
        not be looked at: what is none is never asked for.
        """
        entries = document.get("pulls")
        for facts in entries if isinstance(entries, list) else ():
            with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
                image = facts["repository"], facts["image"]
                tag, count, who = facts.get("tag"), int(facts["count"]), facts["principal"]
                self._add(image, facts["digest"], tag, count, facts["last"], who)

    def _add(
        self, image: _Image, digest: str, tag: str | None, count: int, last: str, who: str
    ) -> None:
        # The same few people pull again and again; one text for each is enough.
        more = Downloads(count, _milliseconds(last), sys.intern(who))
        named = self._named.setdefault(image, {})
        _join(named, digest, more)
        if tag is None:
            _join(self._bare.setdefault(image, {}), digest, more)
        else:
            _join(named, tag, more)

    def find(self, image: _Image, reference: Reference, bare: Digest | None) -> Downloads | None:
        """Return the pulls by a name, and those of a digest that nobody asked for by a tag."""
        found = self._named.get(image, _NONE).get(reference)
        more = None if bare is None else self._bare.get(image, _NONE).get(bare)
        return found.joined(more) if found is not None else more


@dataclass(slots=True)
class _OpenDay:
    """A day whose pulls are lines: what was read of them, and how far."""

    totals: _Totals = field(default_factory=_Totals)
    inode: int = -1
    read: int = 0


class PullStats:
    """The pulls of one storage folder; any number of threads may ask."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._folder = layout.top("pulls")
        self._lock = threading.Lock()
        self._settled = _Totals()
        self._documents: set[str] = set()
        self._open: dict[str, _OpenDay] = {}
        self._seen = -1
        """The time of the folder's last change when its names were read; -1: read them again."""

    def find(
        self,
        key: RepositoryKey,
        image: ImageName,
        reference: Reference,
        digest: Digest | None = None,
    ) -> Downloads | None:
        """Return the pulls by a tag, or of a digest by whatever name; None if there are none.

        For a tag, ``digest`` is what it stands for now: pulls of that by the digest alone are the
        tag's as well, because clients often ask for the digest that a tag has, and pull that.

        What was counted before by any process is in it.

        Raises:
            StorageFailed: the document of a day is damaged.
        """
        self.refresh()
        return self.known(key, image, reference, digest)

    def known(
        self,
        key: RepositoryKey,
        image: ImageName,
        reference: Reference,
        digest: Digest | None = None,
    ) -> Downloads | None:
        """Return what `find` does as of the last `refresh`, for whoever asks many times."""
        bare = digest if isinstance(reference, Tag) else None
        with self._lock:
            found = self._settled.find((key, image), reference, bare)
            for day in self._open.values():
                more = day.totals.find((key, image), reference, bare)
                found = more.joined(found) if more is not None else found
        return found

    def refresh(self) -> None:
        """Read what was counted since the last time.

        Raises:
            StorageFailed: the document of a day is damaged.
        """
        with self._lock:
            changed = _changed(self._folder)
            if changed != self._seen:
                self._look_for_days()
                # A folder that has just been changed may change again without showing it.
                self._seen = changed if time.time_ns() - changed > _TICK else -1
            for name, day in list(self._open.items()):
                self._read_on(name, day)

    def _look_for_days(self) -> None:
        """Take in new days, and documents that have come for days known from their lines.

        Lines go only after their document has come, so whoever looks for lines first misses none.
        """
        with_lines = days(self._folder)
        for name in days(self._folder, _DOCUMENT):
            if name not in self._documents:
                document = Documents().read(self._layout.pull_totals(name))
                if document is not None:
                    self._settled.add_document(document)
                    self._documents.add(name)
        open_days = set(with_lines) - self._documents
        self._open = {name: self._open.get(name) or _OpenDay() for name in sorted(open_days)}

    def _read_on(self, name: str, day: _OpenDay) -> None:
        try:
            file = open(self._layout.pulls(name), "rb")  # noqa: SIM115 - it is closed below
        except FileNotFoundError:
            # Its document has come: the folder says so the next time.
            return
        with file:
            status = os.fstat(file.fileno())
            if status.st_ino != day.inode or status.st_size < day.read:
                day.totals, day.inode, day.read = _Totals(), status.st_ino, 0
            if status.st_size > day.read:
                file.seek(day.read)
                tail = _Tail(file)
                day.totals.add(count_lines(tail))
                day.read += tail.read


class _Tail:
    """The whole lines from where a file stands; a last one without end is left for next time."""

    def __init__(self, file: Iterator[bytes]) -> None:
        self._file = file
        self.read = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._file:
            if not line.endswith(b"\n"):
                return
            self.read += len(line)
            yield line[:-1]


def _join(totals: dict[str, Downloads], name: str, more: Downloads) -> None:
    known = totals.get(name)
    totals[name] = more if known is None else more.joined(known)


def _milliseconds(moment: str) -> str:
    """Return a moment of a line, which has seconds, with milliseconds."""
    if len(moment) == _SECONDS and moment.endswith("Z"):
        return f"{moment[:-1]}.000Z"
    return timestamp(parse_timestamp(moment))


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except FileNotFoundError:
        return -1
