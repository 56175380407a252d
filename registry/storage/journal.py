"""The journal: who moved which tag from what to what, when. Append-only, one JSON line an event.

Lines of all processes go to one file a day, each by a single ``write`` with O_APPEND, so they do
not mix. A line is written after its event has been committed; it is not synced, so a power cut
may cost the last lines, never an image.
"""

from __future__ import annotations

import datetime
import json
import os
import threading
from typing import Any

from registry.model.content import Actor
from registry.model.names import ImageName, RepositoryKey
from registry.storage import atomic
from registry.storage.layout import Layout


def timestamp(moment: datetime.datetime) -> str:
    """Return a moment in UTC as ISO 8601 with milliseconds, the form of Artifactory's API."""
    utc = moment.astimezone(datetime.UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def now() -> datetime.datetime:
    """Return the present moment in UTC."""
    return datetime.datetime.now(datetime.UTC)


class Journal:
    """Writes the journal of one storage folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._day = ""
        self._descriptor = -1
        self._process = 0

    def record(
        self, event: str, key: RepositoryKey, image: ImageName, actor: Actor, **facts: Any
    ) -> None:
        """Append one event; facts that are None are left out."""
        moment = now()
        line = {
            "time": timestamp(moment),
            "event": event,
            "repository": key,
            "image": image,
            "principal": actor.name,
            "address": actor.address,
        } | {name: value for name, value in facts.items() if value is not None}
        data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            atomic.append_line(self._open(f"{moment:%Y-%m-%d}"), data)

    def _open(self, day: str) -> int:
        """Return the descriptor of the day's file; a removed or forked one is opened again."""
        stale = day != self._day or self._process != os.getpid()
        if stale or os.fstat(self._descriptor).st_nlink == 0:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = atomic.open_append(self._layout.journal(day))
            self._day, self._process = day, os.getpid()
        return self._descriptor

    def close(self) -> None:
        """Close the file; the next event opens it again."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor, self._day = -1, ""
