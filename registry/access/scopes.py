"""What an access token is for, in the words of Artifactory's scopes and one of our own.

::

    applied-permissions/user                    all that the user may; so does an empty scope
    applied-permissions/admin                   the same, said by an admin; also <service>:admin
    applied-permissions/groups:a,"b c"          what these groups may; also member-of-groups:a,b
    member-of-groups:*                          all that the user may
    applied-permissions/images:k/a,k/b/c:pull   no more than that on these images; also push, delete
    api:*                                       always so

Parts stand beside each other with a blank between them. The images limit what the other parts
give, and what the user may if there are none.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from registry.access.principals import Access, Action
from registry.model.errors import NameInvalid, RequestInvalid
from registry.model.names import ImageName, RepositoryKey

SCOPE_LIMIT: Final = 1024
"""Characters of a scope; it stands in the token."""
USER: Final = "applied-permissions/user"
WORDS: Final = {"pull": Action.READ, "push": Action.WRITE, "delete": Action.DELETE}

_OF_USER: Final = (USER, "applied-permissions/groups:*", "member-of-groups:*")
_PART: Final = re.compile(r'(?:[^\s"]|"[^"]*")+')
_NAME: Final = re.compile(r'"([^"]*)"|([^,"]+)')
_ADMIN: Final = re.compile(r"applied-permissions/admin|[A-Za-z0-9@*._-]+:admin")
_GROUPS: Final = re.compile(r"(?:applied-permissions/groups|member-of-groups):(.*)", re.DOTALL)
_IMAGES: Final = re.compile(r"applied-permissions/images:([^:]+):([a-z,]+)")
_API: Final = re.compile(r"(?:[A-Za-z0-9@*._-]+:)?api:\*")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token is for."""

    text: str
    admin: bool = False
    groups: frozenset[str] | None = None
    """Those whose rights it carries; None if it carries the user's."""
    images: Access | None = None
    """Image path, repository key first, to what it allows there at most; None if all images."""


@functools.lru_cache(1024)
def parse_scope(text: str) -> Scope:
    """Return what a scope means; asked in every request with a token.

    Raises:
        RequestInvalid: it is none, or contradicts itself.
    """
    if len(text) > SCOPE_LIMIT or not text.replace(" ", "_").isprintable():
        raise RequestInvalid(f"a scope has at most {SCOPE_LIMIT} characters that can be printed")
    if text.count('"') % 2:
        raise RequestInvalid("a quotation mark in the scope has no other one")
    parts = _Parts()
    for part in _PART.findall(text):
        parts.add(part)
    if parts.admin and parts.images:
        raise RequestInvalid("a scope of an admin cannot be limited to images")
    only_groups = parts.groups and not parts.user and not parts.admin
    groups = frozenset(parts.groups) if only_groups else None
    return Scope(text.strip() or USER, parts.admin, groups, parts.images or None)


class _Parts:
    """What the parts of one scope say together."""

    def __init__(self) -> None:
        self.user = False
        self.admin = False
        self.groups: set[str] = set()
        self.images: dict[str, frozenset[Action]] = {}

    def add(self, part: str) -> None:
        """Take in one part. Raises RequestInvalid if it is none."""
        named, limited = _GROUPS.fullmatch(part), _IMAGES.fullmatch(part)
        if part in _OF_USER:
            self.user = True
        elif _ADMIN.fullmatch(part):
            self.admin = True
        elif named is not None:
            self.groups |= set(_names(named[1]))
        elif limited is not None:
            for name, actions in _images(limited[1], limited[2]):
                self.images[name] = self.images.get(name, frozenset()) | actions
        elif not _API.fullmatch(part):
            raise RequestInvalid(f"the scope '{part[:80]}' is not known")


def _names(text: str) -> Iterator[str]:
    position = 0
    while True:
        match = _NAME.match(text, position)
        if match is None:
            raise RequestInvalid("groups are named like 'a,b', one with blanks like '\"a b\"'")
        yield match[1] or match[2] or ""
        position = match.end()
        if position == len(text):
            return
        if text[position] != ",":
            raise RequestInvalid("there is a comma between the names of groups")
        position += 1


def _images(names: str, words: str) -> Iterator[tuple[str, frozenset[Action]]]:
    unknown = [word for word in words.split(",") if word not in WORDS]
    if unknown:
        raise RequestInvalid(f"images can be limited to {', '.join(WORDS)}")
    actions = frozenset(WORDS[word] for word in words.split(","))
    for name in names.split(","):
        key, _, image = name.partition("/")
        try:
            yield f"{RepositoryKey.parse(key)}/{ImageName.parse(image)}", actions
        except NameInvalid:
            raise RequestInvalid(
                "an image in a scope is <repository key>/<image>, such as docker-local/team/app"
            ) from None
