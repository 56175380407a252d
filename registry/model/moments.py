"""Moments as people write them."""

from __future__ import annotations

import datetime
import re
from typing import Final

from registry.model.errors import RequestInvalid

_AGO: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str, now: datetime.datetime) -> datetime.datetime:
    """Return the moment that a text names, as seen at ``now``.

    A number with a unit (``90m``, ``2h``, ``3d``) is that long ago. Otherwise it is a date, which
    means its first moment, or a date and time in the form of ISO 8601. Without a zone it is UTC.

    Raises:
        RequestInvalid: the text has another form.
    """
    match = _AGO.fullmatch(text)
    try:
        if match is not None:
            return now - datetime.timedelta(**{_UNITS[match[2]]: int(match[1])})
        moment = datetime.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise RequestInvalid(
            f"'{text[:80]}' is no time; write 2026-11-23, 2026-11-23T14:30, 2026-11-23T14:30Z, "
            "or how long ago it is: 90m, 2h, 3d"
        ) from None
