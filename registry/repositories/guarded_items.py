"""The tree of a repository, for one principal: what may not be read is not there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from registry.access.principals import Action, Principal
from registry.model.errors import PathUnknown, RegistryError, ScopeInsufficient
from registry.model.items import Item
from registry.model.names import ImageName, RepositoryKey
from registry.model.property_language import PropertyChange
from registry.repositories.guarded import GuardedRepository
from registry.repositories.items import ItemTree
from registry.storage.layout import MANIFEST_FILES


class GuardedItems:
    """The items of a repository as one principal may use them.

    Beside what the methods of `ItemTree` raise, each may raise what `GuardedRepository.require`
    raises. What the principal may not read is unknown.
    """

    def __init__(
        self,
        unguarded: ItemTree,
        repository: GuardedRepository,
        principal: Principal,
        address: str,
    ) -> None:
        self._unguarded = unguarded
        self._repository = repository
        self._principal = principal
        self._actor = principal.actor(address)

    @property
    def key(self) -> RepositoryKey:
        """The key of the repository."""
        return self._unguarded.key

    def may_see(self, item: Item) -> bool:
        """Return whether the principal may know of an item.

        A folder above images can be seen by who may read one of the images below it.
        """
        if item.image is not None:
            return self._repository.may(
                Action.READ, item.image, item.reference
            ) and self._repository.shows(item)
        return self._may_see_below(item.location)

    def _may_see_below(self, location: str) -> bool:
        if not location:
            return self._repository.is_known
        image = _image(location)
        if image is None:
            return False
        if self._repository.may(Action.READ, image):
            return True
        below = self._unguarded.images_below(location)
        return any(self._repository.may(Action.READ, found) for found in below)

    def item(self, location: str) -> Item:
        """See `ItemTree.item`."""
        self._require_scope(location)
        item = self._unguarded.item(location)
        if not self.may_see(item):
            raise self._unknown(location)
        return item

    def _require_scope(self, location: str) -> None:
        """Raise ScopeInsufficient if a limited token is for nothing on the way to a location."""
        access = self._principal.access
        if access is None or not location:
            return
        for path, actions in access.items():
            key, _, image = path.partition("/")
            if key == self.key and Action.READ in actions and _leads(location, image):
                return
        raise ScopeInsufficient("the token does not allow to read this item")

    def manifest_of(self, folder: Item) -> Item:
        """Return the manifest in the folder of a tag or digest. Raises PathUnknown."""
        for name in MANIFEST_FILES:
            with contextlib.suppress(PathUnknown):
                return self.item(f"{folder.location}/{name}")
        raise self._unknown(folder.location)

    def names(self, folder: Item) -> list[tuple[str, bool]]:
        """See `ItemTree.names`; of these, what the principal may know of."""
        found = self._unguarded.names(folder.location)
        limited, image = self._repository.is_limited, folder.image
        whole = not limited if image is None else self._repository.shows_all(image)
        doubtful = {name for name, is_folder in found if is_folder or not whole}
        below = f"{folder.location}/" if folder.location else ""
        is_image = folder.image is not None and folder.reference is None
        if is_image and whole:
            # What is in an image may be read as it may; other images in its folder are others'.
            inner = self._unguarded.images_below(folder.location)
            doubtful &= {str(image).removeprefix(below).partition("/")[0] for image in inner}
        return [
            (name, is_folder)
            for name, is_folder in found
            if name not in doubtful or self._is_shown(f"{below}{name}")
        ]

    def _is_shown(self, location: str) -> bool:
        try:
            return self.may_see(self._unguarded.item(location))
        except PathUnknown:
            return False

    def walk(self, location: str, depth: int | None = None) -> Iterator[Item]:
        """See `ItemTree.walk`; of these, what the principal may know of."""
        return filter(self.may_see, self._unguarded.walk(location, depth))

    def make_folder(self, location: str) -> Item:
        """See `ItemTree.make_folder`."""
        self._repository.require(Action.WRITE, ImageName.parse(location))
        return self._unguarded.make_folder(location, self._actor)

    def images_below(self, location: str) -> list[ImageName]:
        """See `ItemTree.images_below`; of these, what the principal may read."""
        below = self._unguarded.images_below(location)
        return [image for image in below if self._repository.may(Action.READ, image)]

    def forget_folders(self, folder: Item) -> bool:
        """See `ItemTree.forget_folders`."""
        self._repository.require(Action.DELETE, self._place(folder))
        return self._unguarded.forget_folders(folder.location)

    def change_properties(self, item: Item, change: PropertyChange, *, recursive: bool) -> None:
        """Change the properties of an item, and of all below it if wanted.

        All is checked before the first change. What goes meanwhile is left out.
        """
        below = list(self.walk(item.location)) if recursive and item.is_folder else []
        items = [item, *below]
        for place, reference in {(self._place(found), found.reference) for found in items}:
            self._repository.require(Action.ANNOTATE, place, reference)
        for found in items:
            try:
                self._unguarded.change_properties(found, change, self._actor)
            except PathUnknown:
                if found is item:
                    raise

    def _place(self, item: Item) -> ImageName:
        """Return what a right to an item is asked for."""
        return item.image or ImageName(item.location or "*")

    def _unknown(self, location: str) -> PathUnknown:
        return PathUnknown("Unable to find item", {"path": f"{self.key}/{location[:500]}"})


def _leads(location: str, image: str) -> bool:
    """Return whether a location is an image, above it, or one of its tags or files."""
    if f"{image}/".startswith(f"{location}/"):
        return True
    return location.startswith(f"{image}/") and location.count("/") - image.count("/") <= 2


def _image(location: str) -> ImageName | None:
    try:
        return ImageName.parse(location)
    except RegistryError:
        return None
