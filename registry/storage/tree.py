"""The tree of a repository as Artifactory shows it, read from the disk: files, folders, no more.

A folder is shown if there is a manifest or content somewhere below it, or if somebody made it. So
what a deletion leaves for the pruner, or a push on its way has in ``_layers``, is not seen, nor
what is no file and no folder, such as a symbolic link that somebody has put there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.items import Item
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.storage import tree_items, walk
from registry.storage.folder_records import MADE, FolderRecords
from registry.storage.layout import (
    MANIFEST_FILES,
    Layout,
    folder_name,
    is_part,
    parse_content_name,
    part_of,
)
from registry.storage.manifest_files import Place, is_manifest_folder, listed, reference_of
from registry.storage.manifest_reader import ManifestReader, Sidecar


class Tree:
    """The trees of all repositories of one storage folder."""

    def __init__(self, layout: Layout, manifests: ManifestReader, records: FolderRecords) -> None:
        self._layout = layout
        self._manifests = manifests
        self._records = records

    # --- one item ----------------------------------------------------------------------------

    def item(self, key: RepositoryKey, location: str) -> Item | None:
        """Return what is at a location, or None; a text that can be no location is nowhere."""
        above, _, name = location.rpartition("/")
        if not location:
            return self._folder(key, "", self._layout.repository(key))
        if self._leads_away(key, location):
            return None
        if _is_file_name(name):
            found = self._file(key, above, name)
            if found is not None:
                return found
        reference = _reference(name)
        place = _place(key, above)
        if place is not None and reference is not None:
            folder = self.manifest_folder(place, reference)
            if folder is not None:
                return folder
        path = self._path(key, location)
        return None if path is None else self._folder(key, location, path)

    def manifest_folder(self, place: Place, reference: Reference) -> Item | None:
        """Return the folder of a tag or digest, or None if there is no manifest in it."""
        path = self._layout.manifest_folder(place.key, place.image, reference)
        status = walk.look_at(path)
        if status is None or not is_manifest_folder(path):
            return None
        return tree_items.manifest_folder_item(
            place, reference, status, self._sidecar(place, reference)
        )

    def manifest(self, place: Place, reference: Reference) -> Item | None:
        """Return the manifest of a tag or digest, or None."""
        location = tree_items.location_of(place, reference)
        for name in MANIFEST_FILES:
            found = self._file(place.key, location, name)
            if found is not None:
                return found
        return None

    def _file(self, key: RepositoryKey, folder: str, name: str) -> Item | None:
        above, _, last = folder.rpartition("/")
        place, reference = _place(key, above), _reference(last)
        if place is None or reference is None:
            return None
        path = f"{self._layout.manifest_folder(key, place.image, reference)}/{name}"
        status = walk.look_at(path)
        if status is None or not walk.Entry(path, name, status).is_file:
            return None
        sidecar = self._sidecar(place, reference)
        return self._file_item(place, reference, name, status, sidecar)

    def files(self, place: Place, reference: Reference) -> Iterator[Item]:
        """Yield the files of a manifest folder, sorted by name; its sidecar is read once."""
        path = self._layout.manifest_folder(place.key, place.image, reference)
        sidecar = self._sidecar(place, reference)
        for name in sorted(filter(_is_file_name, listed(path))):
            status = walk.look_at(f"{path}/{name}")
            if status is not None and stat.S_ISREG(status.st_mode):
                item = self._file_item(place, reference, name, status, sidecar)
                if item is not None:
                    yield item

    def _file_item(
        self,
        place: Place,
        reference: Reference,
        name: str,
        status: os.stat_result,
        sidecar: Sidecar,
    ) -> Item | None:
        if name not in MANIFEST_FILES:
            digest = parse_content_name(name)
            if digest is None or "__" not in name:
                return None
            return tree_items.content_item(place, reference, name, status, digest, sidecar)
        content = self._content(place, reference, sidecar)
        if content is None:
            return None
        return tree_items.manifest_item(place, reference, name, status, content, sidecar)

    def _content(self, place: Place, reference: Reference, sidecar: Sidecar) -> Digest | None:
        """Return the digest of a manifest's bytes; the sidecar may be that of another one."""
        try:
            digest = Digest.parse(str(sidecar.get("digest")))
            if self._stands_for(place, reference, digest):
                return digest if digest.algorithm != "sha256" else _sha256(sidecar) or digest
        except (RegistryError, FileNotFoundError):
            pass
        try:
            stored = self._manifests.read(place, reference)
        except RegistryError:
            return None
        return Digest.of(stored.body, stored.digest.algorithm)

    def _stands_for(self, place: Place, reference: Reference, digest: Digest) -> bool:
        if isinstance(reference, Digest):
            return reference == digest
        return self._manifests.is_at(place, reference, digest)

    def _sidecar(self, place: Place, reference: Reference) -> Sidecar:
        return self._manifests.sidecar(place, reference) or {}

    # --- folders -----------------------------------------------------------------------------

    def _folder(self, key: RepositoryKey, location: str, path: str) -> Item | None:
        record = self._records.all(key).get(location, {})
        if location and not record.get(MADE) and not self._has_made(key, location):
            if not _shows_something(path):
                return None
        elif not location and not os.path.isdir(path):
            return None
        image = _place(key, location)
        return tree_items.folder_item(
            key,
            location,
            walk.look_at(path),
            record,
            image.image if image is not None and _has_manifests(path) else None,
        )

    def _has_made(self, key: RepositoryKey, location: str) -> bool:
        """Return whether somebody made a folder below this one."""
        return any(
            record.get(MADE) and at.startswith(f"{location}/")
            for at, record in self._records.all(key).items()
        )

    def _path(self, key: RepositoryKey, location: str) -> str | None:
        """Return the path of a folder above manifest folders, or None for a hostile text."""
        parts = location.split("/")
        if not all(_is_reference(part) or _place(key, part) for part in parts):
            return None
        return "/".join([self._layout.repository(key), *map(folder_name, parts)])

    # --- many items --------------------------------------------------------------------------

    def names(self, key: RepositoryKey, location: str) -> list[tuple[str, bool]]:
        """Return the names in a folder, sorted, each with whether it is a folder itself."""
        path = self._disk_folder(key, location)
        files, folders = ([], []) if path is None else _look_into(path)
        found: dict[str, bool] = dict.fromkeys(filter(_is_file_name, files), False)
        for name in folders:
            if reference_of(name) is not None and _shows_something(f"{path}/{name}"):
                found[name if ":" in name else part_of(name)] = True
        below = f"{location}/" if location else ""
        for at, record in self._records.all(key).items():
            if record.get(MADE) and at.startswith(below) and at != location:
                found.setdefault(at[len(below) :].partition("/")[0], True)
        return sorted(found.items())

    def children(self, key: RepositoryKey, location: str) -> list[Item]:
        """Return what is directly in a folder, sorted by name."""
        below = f"{location}/" if location else ""
        above, _, last = location.rpartition("/")
        place, reference = _place(key, above), _reference(last)
        found: dict[str, Item | None] = {}
        if place is not None and reference is not None:
            found |= {item.name: item for item in self.files(place, reference)}
        for name, _ in self.names(key, location):
            if name not in found:
                found[name] = self.item(key, f"{below}{name}")
        return [item for _, item in sorted(found.items()) if item is not None]

    def walk(
        self, key: RepositoryKey, location: str = "", depth: int | None = None
    ) -> Iterator[Item]:
        """Yield what is below a folder, each folder before what is in it, at most ``depth`` deep.

        What comes or goes meanwhile may be seen or not.
        """
        if depth is not None and depth < 1:
            return
        for item in self.children(key, location):
            yield item
            if item.is_folder:
                yield from self.walk(key, item.location, None if depth is None else depth - 1)

    def _leads_away(self, key: RepositoryKey, location: str) -> bool:
        """Return whether a symbolic link is on the way to a folder."""
        path = self._layout.repository(key)
        for part in location.split("/"):
            path = f"{path}/{part if ':' in part else folder_name(part)}"
            if os.path.islink(path):
                return True
        return False

    def _disk_folder(self, key: RepositoryKey, location: str) -> str | None:
        """Return the path of any folder of the tree, or None for a hostile text."""
        above, _, name = location.rpartition("/")
        if not location:
            return self._layout.repository(key)
        place, reference = _place(key, above), _reference(name)
        if place is not None and reference is not None:
            return self._layout.manifest_folder(key, place.image, reference)
        return self._path(key, location)


