"""Ant patterns over paths, as Artifactory's include and exclude patterns are written.

``?`` is one character and ``*`` any number of them, both within one part of a path; ``**``, as a
whole part, is any number of parts, also none. A slash at the end of a pattern stands for ``/**``.
Paths and patterns have no slash at the beginning. Upper and lower case differ.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

EVERYTHING: Final = "**/*"
"""The pattern of every path."""

_ANY_PARTS: Final = "**"
_CACHED: Final = 4096


@dataclass(frozen=True, slots=True)
class AntPattern:
    """One pattern, ready for use."""

    text: str
    _parts: tuple[str, ...]
    _whole: re.Pattern[str]

    def matches(self, path: str) -> bool:
        """Return whether the pattern fits the whole path."""
        return self._whole.fullmatch(f"{path}/" if path else "") is not None

    def may_match_below(self, folder: str, depth: int) -> bool:
        """Return whether the pattern fits some path that is ``depth`` parts below a folder."""
        return _above(self._parts, depth).fullmatch(f"{folder}/") is not None

    def matches_all_below(self, folder: str) -> bool:
        """Return whether the pattern fits every path below a folder, as one that ends in ``**``."""
        # What fits a part that nothing else can be fits whatever may be there.
        return self._parts[-1].strip("*") == "" and all(
            self.matches(f"{folder}{_NOBODYS * depth}") for depth in (1, 2, 3)
        )

    def matches_everything(self) -> bool:
        """Return whether the pattern fits every path."""
        return all(self.matches((_NOBODYS * depth)[1:]) for depth in (1, 2, 3))


_NOBODYS: Final = "/" + "\0" * 256
"""A part of a path that is longer than any name, and that no pattern spells."""


@functools.lru_cache(_CACHED)
def ant_pattern(text: str) -> AntPattern:
    """Return the pattern that a text spells; every text spells one."""
    text = text.strip().removeprefix("/")
    if text.endswith("/"):
        text += _ANY_PARTS
    parts = tuple(text.split("/"))
    return AntPattern(text, parts, re.compile(_expression(parts), re.DOTALL))


@functools.lru_cache(_CACHED)
def ant_patterns(text: str) -> Sequence[AntPattern]:
    """Return the patterns that a list with commas between them spells; an empty one has none."""
    return tuple(ant_pattern(one) for one in text.split(",") if one.strip())


@functools.lru_cache(_CACHED)
def _above(parts: tuple[str, ...], depth: int) -> re.Pattern[str]:
    """Return what fits a folder if a pattern fits some path ``depth`` parts below it.

    The beginning of the pattern fits the folder, and the rest takes as many parts: each of its own
    parts takes one, whatever that has to be, and ``**`` in it or right before it any number.
    """
    beginnings = []
    for place in range(len(parts) + 1):
        rest = parts[place:]
        taken = sum(part != _ANY_PARTS for part in rest)
        takes_more = _ANY_PARTS in (*rest, *parts[:place][-1:])
        if taken == depth or (taken < depth and takes_more):
            beginnings.append(f"(?:{_expression(parts[:place])})")
    return re.compile("|".join(beginnings) or r"(?!)", re.DOTALL)


def _expression(parts: Sequence[str]) -> str:
    """Return the regular expression of a pattern, over paths with a slash after each part.

    What stands between two ``**`` is looked for where it comes first, and then nowhere else: that
    is enough, as what follows finds at least as much, and takes no more time than the path is long.
    """
    groups: list[list[str]] = [[]]
    for part in parts:
        if part == _ANY_PARTS:
            groups.append([])
        else:
            groups[-1].append(part)
    texts = ["".join(f"{_part_expression(part)}/" for part in group) for group in groups]
    if len(texts) == 1:
        return texts[0]
    between = "".join(f"(?>(?:[^/]+/)*?{text})" for text in texts[1:-1] if text)
    return f"{texts[0]}{between}(?:[^/]+/)*{texts[-1]}"


def _part_expression(part: str) -> str:
    """Return the regular expression of one part; each run of characters is found once."""
    runs = [
        "".join("[^/]" if character == "?" else re.escape(character) for character in run)
        for run in re.split(r"\*+", part)
    ]
    if len(runs) == 1:
        return runs[0]
    between = "".join(f"(?>[^/]*?{run})" for run in runs[1:-1] if run)
    return f"{runs[0]}{between}[^/]*{runs[-1]}"
