"""Deleting what a place in the tree names: a tag, a manifest, an image, or all below a folder."""

from __future__ import annotations

import contextlib

from registry.access.principals import Action
from registry.model.errors import ImageUnknown, ManifestUnknown, OperationUnsupported, PathUnknown
from registry.model.items import Item
from registry.model.names import Tag
from registry.repositories.guarded import GuardedRepository
from registry.repositories.guarded_items import GuardedItems


def remove_location(repository: GuardedRepository, tree: GuardedItems, location: str) -> None:
    """Delete what is at a location; it goes to the trash. All is checked before the first deletion.

    Images that the principal may not read do not exist, and stay.

    Raises:
        PathUnknown: there is nothing, as far as the principal may know.
        OperationUnsupported: a file that a manifest needs cannot go alone.
        TagImmutable: the repository keeps a tag as it is.
    """
    item = tree.item(location)
    if not item.is_folder:
        _remove_file(repository, item)
        return
    images = tree.images_below(item.location)
    if item.image is not None:
        repository.require(Action.DELETE, item.image, item.reference)
    for image in images:
        repository.require_deletable(image)
    if item.reference is not None and item.image is not None:
        _remove_manifest(repository, item)
    for image in images:
        with contextlib.suppress(ImageUnknown):
            repository.delete_image(image)
    if item.location:
        tree.forget_folders(item)


def _remove_manifest(repository: GuardedRepository, item: Item) -> None:
    if item.image is None or item.reference is None:
        return
    with contextlib.suppress(ManifestUnknown):
        if isinstance(item.reference, Tag):
            repository.delete_tag(item.image, item.reference)
        else:
            repository.delete_manifest(item.image, item.reference)


def _remove_file(repository: GuardedRepository, item: Item) -> None:
    """Delete a manifest with its folder; content alone only where no manifest needs it."""
    if item.image is None or item.reference is None or item.digest is None:
        raise PathUnknown("Unable to find item")
    repository.require(Action.DELETE, item.image, item.reference)
    if item.media_type:
        _remove_manifest(repository, item)
    elif not repository.remove_placed_blob(item.image, item.reference, item.digest):
        raise OperationUnsupported(
            f"the file is a part of '{item.image}:{item.reference}'; delete the folder instead"
        )
