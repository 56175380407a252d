"""Tags that stay what they are: patterns of them, with exceptions.

A pattern is for the tag, such as ``v*``; with a slash in it, for image and tag together, such as
``team/**/v*``. One that begins with ``!`` is an exception, wherever it stands in the list. Tags by
which signatures and the like are found are never meant: to sign an image changes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from registry.model.ant import ant_pattern
from registry.model.companions import subject_of
from registry.model.errors import FieldInvalid
from registry.model.names import ImageName, Reference, Tag

FIELD: Final = "immutableTags"
"""The field of repositories that has the patterns."""
_MOST: Final = 100
_LONGEST: Final = 512
_EXCEPT: Final = "!"


@dataclass(frozen=True, slots=True)
class ImmutableTags:
    """The patterns of one repository."""

    patterns: Sequence[str] = ()

    def rule_for(self, image: ImageName, reference: Reference) -> str | None:
        """Return the pattern that keeps a tag as it is, or None if nothing does."""
        if not self.patterns or not isinstance(reference, Tag) or subject_of(reference):
            return None
        found = None
        for text in self.patterns:
            exception = text.startswith(_EXCEPT)
            if exception or found is None:
                pattern = text.removeprefix(_EXCEPT)
                if _matches(pattern, image, reference):
                    if exception:
                        return None
                    found = text
        return found


def _matches(pattern: str, image: ImageName, tag: Tag) -> bool:
    return ant_pattern(pattern).matches(f"{image}/{tag}" if "/" in pattern else tag)


def require_patterns(patterns: Sequence[str]) -> None:
    """Raise FieldInvalid unless some texts are patterns of tags."""
    if len(patterns) > _MOST:
        raise FieldInvalid(f"'{FIELD}' has at most {_MOST} patterns", {"field": FIELD})
    for text in patterns:
        pattern = text.removeprefix(_EXCEPT)
        if not pattern or len(text) > _LONGEST or not text.isprintable() or " " in text:
            raise FieldInvalid(
                f"'{FIELD}' has patterns such as v* or team/**/v*, and exceptions such as !*-rc*",
                {"field": FIELD},
            )
