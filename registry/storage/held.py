"""Names on hold: what is about to be freed is renamed first, and freed only after a while.

A "yes, I have it" may have been given a moment before the name was taken away. So the name stays
beside its old place as ``_held.<nanoseconds>.<random>.<name>``; whoever needs it brings it back,
and the pruner, before it removes the name for good, looks whether somebody has.

Renaming is the compare-and-set: of two pruners one gets the name. Only the modification time
tells that somebody wanted the content meanwhile, because a rename itself changes the other one.
Source: Harbor's two-step deletion of blobs ("Non-Blocking GC" proposal).
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from dataclasses import dataclass
from typing import Final

from registry.storage import atomic
from registry.storage.layout import HELD_PREFIX
from registry.storage.manifest_files import listed
from registry.storage.passes import Age, Ages

_NAME: Final = re.compile(re.escape(HELD_PREFIX) + r"([0-9]{1,19})\.[0-9a-f]{8}\.(.+)")


@dataclass(frozen=True, slots=True)
class Held:
    """A name on hold: where it is, where it was, and since when, in nanoseconds since 1970."""

    path: str
    final: str
    since: int


def parse(folder: str, name: str) -> Held | None:
    """Return what the name of a file in ``folder`` says, or None if it is not on hold."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return Held(f"{folder}/{name}", f"{folder}/{match[2]}", int(match[1]))


def hold(path: str, before: float, began: float = 0.0) -> Held | None:
    """Take the name ``path`` away; return what is on hold, or None if it could not be had.

    Content that was wanted since ``before`` (seconds since 1970) is put back at once: somebody
    came between the caller's look and the rename. It is on hold since ``began`` at the earliest,
    when the pass began: a clock that has been set back since would end the hold too soon.
    """
    folder, name = os.path.split(path)
    since = max(time.time_ns(), round(began * 1e9))
    held = Held(f"{folder}/{HELD_PREFIX}{since}.{secrets.token_hex(4)}.{name}", path, since)
    if not atomic.move(path, held.path):
        return None
    with contextlib.suppress(FileNotFoundError):
        if os.stat(held.path).st_mtime > before:
            bring_back(held)
            return None
    return held


def bring_back(held: Held) -> None:
    """Give the old name back; somebody else's content that has come there stays."""
    try:
        atomic.link(held.path, held.final)
    except FileNotFoundError:
        return
    atomic.remove(held.path)


def drop(held: Held) -> None:
    """Remove a name on hold for good."""
    atomic.remove(held.path)


def resurrect(path: str) -> bool:
    """Bring ``path`` back from hold, because it is needed; return whether it is there now."""
    folder = os.path.dirname(path)
    for entry in sorted(listed(folder), reverse=True):
        held = parse(folder, entry)
        if held is None or held.final != path:
            continue
        try:
            atomic.link(held.path, path)
        except FileNotFoundError:
            continue
        # Its other name stays: the pruner removes it, and nobody else may take it from there.
        return atomic.touch(path)
    return os.path.exists(path)


def is_over(held: Held, hold: float, ages: Ages) -> bool:
    """Return whether a name has been on hold for ``hold`` seconds, and that is proved.

    What seems to be on hold since the future has seen a clock that was wrong; it need not wait
    for that, because it will be brought back.
    """
    since = held.since / 1e9
    return since > ages.now + hold or ages.of(since, hold) is Age.OLD


def is_wanted(held: Held, status: os.stat_result, ages: Ages) -> bool:
    """Return whether content on hold, found to be as ``status`` says, must be brought back.

    It was wanted a moment before it was renamed, or after that; or a clock was wrong.
    """
    wanted = ages.of(status.st_mtime) is not Age.OLD or held.since / 1e9 > ages.now
    return wanted and not os.path.exists(held.final)
