"""Lists of an upstream registry: page after page, as long as they stay reasonable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urljoin

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import DigestInvalid, NameInvalid, TagInvalid
from registry.model.names import ImageName, Tag
from registry.repositories.upstream import redirects
from registry.repositories.upstream.answers import Answer
from registry.repositories.upstream.calls import Call
from registry.repositories.upstream.failures import Failure

PAGE_BYTES: Final = 4 * 1024 * 1024
NAMES_LIMIT: Final = 200_000
_PAGES: Final = 1000
_NEXT: Final = re.compile(r'<([^>]*)>[^,]*;\s*rel="?next"?', re.IGNORECASE)


class Ask(Protocol):
    """What asks for an address; None is absent."""

    def __call__(self, url: str, /) -> Answer | None:
        """Return the answer."""


def tags(pages: Iterator[Mapping[str, Any]]) -> list[str]:
    """Return the tags of the pages of a list; what is no tag is left out."""
    return _names(pages, "tags", Tag.parse)


def images(pages: Iterator[Mapping[str, Any]], prefix: str) -> list[str]:
    """Return the images of the pages of a catalog, those below a prefix and without it."""
    found = _names(pages, "repositories", ImageName.parse)
    return [name.removeprefix(prefix) for name in found if name.startswith(prefix)]


def descriptors(pages: Iterator[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the descriptors of the pages of an index; what is no good descriptor is left out."""
    found: list[Mapping[str, Any]] = []
    for part in pages:
        found += [_descriptor(entry) for entry in _listed(part, "manifests") if _is_good(entry)]
        _limit(len(found))
    return found


def rest(call: Call, ask: Ask, url: str, first: Answer) -> Iterator[Mapping[str, Any]]:
    """Yield the pages of a list from its first answer on, each asked for when it is wanted.

    Raises:
        Failure: a page is none, or leads to another registry.
    """
    answer: Answer | None = first
    seen = {url}
    for _ in range(_PAGES):
        if answer is None:
            return
        link = _NEXT.search(answer.header("Link"))
        yield page(call, answer)
        if link is None:
            return
        following = urljoin(url, link[1])
        if redirects.origin(following) != redirects.origin(url) or following in seen:
            raise Failure("its list goes on at another address, or for ever")
        seen.add(following)
        answer = ask(following)
    raise Failure("its list has too many pages")


def page(call: Call, answer: Answer) -> Mapping[str, Any]:
    """Return one page of a list.

    Raises:
        Failure: the answer is none.
    """
    try:
        read = json.loads(answer.body(call, PAGE_BYTES))
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise Failure(f"'{answer.host}' answers no list")
    return read


def _names(pages: Iterator[Mapping[str, Any]], field: str, parse: Any) -> list[str]:
    names: list[str] = []
    for part in pages:
        for name in _listed(part, field):
            try:
                names.append(parse(name))
            except (TagInvalid, NameInvalid, TypeError):
                continue
        _limit(len(names))
    return list(dict.fromkeys(names))


def _limit(count: int) -> None:
    if count > NAMES_LIMIT:
        raise Failure(f"its list has more than {NAMES_LIMIT} entries")


def _listed(part: Mapping[str, Any], field: str) -> list[Any]:
    value = part.get(field)
    return value if isinstance(value, list) else []


def _is_good(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    size, media_type = value.get("size"), value.get("mediaType")
    try:
        Digest.parse(value["digest"])
    except (DigestInvalid, KeyError, AttributeError, TypeError):
        return False
    is_size = isinstance(size, int) and not isinstance(size, bool) and size >= 0
    return is_size and isinstance(media_type, str) and media_type in media_types.MANIFEST_TYPES


def _descriptor(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a list of referrers has of a descriptor, of the types that it should be."""
    found = {name: value[name] for name in ("mediaType", "digest", "size")}
    if isinstance(value.get("artifactType"), str):
        found["artifactType"] = value["artifactType"]
    notes = value.get("annotations")
    if isinstance(notes, dict) and all(isinstance(note, str) for note in notes.values()):
        found["annotations"] = notes
    return found
