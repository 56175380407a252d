"""The tree of a repository: files and folders as items, and the properties that users give them.

`ItemTree` is the interface of every kind of repository; `LocalItems` is that of a local one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Final

from registry.model import properties as own
from registry.model.content import Actor
from registry.model.errors import PathUnknown, RegistryError
from registry.model.items import Item
from registry.model.names import ImageName, Reference, RepositoryKey
from registry.model.property_language import PropertyChange
from registry.storage.journal import now, timestamp
from registry.storage.layout import MANIFEST_FILES
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from registry.storage.tree_items import (
    FILE_PROPERTIES,
    FOLDER_PROPERTIES,
    PROPERTIES,
    properties_of,
)

EVENT: Final = "properties"
"""What the journal says when properties of a manifest folder have changed."""


class ItemTree(ABC):
    """The items of a repository."""

    key: RepositoryKey

    @abstractmethod
    def item(self, location: str) -> Item:
        """Return what is at a location; empty for the repository itself. Raises PathUnknown."""

    @abstractmethod
    def names(self, location: str) -> list[tuple[str, bool]]:
        """Return the names in a folder, sorted, each with whether it is a folder itself."""

    @abstractmethod
    def walk(self, location: str, depth: int | None = None) -> Iterator[Item]:
        """Yield what is below a folder, each folder before what is in it."""

    @abstractmethod
    def images_below(self, location: str) -> Iterator[ImageName]:
        """Yield the images that are at a location or below it."""

    @abstractmethod
    def make_folder(self, location: str, actor: Actor) -> Item:
        """Make a folder, and return it; one that is there stays. Raises LocationInvalid."""

    @abstractmethod
    def forget_folders(self, location: str) -> bool:
        """Forget what is kept of folders at a location and below; return whether anything was.

        Folders that somebody made are gone then; those with images in them are not.
        """

    @abstractmethod
    def change_properties(self, item: Item, change: PropertyChange, actor: Actor) -> None:
        """Change the properties of one item; those that the server writes stay as they are."""


class LocalItems(ItemTree):
    """The tree of a local repository or of a cache, over the storage room."""

    def __init__(
        self, store: Store, key: RepositoryKey, shown: RepositoryKey | None = None
    ) -> None:
        """Show the tree that is kept under a key; to clients it is that of ``shown``."""
        self.key = shown or key
        self._held = key
        self._store = store

    def item(self, location: str) -> Item:
        """See `ItemTree.item`."""
        found = self._store.tree.item(self._held, location)
        if found is None:
            raise PathUnknown("Unable to find item", {"path": f"{self.key}/{location[:500]}"})
        return found

    def names(self, location: str) -> list[tuple[str, bool]]:
        """See `ItemTree.names`."""
        return self._store.tree.names(self._held, location)

    def walk(self, location: str, depth: int | None = None) -> Iterator[Item]:
        """See `ItemTree.walk`."""
        return self._store.tree.walk(self._held, location, depth)

    def images_below(self, location: str) -> Iterator[ImageName]:
        """See `ItemTree.images_below`."""
        try:
            below = ImageName.parse(location) if location else None
        except RegistryError:
            return iter(())
        return self._store.catalog.walk(self._held, below=below)

    def make_folder(self, location: str, actor: Actor) -> Item:
        """See `ItemTree.make_folder`."""
        self._store.folder_records.make(self._held, location, actor.name)
        return self.item(location)

    def forget_folders(self, location: str) -> bool:
        """See `ItemTree.forget_folders`."""
        return self._store.folder_records.forget(self._held, location)

    def change_properties(self, item: Item, change: PropertyChange, actor: Actor) -> None:
        """See `ItemTree.change_properties`."""
        wanted = _without_own(change)
        if item.image is None or item.reference is None:
            self._change_folder(item, wanted, actor)
        else:
            self._change_sidecar(Place(self._held, item.image), item.reference, item, wanted, actor)

    def _change_folder(self, item: Item, change: PropertyChange, actor: Actor) -> None:
        def alter(record: dict[str, Any]) -> None:
            changed = change.apply(properties_of(record.get(PROPERTIES)))
            record.pop(PROPERTIES, None)
            record |= {PROPERTIES: changed} if changed else {}
            if record:
                record |= {"modified": timestamp(now()), "modifiedBy": actor.name}

        self._store.folder_records.change(self._held, alter, item.location)

    def _change_sidecar(
        self,
        place: Place,
        reference: Reference,
        item: Item,
        change: PropertyChange,
        actor: Actor,
    ) -> None:
        """Change what stands beside a manifest, if it is still the one that the item is of."""
        with self._store.locks.image(place.key, place.image):
            old = self._store.manifests.sidecar(place, reference) or {}
            self.item(item.location)
            sidecar = dict(old)
            _alter(sidecar, item, change.apply)
            if sidecar == old:
                return
            self._store.manifests.replace_sidecar(place, reference, sidecar)
        # It is no event of a tag, which stands for what it stood for.
        self._store.journal.record(EVENT, place.key, place.image, actor, folder=str(reference))


def _alter(sidecar: dict[str, Any], item: Item, apply: Callable[[Any], Any]) -> None:
    """Let ``apply`` change the properties that a sidecar has of an item."""
    if item.is_folder:
        _set(sidecar, FOLDER_PROPERTIES, apply(properties_of(sidecar.get(FOLDER_PROPERTIES))))
    elif item.name in MANIFEST_FILES:
        sidecar[PROPERTIES] = apply(properties_of(sidecar.get(PROPERTIES)))
    else:
        files = sidecar.get(FILE_PROPERTIES)
        changed = dict(files) if isinstance(files, dict) else {}
        _set(changed, item.name, apply(properties_of(changed.get(item.name))))
        _set(sidecar, FILE_PROPERTIES, changed)


def _set(document: dict[str, Any], name: str, value: Any) -> None:
    document.pop(name, None)
    if value:
        document[name] = value


def _without_own(change: PropertyChange) -> PropertyChange:
    """Leave out what only the server writes: clients send back all that they have read."""
    return PropertyChange(
        {name: values for name, values in change.values.items() if not own.is_own(name)},
        frozenset(name for name in change.removed if not own.is_own(name)),
    )
