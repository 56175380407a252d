"""What all processes know of an upstream registry together: pauses, what is left, how it went.

Before a question the note of the remote repository is looked at, and a pause that runs in it is
taken over; afterwards whatever is news is written into it. That costs a look at one file, and a
small write where something has changed, beside a question over the network. Nobody waits for a
lock, and no pull fails because of a note that cannot be read or written.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

from registry.model.errors import RegistryError
from registry.repositories.upstream.calls import Call
from registry.repositories.upstream.condition import (
    REFRESHED,
    Condition,
    Pause,
    Trouble,
    condition_of,
)
from registry.repositories.upstream.failures import Failure, Limit
from registry.repositories.upstream.limits import LONGEST_PAUSE
from registry.repositories.upstream.pausing import Pausing
from registry.repositories.upstream.terms import Terms

_log: Final = logging.getLogger(__name__)
_TERMS: Final = "terms"


class Notes(Protocol):
    """Where the note of each remote repository is kept; see `registry.storage.upstream_notes`."""

    def read(self, key: str, /) -> Mapping[str, Any] | None:
        """Return a note, or None. Raises RegistryError, OSError."""

    def write(self, key: str, document: Mapping[str, Any], /) -> None:
        """Replace a note. Raises RegistryError, OSError."""


class Unkept:
    """For whoever asks without a storage folder: nothing is kept."""

    def read(self, key: str) -> None:
        """Return nothing."""

    def write(self, key: str, document: Mapping[str, Any]) -> None:
        """Keep nothing."""


def kept_condition(notes: Notes, terms: Terms) -> Condition:
    """Return what is noted of an upstream registry.

    A note that is damaged, or that was written of another upstream registry, says nothing.
    """
    try:
        document = notes.read(terms.key) or {}
    except (RegistryError, OSError, RecursionError):
        document = {}
    if document.get(_TERMS) != terms.fingerprint:
        return Condition()
    return condition_of(document).until(time.time())


class Remembering:
    """What this process knows of one upstream registry, and has from the others."""

    def __init__(self, notes: Notes, terms: Terms, pausing: Pausing) -> None:
        self._notes = notes
        self._terms = terms
        self._pausing = pausing
        self._lock = threading.Lock()
        self._known = Condition()
        self._unwritable_until = 0.0

    @property
    def condition(self) -> Condition:
        """What is known, also where it cannot be written."""
        kept = kept_condition(self._notes, self._terms)
        with self._lock:
            return self._known.joined(kept, time.time())

    @contextmanager
    def asked(self, call: Call) -> Iterator[None]:
        """Ask, unless upstream is left alone by anybody; and let all know how it went.

        Raises:
            Failure, Limit: the upstream is being left alone; the cause is that of the pause.
        """
        self._take_over()
        try:
            with self._pausing.passed():
                yield
        except Limit as limit:
            if not limit.known:
                self._tell_failure(call, limit.cause, limit.seconds, named=True)
            raise
        except Failure as failure:
            if not failure.known:
                seconds = self._terms.offline_period if failure.silent else 0.0
                self._tell_failure(call, failure.cause, seconds, named=False)
            raise
        self._tell(call, time.time())

    def _take_over(self) -> None:
        """Begin the pause that another process has begun.

        It is no longer than ours could be, whatever the other clock says.
        """
        now = time.time()
        kept = kept_condition(self._notes, self._terms)
        pause = kept.paused(now)
        if pause is not None:
            most = LONGEST_PAUSE if pause.named else self._terms.offline_period
            left = min(pause.until - now, most)
            self._pausing.take_over(pause.cause, left, limited=pause.named)
            return
        with self._lock:
            lost = self._known.paused(now) is not None
        if lost:
            # Somebody has written at the same instant as we did, see `condition`.
            self._write(Condition(), now)

    def _tell_failure(self, call: Call, cause: str, seconds: float, *, named: bool) -> None:
        now = time.time()
        pause = Pause(now + seconds, cause, named) if seconds > 0 else None
        self._tell(call, now, Trouble(now, cause), pause)

    def _tell(
        self, call: Call, now: float, failed: Trouble | None = None, pause: Pause | None = None
    ) -> None:
        answered = now if failed is None or call.heard else None
        self._write(Condition(answered, call.allowance, failed, pause), now)

    def _write(self, news: Condition, now: float) -> None:
        """Keep what is new; each change of the allowance at once, because the last one must get
        there, and a question has cost far more than the write does.
        """
        kept = kept_condition(self._notes, self._terms)
        with self._lock:
            known = self._known = news.joined(self._known, now).joined(kept, now)
        if now < self._unwritable_until or not known.is_news_after(kept):
            return
        try:
            document = {_TERMS: self._terms.fingerprint, **known.document()}
            self._notes.write(self._terms.key, document)
        except (RegistryError, OSError) as error:
            if not self._unwritable_until:
                key = self._terms.key
                _log.warning("the state of the upstream of '%s' cannot be kept: %s", key, error)
            self._unwritable_until = now + REFRESHED
        else:
            self._unwritable_until = 0.0
