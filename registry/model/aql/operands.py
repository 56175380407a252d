"""What the operands of AQL mean: patterns, moments, spans of time and numbers."""

from __future__ import annotations

import calendar
import datetime
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

Test = Callable[[Any], bool]
"""Whether a value is as wanted; it is never None."""

_WILD: Final = re.compile(r"[*?]")
_DIGEST_FOLDER: Final = re.compile(r"(?:^|(?<=/))(sha256|sha512):")
_SPAN: Final = re.compile(r"([0-9]{1,9}) ?([a-zA-Z]{1,12})", re.ASCII)
_MILLISECONDS: Final = re.compile(r"[0-9]{9,15}", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)

_SECONDS: Final[Mapping[str, float]] = {
    **dict.fromkeys(("ms", "mills", "millis", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_MONTHS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("mo", "month", "months"), 1),
    **dict.fromkeys(("y", "year", "years"), 12),
}
UNITS: Final = "ms, s, minutes, h, d, w, mo or y"
"""The units of spans, for messages."""
_EARLIEST: Final = datetime.datetime.min.replace(tzinfo=datetime.UTC)


def is_wild(pattern: str) -> bool:
    """Return whether a pattern stands for more than one text."""
    return _WILD.search(pattern) is not None


def literal_start(pattern: str) -> str:
    """Return how everything begins that a pattern stands for."""
    return _WILD.split(pattern, maxsplit=1)[0]


def glob(pattern: str) -> Callable[[str], bool]:
    """Return whether texts fit a pattern: ``*`` is any run, also of slashes, ``?`` any character.

    It takes time that grows with the length of the text times that of the pattern, no more.
    """
    if not is_wild(pattern):
        return pattern.__eq__
    runs = re.split(r"\*+", pattern)
    if all(not run for run in runs):
        return lambda text: True
    if len(runs) == 2 and not any("?" in run for run in runs):
        start, end = runs
        least = len(start) + len(end)
        return lambda text: len(text) >= least and text.startswith(start) and text.endswith(end)
    parts = [_characters(run) for run in runs]
    # The first place where a run fits is as good as any later one, so there is no going back.
    inner = "".join(f"(?>.*?{part})" for part in parts[1:-1])
    last = f".*{parts[-1]}" if len(parts) > 1 else ""
    expression = re.compile(f"{parts[0]}{inner}{last}", re.DOTALL)
    return lambda text: expression.fullmatch(text) is not None


def _characters(run: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in run)


def folder_form(path: str) -> str:
    """Return a path with ``sha256__`` for ``sha256:`` at the start of a folder's name.

    Local repositories have the latter, caches of remote ones the former; clients mix them up.
    """
    return _DIGEST_FOLDER.sub(r"\1__", path) if ":" in path else path


def moment(text: str) -> str | None:
    """Return a moment in the form of `Item.created`, or None if the text is none.

    A moment is ISO 8601, in UTC where it says no zone, or milliseconds since 1970; a date is its
    first instant.
    """
    try:
        if _MILLISECONDS.fullmatch(text):
            found = datetime.datetime.fromtimestamp(int(text) / 1000, datetime.UTC)
        else:
            found = datetime.datetime.fromisoformat(text.strip())
        zoned = found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)
        return written(zoned.astimezone(datetime.UTC))
    except (ValueError, OverflowError):
        return None


def written(utc: datetime.datetime) -> str:
    """Return a moment in UTC in the form of `Item.created`."""
    return f"{utc.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def is_span(text: str) -> bool:
    """Return whether a text is a span of time, such as ``5d``."""
    match = _SPAN.fullmatch(text)
    return match is not None and match[2].lower() in {*_SECONDS, *_MONTHS}


def ago(span: str, now: datetime.datetime) -> str:
    """Return the moment that lies a span of time before ``now``; see `is_span`."""
    match = _SPAN.fullmatch(span)
    if match is None:
        raise ValueError(f"this is no span of time: {span}")
    count, unit = int(match[1]), match[2].lower()
    try:
        if unit in _MONTHS:
            return written(_months_before(now, count * _MONTHS[unit]))
        return written(now - datetime.timedelta(seconds=count * _SECONDS[unit]))
    except (ValueError, OverflowError):
        return written(_EARLIEST)


def _months_before(now: datetime.datetime, months: int) -> datetime.datetime:
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return now.replace(year=year, month=month + 1, day=min(now.day, last))


def number(text: str) -> float | None:
    """Return a number, whole if it can be, or None if the text is none."""
    if not _NUMBER.fullmatch(text):
        return None
    return int(text) if text.lstrip("-").isdigit() else float(text)


_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def compare(sign: str, operand: str | float) -> Test:
    """Return whether values compare with an operand as an operator says."""
    if sign == "$eq":
        return lambda value: bool(value == operand)
    if sign == "$ne":
        return lambda value: bool(value != operand)
    if sign in _ORDER:
        order = _ORDER[sign]
        return lambda value: order(value, operand)
    fits = glob(str(operand))
    return fits if sign == "$match" else lambda value: not fits(value)
