"""The journal: who moved which tag from what to what, when. Append-only, one JSON line an event.

Lines of all processes go to one file a day, each by a single ``write`` with O_APPEND, so they do
not mix. A line is written after its event has been committed; it is not synced, so a power cut
may cost the last lines, never an image.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import threading
from collections.abc import Mapping
from typing import Any

from registry.model.content import Actor
from registry.model.errors import RegistryError
from registry.model.names import ImageName, RepositoryKey
from registry.storage import atomic, open_files
from registry.storage.layout import Layout

logger = logging.getLogger(__name__)

REVERT = "revert"
"""An event: a tag was put back to a manifest that it had before."""
PIN = "pin"
UNPIN = "unpin"
"""Events that leave a tag where it is: retention spares it from now on, or no longer."""
DEPLOY = "deploy"
UNDEPLOY = "undeploy"
"""Events of a folder that has no manifest yet: a layer has come to it, or gone from it."""

ADMINISTRATION = "administration"
"""An event that is about no image: a user, a right, a token, a repository has been changed."""


def timestamp(moment: datetime.datetime) -> str:
    """Return a moment in UTC as ISO 8601 with milliseconds, the form of Artifactory's API."""
    utc = moment.astimezone(datetime.UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def parse_timestamp(text: str) -> datetime.datetime:
    """Return the moment that a text of ours says.

    Raises:
        ValueError: the text is no moment, or does not say in which zone.
    """
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the moment has no zone: {text}")
    return moment


def now() -> datetime.datetime:
    """Return the present moment in UTC."""
    return datetime.datetime.now(datetime.UTC)


class Journal:
    """Writes the journal of one storage folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._descriptor = -1
        self._process = 0
        self._torn = False

    def record(
        self, event: str, key: RepositoryKey, image: ImageName | None, actor: Actor, **facts: Any
    ) -> None:
        """Append one event that has happened; facts that are None are left out.

        Without an image it is about the whole repository.
        """
        self._record(event, actor, {"repository": key, "image": image}, facts)

    def record_change(self, actor: Actor, change: str) -> None:
        """Append that something has been administrated: users, rights, tokens, repositories.

        ``change`` is the request or the command, without any secret.
        """
        self._record(ADMINISTRATION, actor, {}, {"change": change})

    def _record(
        self, event: str, actor: Actor, about: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> None:
        moment = now()
        line = {
            "time": timestamp(moment),
            "event": event,
            **about,
            "principal": actor.name,
            "address": actor.address,
            **({"token": actor.token} if actor.token else {}),
        } | {name: value for name, value in facts.items() if value is not None}
        text = json.dumps(line, ensure_ascii=False)
        with self._lock:
            self._append(f"{moment:%Y-%m-%d}", text.encode("utf-8", "backslashreplace"))

    def _append(self, day: str, line: bytes) -> None:
        """Append a line; the event has happened, so a failure is logged with the line itself."""
        try:
            descriptor = self._open(day)
            # What a failed write left of a line must not spoil this one.
            whole = (b"\n" if self._torn else b"") + line + b"\n"
            self._torn = True
            open_files.write_all(descriptor, whole)
            self._torn = False
        except RegistryError as error:
            logger.error("a line of the journal is lost (%s): %s", error, line.decode())

    def _open(self, day: str) -> int:
        """Return the descriptor of the day's file; a forked or a replaced one is opened again."""
        path = self._layout.journal(day)
        if self._process != os.getpid() or not open_files.is_at(self._descriptor, path):
            self._close()
            self._descriptor = atomic.open_append(path)
            self._process = os.getpid()
        return self._descriptor

    def close(self) -> None:
        """Close the file; the next event opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
