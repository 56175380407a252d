"""Reading whole repositories for the index, folder by folder, and what an image shows."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from registry.model.errors import RegistryError
from registry.model.names import ImageName, RepositoryKey
from registry.storage.index.reader import Reading, RowReader, Sight
from registry.storage.layout import MANIFEST_FILES, Layout, folder_name, is_part, part_of
from registry.storage.manifest_files import Place
from registry.storage.walk import folder_reference

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Listing:
    """What is in one folder."""

    files: list[str]
    folders: list[str]
    inodes: dict[str, int]
    """Of the manifests among the files."""


class Scanner:
    """Reads the folders of repositories."""

    def __init__(self, layout: Layout, reader: RowReader) -> None:
        self._layout = layout
        self._reader = reader

    def images(
        self, key: RepositoryKey, below: ImageName | None = None
    ) -> Iterator[tuple[Place, bool, Iterator[Reading]]]:
        """Yield the folders that may be images, each with whether it shows and with its rows.

        With ``below`` only that image is read. The rows have to be taken before the next image.
        """
        root = self._layout.repository(key)
        waiting = [("", root, _list(root))]
        if below is not None:
            path = self._layout.image(key, below)
            waiting = [(str(below), path, _list(path))]
        while waiting:
            name, path, listing = waiting.pop()
            inside: list[tuple[str, str, _Listing]] = []
            image = _image(name)
            if image is None:
                inside += (self._look(name, path, child) for child in listing.folders)
            else:
                place = Place(key, image)
                shown = _inodes(f"{path}/_manifests") if "_manifests" in listing.folders else {}
                shows = any(not known.startswith("_") for known in shown)
                yield place, shows, self._rows(place, name, path, listing, shown, inside)
            if below is None:
                waiting += (child for child in inside if child[2].folders)

    def _rows(
        self,
        place: Place,
        name: str,
        path: str,
        listing: _Listing,
        shown: Mapping[str, int],
        inside: list[tuple[str, str, _Listing]],
    ) -> Iterator[Reading]:
        """Yield the rows of an image, and note what is ``inside`` and may be images."""
        for child in listing.folders:
            reference = folder_reference(child)
            if "%" in child and (reference is None or folder_name(reference) != child):
                # A name that was made by hand, and stands for what has another one.
                continue
            if not (is_part(child) or ":" in child):
                continue
            below = f"{path}/{child}"
            found = _list(below)
            if found.folders and is_part(child):
                inside.append((f"{name}/{part_of(child)}", below, found))
            reading = None
            if reference is not None and found.files:
                sight = Sight(below, found.files, found.inodes, shown)
                try:
                    reading = self._reader.read(place, reference, sight)
                except OSError as error:
                    _complain(below, error)
            if reading is not None:
                yield reading

    @staticmethod
    def _look(name: str, path: str, child: str) -> tuple[str, str, _Listing]:
        below = f"{path}/{child}"
        return f"{name}/{part_of(child)}" if name else part_of(child), below, _list(below)


def shows_manifests(layout: Layout, place: Place) -> bool:
    """Return whether an image has manifests that can be had by digest."""
    names = _inodes(layout.manifests(place.key, place.image))
    return any(not name.startswith("_") for name in names)


def _image(name: str) -> ImageName | None:
    try:
        return ImageName.parse(name) if name else None
    except RegistryError:
        return None


def _list(path: str) -> _Listing:
    """Return what is in a folder; one that has gone has nothing."""
    try:
        with os.scandir(path) as entries:
            found = list(entries)
        return _listing(found)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        _complain(path, error)
    return _Listing([], [], {})


def _listing(found: list[os.DirEntry[str]]) -> _Listing:
    """Return what these entries of a folder are. No link is followed."""
    names = [entry.name for entry in found]
    inodes = dict[str, int]()
    for name in MANIFEST_FILES:
        if name in names:
            entry = found[names.index(name)]
            if entry.is_file(follow_symlinks=False):
                inodes[name] = entry.inode()
    are_folders = [entry.is_dir(follow_symlinks=False) for entry in found]
    if True not in are_folders:
        # Most folders are manifest folders, and have none in them.
        return _Listing(names, [], inodes)
    folders = [name for name, is_folder in zip(names, are_folders, strict=True) if is_folder]
    files = [name for name, is_folder in zip(names, are_folders, strict=True) if not is_folder]
    return _Listing(files, folders, inodes)


def _inodes(path: str) -> dict[str, int]:
    """Return the inodes of what is in a folder; one that has gone has nothing."""
    try:
        with os.scandir(path) as entries:
            return {entry.name: entry.inode() for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        _complain(path, error)
        return {}


def _complain(path: str, error: OSError) -> None:
    """Say that a folder cannot be read: that keeps only itself out of the index."""
    logger.warning("searches pass over '%s': %s", path, error.strerror)
