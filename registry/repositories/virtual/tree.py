"""The tree of a virtual repository: that of all members, each path from the first that has it.

Of remote members it is what their caches have. An image in a cache is left out where a local
member holds the name, as it is when the image is pulled.
"""

from __future__ import annotations

import datetime
import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from registry.access.principals import Principal
from registry.model.content import Actor
from registry.model.errors import OperationUnsupported, PathUnknown, RegistryError
from registry.model.items import Item
from registry.model.names import ImageName, RepositoryKey
from registry.model.property_language import PropertyChange
from registry.repositories.guarded_items import GuardedItems
from registry.repositories.items import ItemTree
from registry.repositories.virtual.members import Member, as_member
from registry.repositories.virtual.repository import VirtualRepository
from registry.repositories.virtual.resolving import Resolving
from registry.storage.journal import timestamp

_EVER: Final = timestamp(datetime.datetime.fromtimestamp(0, datetime.UTC))
"""When a virtual repository without members has changed last."""


class VirtualItems(ItemTree):
    """The trees of the members as one, as the caller may see each."""

    def __init__(
        self,
        key: RepositoryKey,
        trees: Sequence[tuple[Member, GuardedItems]],
        resolving: Resolving,
        target: Member | None,
    ) -> None:
        """Show trees, those that are looked at first before the others.

        ``target`` is the member that takes what is pushed.
        """
        self.key = key
        self._trees = trees
        self._resolving = resolving
        self._target = target

    def _shows(self, member: Member, item: Item) -> bool:
        if item.image is None:
            return not item.location or self._shows_below(member, item.location)
        if not member.shows(item.image, item.reference):
            return False
        if not member.is_remote or member.has_priority:
            return True
        return self._resolving.holder(member, item.image) is None

    def _shows_below(self, member: Member, location: str) -> bool:
        """Return whether a folder above images has any that is shown, or is one that was made."""
        tree = {one.key: items for one, items in self._trees}[member.key]
        below = tree.images_below(location)
        return not below or any(member.shows(image) for image in below)

    def item(self, location: str) -> Item:
        """See `ItemTree.item`."""
        for member, tree in self._trees:
            try:
                found = tree.item(location)
            except PathUnknown:
                continue
            if self._shows(member, found):
                return found
        if not location:
            return Item(self.key, "", True, _EVER, self.key, _EVER, self.key)
        raise PathUnknown("Unable to find item", {"path": f"{self.key}/{location[:500]}"})

    def names(self, location: str) -> list[tuple[str, bool]]:
        """See `ItemTree.names`."""
        found = dict[str, bool]()
        below = f"{location}/" if location else ""
        for member, tree in self._trees:
            try:
                folder = tree.item(location)
            except PathUnknown:
                continue
            if not folder.is_folder or not self._shows(member, folder):
                continue
            for name, is_folder in tree.names(folder):
                if name not in found and self._has(member, tree, f"{below}{name}"):
                    found[name] = is_folder
        return sorted(found.items())

    def _has(self, member: Member, tree: GuardedItems, location: str) -> bool:
        if member.is_whole:
            return True
        try:
            return self._shows(member, tree.item(location))
        except RegistryError:
            return False

    def walk(self, location: str, depth: int | None = None) -> Iterator[Item]:
        """See `ItemTree.walk`; the trees are gone through side by side, in the order of names."""
        walks = (self._walk(*one, location, depth) for one in self._trees)
        merged = heapq.merge(*walks, key=_parts)
        for _, same in itertools.groupby(merged, key=_parts):
            yield next(same)

    def _walk(
        self, member: Member, tree: GuardedItems, location: str, depth: int | None
    ) -> Iterator[Item]:
        return (item for item in tree.walk(location, depth) if self._shows(member, item))

    def images_below(self, location: str) -> Iterator[ImageName]:
        """See `ItemTree.images_below`."""
        lists = (self._images(member, tree, location) for member, tree in self._trees)
        return (image for image, _ in itertools.groupby(heapq.merge(*lists)))

    def _images(self, member: Member, tree: GuardedItems, location: str) -> list[ImageName]:
        return [image for image in tree.images_below(location) if member.shows(image)]

    def make_folder(self, location: str, actor: Actor) -> Item:
        """See `ItemTree.make_folder`; in the member that takes what is pushed."""
        return self._target_tree().make_folder(location)

    def forget_folders(self, location: str) -> bool:
        """See `ItemTree.forget_folders`; in the member that takes what is pushed."""
        tree = self._target_tree()
        return tree.forget_folders(tree.item(location))

    def _target_tree(self) -> GuardedItems:
        for member, tree in self._trees:
            if member is self._target:
                return tree
        raise OperationUnsupported(
            f"the virtual repository '{self.key}' has no default deployment repository"
        )

    def change_properties(self, item: Item, change: PropertyChange, actor: Actor) -> None:
        """See `ItemTree.change_properties`; where the item is."""
        for member, tree in self._trees:
            if item.repository in (member.key, member.definition.holding_key):
                tree.change_properties(item, change, recursive=False)


def virtual_items(
    virtual: VirtualRepository,
    open_tree: Callable[[RepositoryKey], ItemTree],
    principal: Principal,
    address: str,
) -> VirtualItems:
    """Return the tree of a virtual repository; ``open_tree`` opens one that decides nothing."""
    trees = []
    for member in virtual.members.in_tree_order:
        held = member.held
        if held.is_known:
            asking = as_member(principal, virtual.key, held.key)
            trees.append((member, GuardedItems(open_tree(held.key), held, asking, address)))
    return VirtualItems(virtual.key, trees, virtual.resolving, virtual.target_member)


def _parts(item: Item) -> list[str]:
    return item.location.split("/")
