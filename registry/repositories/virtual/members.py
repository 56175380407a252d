"""The members of a virtual repository in the order in which they are looked at.

Members with ``priorityResolution`` come first, then local ones, then the caches of remote ones,
then these themselves, each as configured. A virtual member stands for its own members, limited by
its patterns. It cannot contain itself; whatever would is looked at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from registry.access.principals import Access, Action, Principal
from registry.model.names import ImageName, Reference, RepositoryKey
from registry.model.repository_fields import VIRTUAL
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.guarded import GuardedRepository
from registry.repositories.reach import EVERYWHERE, Reach
from registry.repositories.upstream.names import cache_name

Find = Callable[[str], RepositoryDefinition | None]
OpenMember = Callable[[RepositoryDefinition], GuardedRepository]
"""Opens a member as far as the caller may use it."""

LOCAL_KIND: Final = "local"
CACHE_KIND: Final = "cache"
REMOTE_KIND: Final = "remote"


class Member:
    """A local or remote repository in a virtual one."""

    def __init__(
        self, definition: RepositoryDefinition, open_member: OpenMember, find: Find
    ) -> None:
        self.definition = definition
        self.key: RepositoryKey = definition.key
        """Its key."""
        self.is_remote = definition.is_remote
        """Whether it has an upstream."""
        self.has_priority = definition.flag("priorityResolution")
        """Whether it is looked at before the others."""
        self.ways: list[Sequence[Reach]] = []
        """The virtual repositories that it is in, by each way that leads to it."""
        self._open = open_member
        self._find = find
        self._repository: GuardedRepository | None = None
        self._held: GuardedRepository | None = None

    @property
    def repository(self) -> GuardedRepository:
        """The member as the caller may use it; of a remote one, with its upstream."""
        if self._repository is None:
            self._repository = self._open(self.definition)
        return self._repository

    @property
    def held(self) -> GuardedRepository:
        """What it holds, without asking anybody."""
        if self._held is None:
            held = self._find(self.definition.holding_key or self.key)
            if held is None or not self.is_remote:
                self._held = self.repository
            else:
                self._held = self._open(held)
        return self._held

    def name_of(self, image: ImageName) -> ImageName:
        """Return the name that an image has in what the member holds."""
        return cache_name(self.definition, image) if self.is_remote else image

    @property
    def is_whole(self) -> bool:
        """Whether all of it is shown on some way, and no local member can stand before it."""
        return not self.is_remote and any(
            all(reach is EVERYWHERE for reach in way) for way in self.ways
        )

    def shows(self, image: ImageName, reference: Reference | None = None) -> bool:
        """Return whether the virtual repositories on a way to it let something through."""
        return any(all(_shows(reach, image, reference) for reach in way) for way in self.ways)


def _shows(reach: Reach, image: ImageName, reference: Reference | None) -> bool:
    if not reach.has_image(image):
        return False
    return reference is None or reach.has_manifest(image, reference)


@dataclass(frozen=True, slots=True)
class Stop:
    """A member at one place of the order: itself, or its cache."""

    member: Member
    kind: str

    @property
    def key(self) -> RepositoryKey:
        """The key of what is looked at."""
        held = self.member.definition.holding_key
        return self.member.key if self.kind != CACHE_KIND or held is None else held


class Members:
    """The members of one virtual repository, for one caller."""

    def __init__(
        self, definition: RepositoryDefinition, find: Find, open_member: OpenMember
    ) -> None:
        self._find = find
        self._open = open_member
        found = dict[RepositoryKey, Member]()
        for member, way in self._leaves(definition, (), frozenset()):
            found.setdefault(member.key, member).ways.append(way)
        first = [member for member in found.values() if member.has_priority]
        rest = [member for member in found.values() if not member.has_priority]
        local = [member for member in rest if not member.is_remote]
        remote = [member for member in rest if member.is_remote]
        self.all: list[Member] = [*first, *rest]
        """Those with priority first, each as configured."""
        self.stops: list[Stop] = [
            *[Stop(one, REMOTE_KIND if one.is_remote else LOCAL_KIND) for one in first],
            *[Stop(one, LOCAL_KIND) for one in local],
            *[Stop(one, CACHE_KIND) for one in remote],
            *[Stop(one, REMOTE_KIND) for one in remote],
        ]
        """Everything that is looked at, in order."""

    def _leaves(
        self, definition: RepositoryDefinition, way: Sequence[Reach], above: frozenset[str]
    ) -> Iterator[tuple[Member, Sequence[Reach]]]:
        if definition.rclass != VIRTUAL:
            yield Member(definition, self._open, self._find), way
            return
        members = definition.fields.get("repositories")
        for key in members if isinstance(members, list) else ():
            member = self._find(key)
            if member is None or member.is_cache or key in {*above, definition.key}:
                continue
            inner = (*way, member.reach) if member.rclass == VIRTUAL else way
            yield from self._leaves(member, inner, above | {definition.key})

    @property
    def in_tree_order(self) -> Sequence[Member]:
        """The members as their trees are looked at: of remote ones these are the caches."""
        return sorted(self.all, key=lambda one: (not one.has_priority, one.is_remote))

    def named(self, key: str) -> Member | None:
        """Return the member of that key, or whose cache has it."""
        for member in self.all:
            if key in (member.key, member.definition.holding_key):
                return member
        return None


def as_member(principal: Principal, key: RepositoryKey, member: RepositoryKey) -> Principal:
    """Return a principal whose token allows in a member what it allows in the virtual repository.

    Tokens name images as clients see them, so they are for the virtual repository ``key``.
    """
    if principal.access is None and principal.limit is None:
        return principal
    return dataclasses.replace(
        principal,
        access=_moved(principal.access, key, member),
        limit=_moved(principal.limit, key, member),
    )


def pushed_with(principal: Principal, key: RepositoryKey) -> frozenset[str]:
    """Return the images of a virtual repository that a token was issued for, to push to them."""
    here = ((path.partition("/"), actions) for path, actions in (principal.access or {}).items())
    return frozenset(
        image for (at, _, image), actions in here if at == key and Action.WRITE in actions
    )


def _moved(access: Access | None, key: str, member: str) -> Access | None:
    if access is None:
        return None
    here = ((path.partition("/"), actions) for path, actions in access.items())
    return {f"{member}/{image}": actions for (at, _, image), actions in here if at == key}