def _place(key: RepositoryKey, location: str) -> Place | None:
    try:
        return Place(key, ImageName.parse(location))
    except RegistryError:
        return None


def _reference(name: str) -> Reference | None:
    """Return the tag or digest that the name of a folder in the tree spells, or None."""
    try:
        return Digest.parse(name) if ":" in name else Tag.parse(name)
    except RegistryError:
        return None


def _is_reference(name: str) -> bool:
    return ":" not in name and _reference(name) is not None


def _is_file_name(name: str) -> bool:
    return name in MANIFEST_FILES or ("__" in name and parse_content_name(name) is not None)


def _sha256(sidecar: Sidecar) -> Digest | None:
    try:
        return Digest.parse(f"sha256:{sidecar.get('sha256')}")
    except RegistryError:
        return None


def _has_manifests(path: str) -> bool:
    return any(not name.startswith("_") for name in listed(f"{path}/_manifests"))


def _look_into(path: str) -> tuple[list[str], list[str]]:
    """Return the names of the files and of the folders in a folder, and of nothing else."""
    files, folders = list[str](), list[str]()
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
    except (FileNotFoundError, NotADirectoryError):
        pass
    return files, folders


def _shows_something(path: str) -> bool:
    """Return whether there is a file of the tree somewhere below a folder."""
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        if is_manifest_folder(folder) or _has_manifests(folder):
            return True
        files, folders = _look_into(folder)
        if any(map(_is_file_name, files)):
            return True
        waiting += [f"{folder}/{name}" for name in folders if is_part(name)]
    return False
