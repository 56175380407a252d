"""What an upstream registry says about how often it may be asked.

Docker Hub: ``ratelimit-limit: 100;w=21600``, ``ratelimit-remaining: 76;w=21600``; when the limit
is reached 429 with ``Retry-After`` (seconds or a date) or ``X-Retry-After`` (seconds since 1970).
"""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from typing import Final

from registry.model.allowance import Allowance
from registry.repositories.upstream.answers import Answer, number

USUAL_PAUSE: Final = 60
"""Seconds without asking after 429 where nothing is said."""
LONGEST_PAUSE: Final = 6 * 3600
"""As long as the longest known window; an upstream could say a year."""
_EPOCHS: Final = 1_000_000_000
"""A number beyond is a moment, and no count of seconds."""
_SHOWN: Final = 200


def allowance_of(answer: Answer) -> Allowance | None:
    """Return what an answer says about the allowance; None where it says nothing."""
    limit, window = _with_window(answer.header("RateLimit-Limit"))
    remaining, other = _with_window(answer.header("RateLimit-Remaining"))
    if limit is None and remaining is None:
        return None
    source = readable(answer.header("Docker-RateLimit-Source"))
    return Allowance(limit, remaining, window or other, source, time.time())


def seconds_to_wait(answer: Answer) -> int:
    """Return the seconds after which an upstream that answered 429 may be asked again."""
    for name in ("Retry-After", "X-Retry-After"):
        text = answer.header(name)
        seconds = number(text)
        if seconds is None and text:
            seconds = _moment(text)
        if seconds is not None and seconds >= _EPOCHS:
            seconds -= int(time.time())
        if seconds is not None:
            return min(max(seconds, 1), LONGEST_PAUSE)
    return USUAL_PAUSE


def said(body: bytes) -> str:
    """Return the message of an error's body, for people; empty where there is none."""
    try:
        message = json.loads(body)["errors"][0]["message"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        message = ""
    return readable(message) if isinstance(message, str) else ""


def readable(text: str) -> str:
    """Return a text of an upstream such that it can be shown: short, and all on one line."""
    return "".join(c for c in text[:_SHOWN] if c.isprintable()).strip()


def _with_window(text: str) -> tuple[int | None, int | None]:
    amount, _, rest = text.partition(";")
    name, _, seconds = rest.partition("=")
    return number(amount), number(seconds) if name.strip() == "w" else None


def _moment(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, OverflowError, TypeError):
        return None
