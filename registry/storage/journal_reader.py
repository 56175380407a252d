"""The journal, read back: what happened to tags.

The other half of `registry.storage.journal`, which writes it. The journal is not synced, so the
last lines may be missing after a power cut; what a tag is, the tree alone says.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.storage.journal import parse_timestamp
from registry.storage.layout import Layout
from registry.storage.line_files import days, lines, parse_line

_START: Final = b'{"time": '


@dataclass(frozen=True, slots=True)
class TagEvent:
    """Something that was done to a tag."""

    time: datetime.datetime
    event: str
    image: ImageName
    tag: Tag
    digest: Digest | None
    """What the tag stood for afterwards; None if it was gone."""
    previous: Digest | None
    """What it stood for before; None if there was no such tag."""
    principal: str
    address: str
    rule: str | None = None
    """The rule that a deletion followed."""


@dataclass(frozen=True, slots=True)
class TagEvents:
    """What was found in the journal, oldest first."""

    events: Sequence[TagEvent]
    damaged: int
    """How many lines could not be read, whatever they were about."""


class JournalReader:
    """Reads the journal of one storage folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def tag_events(
        self, key: RepositoryKey, image: ImageName | None = None, tag: Tag | None = None
    ) -> TagEvents:
        """Return what happened to the tags of a repository, to those of an image, or to one."""
        # Most lines are about something else, and need not be parsed to see that.
        words = [f'"{word}"'.encode() for word in (key, image, tag) if word is not None]
        found, damaged = list[TagEvent](), 0
        for day in days(self._layout.top("journal")):
            for line in lines(self._layout.journal(day)):
                whole = line.startswith(_START) and line.endswith(b"}") and line.count(_START) == 1
                if whole and not all(word in line for word in words):
                    continue
                document = parse_line(line, _START)
                # What is left of a torn line is lost even where the one after it is whole.
                damaged += not whole or document is None
                if document is None or document.get("repository") != key or "tag" not in document:
                    continue
                event = _event(document)
                damaged += event is None
                if event and image in (None, event.image) and tag in (None, event.tag):
                    found.append(event)
        return TagEvents(found, damaged)


def _event(document: dict[str, Any]) -> TagEvent | None:
    """Return the event that a line about a tag tells, or None if it is nonsense."""
    try:
        return TagEvent(
            time=parse_timestamp(document["time"]),
            event=str(document["event"]),
            image=ImageName.parse(document["image"]),
            tag=Tag.parse(document["tag"]),
            digest=_digest(document.get("digest")),
            previous=_digest(document.get("previous")),
            principal=str(document["principal"]),
            address=str(document["address"]),
            rule=document.get("rule"),
        )
    except (AttributeError, KeyError, TypeError, ValueError, RegistryError):
        return None


def _digest(text: str | None) -> Digest | None:
    return None if text is None else Digest.parse(text)
