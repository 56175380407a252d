"""How often manifests were pulled: lines counted into totals, and totals kept as a document.

A day's lines are all of one form, and differ in little but the time with which they begin. So what
comes after the time is counted as it stands, and only what is different is parsed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.storage.journal import parse_timestamp
from registry.storage.line_files import parse_line

START: Final = b'{"time":"'
_TIME: Final = len("2026-11-23T12:00:00Z")
_REST: Final = len(START) + _TIME


@dataclass(frozen=True, slots=True)
class Pulled:
    """How often a manifest was pulled under one name, and when. Times are ISO 8601, in UTC."""

    count: int
    first: str
    last: str
    principal: str
    """Who pulled it last."""

    def joined(self, other: Pulled | None) -> Pulled:
        """Return both together."""
        if other is None:
            return self
        later = self if self.last >= other.last else other
        return replace(later, count=self.count + other.count, first=min(self.first, other.first))


@dataclass(frozen=True, slots=True)
class PullKey:
    """What was pulled."""

    repository: RepositoryKey
    image: ImageName
    digest: Digest
    tag: Tag | None
    """The tag that was asked for; None if it was the digest."""


@dataclass(frozen=True, slots=True)
class DayPulls:
    """The pulls of one day."""

    pulls: Mapping[PullKey, Pulled]
    damaged: int
    """How many lines could not be read."""


class LastPulls:
    """The pulls of one repository, by what a client asked for and by what it got."""

    def __init__(self, days: Iterable[DayPulls], key: RepositoryKey) -> None:
        self._pulls: dict[tuple[ImageName, Reference], Pulled] = {}
        for day in days:
            for what, pulled in day.pulls.items():
                if what.repository == key:
                    self._add(what.image, what.digest, pulled)
                    if what.tag is not None:
                        self._add(what.image, what.tag, pulled)

    def _add(self, image: ImageName, reference: Reference, pulled: Pulled) -> None:
        self._pulls[image, reference] = pulled.joined(self._pulls.get((image, reference)))

    def find(self, image: ImageName, reference: Reference) -> Pulled | None:
        """Return the pulls by a tag, or of a digest by whatever name."""
        return self._pulls.get((image, reference))

    def last(self, image: ImageName, tag: Tag, digest: Digest) -> str | None:
        """Return when a tag that stands for ``digest`` was pulled last: by its name or otherwise.

        Clients often ask for the digest that a tag has, and then pull that.
        """
        found = (self.find(image, tag), self.find(image, digest))
        return max((pulled.last for pulled in found if pulled is not None), default=None)


def count_lines(lines: Iterable[bytes]) -> DayPulls:
    """Return what the lines of a day say."""
    texts: dict[bytes, list[Any]] = {}
    damaged = 0
    for line in lines:
        position = line.rfind(START)
        # What is left of a torn line is lost; the one after it counts.
        damaged += position != 0
        if position < 0:
            continue
        moment = line[position + len(START) : position + _REST]
        rest = line[position + _REST :]
        known = texts.get(rest)
        if known is None:
            texts[rest] = [1, moment, moment]
        else:
            known[0] += 1
            known[1] = min(known[1], moment)
            known[2] = max(known[2], moment)
    pulls: dict[PullKey, Pulled] = {}
    for rest, (count, first, last) in texts.items():
        found = _parse(rest, count, first, last)
        if found is None:
            damaged += count
        else:
            pulls[found[0]] = found[1].joined(pulls.get(found[0]))
    return DayPulls(pulls, damaged)


def _parse(rest: bytes, count: int, first: bytes, last: bytes) -> tuple[PullKey, Pulled] | None:
    document = parse_line(START + last + rest, START)
    if document is None:
        return None
    facts = {"count": count, "first": first.decode("ascii", "replace"), "last": document["time"]}
    return _pulled(document | facts)


def _pulled(facts: Mapping[str, Any]) -> tuple[PullKey, Pulled] | None:
    """Return a pull from the facts of a line or of a document, or None if it is damaged."""
    try:
        tag = facts.get("tag")
        what = PullKey(
            RepositoryKey(facts["repository"]),
            ImageName.parse(facts["image"]),
            Digest.parse(facts["digest"]),
            None if tag is None else Tag.parse(tag),
        )
        first, last = str(facts["first"]), str(facts["last"])
        parse_timestamp(first)
        parse_timestamp(last)
        return what, Pulled(int(facts["count"]), first, last, str(facts["principal"]))
    except (AttributeError, KeyError, TypeError, ValueError, RegistryError):
        return None


def document_of(day: DayPulls) -> dict[str, Any]:
    """Return the document that keeps the totals of a day."""
    return {"damagedLines": day.damaged, "pulls": list(_entries(day))}


def _entries(day: DayPulls) -> Iterator[dict[str, Any]]:
    for what, pulled in sorted(day.pulls.items(), key=_order):
        yield {
            "repository": what.repository,
            "image": what.image,
            "digest": what.digest,
            **({} if what.tag is None else {"tag": what.tag}),
            "count": pulled.count,
            "first": pulled.first,
            "last": pulled.last,
            "principal": pulled.principal,
        }


def _order(entry: tuple[PullKey, Pulled]) -> tuple[str, str, str, str]:
    what, _ = entry
    return what.repository, what.image, what.tag or "", what.digest


def parse_document(document: Mapping[str, Any]) -> DayPulls:
    """Return the totals that a document keeps; entries that are damaged are left out."""
    entries = document.get("pulls")
    pulls: dict[PullKey, Pulled] = {}
    for facts in entries if isinstance(entries, list) else []:
        found = _pulled(facts) if isinstance(facts, dict) else None
        if found is not None:
            pulls[found[0]] = found[1]
    damaged = document.get("damagedLines")
    return DayPulls(pulls, damaged if isinstance(damaged, int) else 0)
