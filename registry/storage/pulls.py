"""Who pulled which manifest, when: one line a pull, one document a day later on.

A line is appended by a single ``write`` with O_APPEND before the answer is sent, so lines of all
processes stand one after the other, and a killed process loses none of what it has answered. It
is not synced: after a power cut the last pulls may be missing. Counting never makes a pull fail.

Once a day has been over for a day, its lines are counted into a document. That is in its place
before the lines go; where both are there, the document is right.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import threading
import time
from collections.abc import Callable

from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.storage import atomic, documents, open_files, syncing
from registry.storage.documents import Documents
from registry.storage.layout import Layout
from registry.storage.line_files import days, lines
from registry.storage.pull_counts import (
    DayPulls,
    LastPulls,
    count_lines,
    document_of,
    parse_document,
)

logger = logging.getLogger(__name__)

SETTLED_AFTER = datetime.timedelta(days=1)
"""How long after its end a day is over for certain: clocks differ, and processes are stopped."""
_COMPLAINT_EVERY = 60.0
"""Seconds between two messages of the log that pulls are not counted."""
_DOCUMENT = ".json"


class Pulls:
    """Counts the pulls of one storage folder."""

    def __init__(self, layout: Layout, clock: Callable[[], float] = time.time) -> None:
        self._layout = layout
        self._clock = clock
        self._folder = layout.top("pulls")
        self._lock = threading.Lock()
        self._descriptor = -1
        self._start = -1, ""
        """The present second, and how all of its lines begin."""
        self._complained = float("-inf")

    # --- counting ----------------------------------------------------------------------------

    def record(
        self, key: RepositoryKey, image: ImageName, reference: Reference, digest: str, who: str
    ) -> None:
        """Count a pull of the manifest ``digest``, which was asked for as ``reference``."""
        second, start = self._start
        try:
            if second != int(self._clock()):
                start = self._turn(int(self._clock()))
            tag = f',"tag":"{reference}"' if isinstance(reference, Tag) else ""
            line = (
                f'{start}"repository":"{key}","image":"{image}","digest":"{digest}"{tag}'
                f',"principal":{json.dumps(who)}}}\n'
            ).encode("ascii")
            if open_files.append(self._descriptor, line) != len(line):
                raise OSError("the line was cut off")
        except OSError as error:
            self._complain(error)

    def _turn(self, second: int) -> str:
        """Begin a second: see to the day's file, and return how the lines of the second begin.

        What is done once a second here need not be done for each pull.
        """
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
        with self._lock:
            self._open(moment[:10])
            self._start = second, f'{{"time":"{moment}",'
            return self._start[1]

    def _open(self, day: str) -> None:
        """Open the day's file, also if another one has come in its place.

        The number of the open file stays the same, because another thread may be about to write
        to it: a late line then comes into the new file, and never into somebody else's.
        """
        path = self._layout.pulls(day)
        if open_files.is_at(self._descriptor, path):
            return
        fresh = open_files.open_lines(path)
        if self._descriptor >= 0:
            open_files.put_over(fresh, self._descriptor)
        else:
            self._descriptor = fresh

    def _complain(self, error: OSError) -> None:
        with self._lock:
            moment = self._clock()
            if 0 <= moment - self._complained < _COMPLAINT_EVERY:
                return
            self._complained = moment
        logger.error("pulls are not counted: %s", error)

    def close(self) -> None:
        """Close the file; nothing may be counted meanwhile. The next pull opens it again."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
            self._start = -1, ""
        if descriptor >= 0:
            os.close(descriptor)

    # --- looking -----------------------------------------------------------------------------

    def days(self) -> list[str]:
        """Return the days of which pulls are known, oldest first."""
        return sorted({*days(self._folder), *days(self._folder, _DOCUMENT)})

    def day(self, day: str) -> DayPulls:
        """Return the pulls of one day.

        Raises:
            StorageFailed: the document of the day is damaged.
        """
        # Between two looks the lines may have been counted into the document.
        for _ in range(2):
            document = Documents().read(self._layout.pull_totals(day))
            if document is not None:
                return parse_document(document)
            if os.path.exists(self._layout.pulls(day)):
                break
        return count_lines(lines(self._layout.pulls(day)))

    def last_pulls(self, key: RepositoryKey) -> LastPulls:
        """Return when each tag and manifest of a repository was pulled last, and how often."""
        return LastPulls(map(self.day, self.days()), key)

    # --- making it shorter -------------------------------------------------------------------

    def compact(self, now: datetime.datetime) -> list[str]:
        """Count the lines of days that are over into documents; return these days. Durable.

        No count is lost, wherever it is interrupted, and any number of processes may do it.

        Raises:
            StorageFailed: a document is damaged; the lines beside it stay.
        """
        settled = f"{(now - SETTLED_AFTER).astimezone(datetime.UTC):%Y-%m-%d}"
        done = [day for day in days(self._folder) if day < settled]
        for day in done:
            self._compact(day)
            atomic.remove(self._layout.pulls(day))
        if done:
            syncing.sync_folder(self._folder)
        return done

    def _compact(self, day: str) -> None:
        """Make sure that a day has its document: of several who make it, the first one counts."""
        path = self._layout.pull_totals(day)
        if Documents().read(path) is None:
            counted = count_lines(lines(self._layout.pulls(day)))
            with contextlib.suppress(FileExistsError):
                documents.create(path, document_of(counted))
