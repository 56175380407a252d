"""Scrubbing: reading all content again, at a rate that nobody feels, and taking away what is bad.

What is bad has the wrong digest twice, read from the disk both times. It is put into quarantine,
so that clients upload it again; see `registry.storage.quarantine`. A scrub that was stopped goes
on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from registry.model.digests import Digest
from registry.model.errors import StorageFailed
from registry.storage import documents, walk
from registry.storage.contents import Content, Pace, all_contents, compute
from registry.storage.damage_notes import Note
from registry.storage.documents import Documents
from registry.storage.hurt import hurt
from registry.storage.journal import now, timestamp
from registry.storage.store import Store

_SAVED_EVERY: Final = 30.0
"""Seconds after which is recorded how far a scrub has come, and bad content is taken away: names
are looked for in the whole tree, so many at a time."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """Content that had other bytes than its digest says."""

    digest: Digest
    computed: Digest
    names: Sequence[str]
    """The names that it has in images and in the trash, below the storage folder."""
    tags: Sequence[str]
    """What does not pull completely until it has been pushed again."""

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "digest": self.digest,
            "computed": self.computed,
            "names": list(self.names),
            "tags": list(self.tags),
        }


@dataclass(slots=True)
class ScrubReport:
    """What a scrub has done."""

    complete: bool = False
    """Whether the end has been reached; otherwise the next one goes on."""
    files: int = 0
    bytes: int = 0
    healed: int = 0
    """Damaged content of which a good copy had been pushed since."""
    damaged: list[Damaged] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    """Paths that the disk did not read; they are left where they are."""
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.damaged and not self.unreadable

    def document(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {
            "complete": self.complete,
            "files": self.files,
            "bytes": self.bytes,
            "seconds": self.seconds,
            "healed": self.healed,
            "damaged": [found.document() for found in self.damaged],
            "unreadable": self.unreadable,
        }


@dataclass(frozen=True, slots=True)
class ScrubOptions:
    """How a scrub is made."""

    rate: float = 0
    """Bytes a second; 0 is no bound."""
    most_seconds: float | None = None
    restart: bool = False
    """Begin anew, wherever the last scrub was stopped."""


class Scrubbing:
    """Scrubs one storage folder."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._layout = store.layout
        self._clock = clock

    def run(
        self,
        options: ScrubOptions = ScrubOptions(),
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> ScrubReport:
        """Read content until all of it has been read, or time is up.

        ``progress`` hears how many bytes have been read, of how many.

        Raises:
            StorageUnusable: there is no storage folder, or it is another user's.
        """
        walk.require_owner(self._layout)
        report, began = ScrubReport(healed=self._store.quarantine.heal_all()), self._clock()
        after = None if options.restart else self._position()
        known = self._store.quarantine.bad_inodes()
        self._hide_again(known)
        contents = [
            content
            for content in all_contents(self._layout)
            if content.inode not in known and (after is None or content.inode > after)
        ]
        total, pace = sum(content.size for content in contents), Pace(options.rate)
        bad: list[tuple[Content, Digest]] = []
        saved = began
        for content in contents:
            moment = self._clock()
            if options.most_seconds is not None and moment - began >= options.most_seconds:
                break
            if moment - saved >= _SAVED_EVERY:
                self._save(after, report, bad)
                saved = moment
            self._look(content, pace, report, bad)
            after = content.inode
            progress(report.bytes, total)
        else:
            report.complete, after = True, None
        report.seconds = round(self._clock() - began, 3)
        self._save(after, report, bad)
        return report

    def _hide_again(self, known: Mapping[int, Note]) -> None:
        """Take what is in quarantine out of reach again: it may have been restored from the trash,
        where damaged content lies among what was deleted."""
        names = walk.names_of(self._layout, known) if known else {}
        for inode, note in known.items():
            if set(names[inode]) - set(note.names):
                self._store.quarantine.take(note.digest, note.computed, inode, names[inode])

    def _look(
        self, content: Content, pace: Pace, report: ScrubReport, bad: list[tuple[Content, Digest]]
    ) -> None:
        """Read one file; one that seems bad is read again, because memory and cables err, too."""
        sums = self._store.checksums.hashers(content.digest)
        try:
            computed = compute(content, pace, sums)
            if computed not in (None, content.digest):
                # What was computed on the way is of bytes that were not read right.
                sums, computed = (), compute(content, pace)
        except OSError as error:
            path = walk.relative(self._layout, content.path)
            report.unreadable.append(f"{path}: {error.strerror}")
            return
        if computed is None:
            return
        report.files += 1
        report.bytes += content.size
        if computed != content.digest:
            bad.append((content, computed))
        elif not content.is_manifest:
            # What is read anyway is the cheapest to have its other checksums computed.
            self._store.checksums.keep(content.digest, sums)

    def _position(self) -> int | None:
        """Return the inode after which to go on; a damaged record says nothing."""
        try:
            after = (Documents().read(self._layout.scrubbing()) or {}).get("after")
        except StorageFailed:
            return None
        return after if isinstance(after, int) else None

    def _save(
        self, after: int | None, report: ScrubReport, bad: list[tuple[Content, Digest]]
    ) -> None:
        """Take away what is bad, and record how far the scrub has come."""
        self._take(bad, report)
        bad.clear()
        documents.replace(
            self._layout.scrubbing(),
            {"after": after, "time": timestamp(now()), "last": report.document()},
        )

    def _take(self, bad: Sequence[tuple[Content, Digest]], report: ScrubReport) -> None:
        if not bad:
            return
        names = self._names(bad)
        for content, computed in bad:
            found = names[content.inode]
            self._store.quarantine.take(content.digest, computed, content.inode, found)
        # A push or a mount may have linked a file after the look at its names.
        later = self._names(bad)
        for content, computed in bad:
            inode, known = content.inode, set(names[content.inode])
            if set(later[inode]) - known:
                self._store.quarantine.take(content.digest, computed, inode, later[inode])
            found = sorted(known.union(later[inode]))
            tags = hurt(self._store.manifests, found)
            report.damaged.append(Damaged(content.digest, computed, found, tags))

    def _names(self, bad: Sequence[tuple[Content, Digest]]) -> dict[int, list[str]]:
        return walk.names_of(self._layout, {content.inode for content, _ in bad})
