"""Files of JSON lines, one a day, to which many processes append: finding and reading them.

What a full disk or a power cut leaves of a line has no end, so the next line may be appended to
it. The start of a line cannot occur within one, because quotes in it are escaped; so from the last
start on a line is whole again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from registry.storage.manifest_files import listed

ENDING: Final = ".jsonl"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def days(folder: str, ending: str = ENDING) -> list[str]:
    """Return the days that have a file with that ending in a folder, oldest first."""
    names = (name.removesuffix(ending) for name in listed(folder) if name.endswith(ending))
    return sorted(name for name in names if _DAY.fullmatch(name))


def lines(path: str) -> Iterator[bytes]:
    """Yield the lines of a file without their ends; a file that is gone has none."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - it is closed below
    except FileNotFoundError:
        return
    with file:
        for line in file:
            yield line.rstrip(b"\n")


def parse_line(line: bytes, start: bytes) -> dict[str, Any] | None:
    """Return what a line says, from the last ``start`` in it on, or None if it is damaged."""
    position = line.rfind(start)
    if position < 0:
        return None
    try:
        document = json.loads(line[position:])
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
