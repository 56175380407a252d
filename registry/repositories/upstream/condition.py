"""What is known of an upstream registry: what is left for us, and whether it is left alone.

It is kept as one document for each remote repository, which all processes read and write without
a lock, because nobody may wait for one while asking. So whoever writes brings together what the
document says and what is new. Of two who do so at the same instant one is lost; it is said again
with the next question.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from registry.model.allowance import Allowance
from registry.storage.journal import parse_timestamp, timestamp

REFRESHED: Final = 60.0
"""Seconds after which news that is like the last is written all the same: revalidating hot tags
must not cost a write each time."""
SAME: Final = 1.0
"""Seconds by which two ends of what is one pause may differ."""

_END: Final = 253_402_214_400.0
"""The last day that a timestamp has a form for."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure, at a moment in seconds since 1970; the cause is that which is logged."""

    time: float
    cause: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Nobody asks until a moment in seconds since 1970."""

    until: float
    cause: str
    named: bool
    """Whether upstream has named that moment, by 429; else it was silent."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is known; None is what is not. Times are in seconds since 1970."""

    answered: float | None = None
    """When it last answered at all, up to `REFRESHED` seconds later."""
    allowance: Allowance | None = None
    failed: Trouble | None = None
    """Its last failure, as long as it has not answered since."""
    pause: Pause | None = None

    def paused(self, now: float) -> Pause | None:
        """Return the pause that is running."""
        return self.pause if self.pause is not None and self.pause.until > now else None

    def until(self, now: float) -> Condition:
        """Return it without what is said to have been later; clocks differ by no more than that.

        What came from a clock that was far ahead would hide all that is new until that moment.
        """
        last = now + REFRESHED
        allowance, failed = self.allowance, self.failed
        return Condition(
            self.answered if self.answered is not None and self.answered <= last else None,
            allowance if allowance is not None and allowance.seen_at <= last else None,
            failed if failed is not None and failed.time <= last else None,
            self.pause,
        )

    def joined(self, other: Condition, now: float) -> Condition:
        """Return what both say: of everything the later. Pauses that are over are dropped."""
        answered = max(self.answered or 0.0, other.answered or 0.0) or None
        failed = max((f for f in (self.failed, other.failed) if f), key=_time_of, default=None)
        if failed is not None and answered is not None and answered > failed.time:
            failed = None
        allowances = (a for a in (self.allowance, other.allowance) if a)
        pauses = (p for p in (self.paused(now), other.paused(now)) if p)
        return Condition(
            answered,
            max(allowances, key=_seen_at, default=None),
            failed,
            # What upstream has named itself is not shortened by its silence.
            max(pauses, key=lambda pause: (pause.named, pause.until), default=None),
        )

    def is_news_after(self, known: Condition) -> bool:
        """Return whether somebody would want to know it who knows that."""
        if (self.answered or 0.0) - (known.answered or 0.0) >= REFRESHED:
            return True
        return (
            _unseen(self.allowance) != _unseen(known.allowance)
            or _is_other_trouble(self.failed, known.failed)
            or _is_other_pause(self.pause, known.pause)
        )

    def document(self) -> dict[str, Any]:
        """Return it for the disk and for the API."""
        allowance, failed, pause = self.allowance, self.failed, self.pause
        return {
            "answered": _text(self.answered),
            "allowance": allowance
            and {
                "limit": allowance.limit,
                "remaining": allowance.remaining,
                "windowSeconds": allowance.window,
                "source": allowance.source,
                "seen": _text(allowance.seen_at),
            },
            "failed": failed and {"time": _text(failed.time), "cause": failed.cause},
            "pausedUntil": pause and _text(pause.until),
            "cause": pause and pause.cause,
            "named": pause and pause.named,
        }


def condition_of(document: Mapping[str, Any]) -> Condition:
    """Return what a document says; what has another form in it says nothing."""
    allowance, failed = _object(document.get("allowance")), _object(document.get("failed"))
    seen, time = _moment(allowance.get("seen")), _moment(failed.get("time"))
    until = _moment(document.get("pausedUntil"))
    limit, remaining = _count(allowance.get("limit")), _count(allowance.get("remaining"))
    known = seen is not None and (limit is not None or remaining is not None)
    return Condition(
        _moment(document.get("answered")),
        Allowance(
            limit, remaining, _count(allowance.get("windowSeconds")),
            _said(allowance.get("source")), seen or 0.0,
        ) if known else None,
        None if time is None else Trouble(time, _said(failed.get("cause"))),
        None
        if until is None
        else Pause(until, _said(document.get("cause")), document.get("named") is True),
    )  # fmt: skip


def _time_of(trouble: Trouble) -> float:
    return trouble.time


def _seen_at(allowance: Allowance) -> float:
    return allowance.seen_at


def _unseen(allowance: Allowance | None) -> Allowance | None:
    return allowance and dataclasses.replace(allowance, seen_at=0.0)


def _is_other_trouble(one: Trouble | None, other: Trouble | None) -> bool:
    if one is None or other is None:
        return one is not other
    return one.cause != other.cause or one.time - other.time >= REFRESHED


def _is_other_pause(one: Pause | None, other: Pause | None) -> bool:
    if one is None or other is None:
        return one is not other
    return one.named != other.named or one.until - other.until >= SAME


def _text(moment: float | None) -> str | None:
    if moment is None:
        return None
    return timestamp(datetime.datetime.fromtimestamp(moment, datetime.UTC))


def _moment(value: object) -> float | None:
    try:
        moment = parse_timestamp(value).timestamp() if isinstance(value, str) else -1.0
    except (ValueError, OverflowError):
        return None
    return moment if 0 <= moment < _END else None


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def _said(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
