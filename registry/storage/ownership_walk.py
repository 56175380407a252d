"""One walk over every name in the storage folder; `registry.storage.ownership` says what it finds.

What is remembered is as large as the number of folders and of distinct contents. The storage
folder may change meanwhile; what vanishes between two looks was not there.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.manifests import parse_manifest
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.storage.layout import (
    HELD_PREFIX,
    MANIFEST_FILES,
    Layout,
    content_name,
    is_part,
    parse_content_name,
    part_of,
)
from registry.storage.manifest_files import Place, listed, listed_folders, read_file
from registry.storage.manifests import Manifests
from registry.storage.ownership import Inode, ManifestFolder, OwnedImage, Ownership, Part
from registry.storage.references import ImageGraph, Relations

_REPORTED: Final = 1_000
"""Folders after which the walk says how far it is."""
_NONE: Final[Relations] = ((), None)
_WORDS: Final = (b'"manifests"', b'"subject"', b"\\u")
"""A manifest without any of these names no other; an escape could hide the first two."""


class OwnershipWalk:
    """One walk over a storage folder; ``progress`` hears how many folders have been seen."""

    def __init__(
        self,
        layout: Layout,
        manifests: Manifests,
        progress: Callable[[int], None] = lambda folders: None,
    ) -> None:
        self._layout = layout
        self._manifests = manifests
        self._progress = progress
        self._folders = 0
        self._inodes: dict[int, Inode] = {}
        self._parts: dict[tuple[str, int], Part] = {}
        self._relations: dict[Inode, Relations] = {}
        self._passing: list[int] = []
        """Inodes of names that mean nothing: half-done work, and leases on hold."""

    def run(self, keys: Sequence[RepositoryKey]) -> Ownership:
        """Walk; the filestore comes last, because its inodes have the most names."""
        found = Ownership()
        for key in keys:
            found.images[key] = []
            root = OwnedImage(Place(key, ImageName("")))
            self._tree(self._layout.repository(key), (), root, found.images[key])
        found.trash = list(self._below("trash"))
        for name, inodes in (("trash", found.trash), ("quarantine", self._below("quarantine"))):
            for inode in inodes:
                if name not in inode.others:
                    inode.others += (name,)
        self._walk_filestore(found)
        found.inodes = list(self._inodes.values())
        found.uploads = self._uploads()
        for number in self._passing:
            if number in self._inodes:
                self._inodes[number].found += 1
        return found

    # --- images ------------------------------------------------------------------------------

    def _tree(
        self, folder: str, parts: tuple[str, ...], parent: OwnedImage, found: list[OwnedImage]
    ) -> None:
        """Take in a folder that may be an image, a tag of ``parent``, or both, and those in it."""
        image = OwnedImage(Place(parent.place.key, ImageName("/".join(parts))))
        files = []
        for entry in self._entries(folder):
            if not entry.is_dir(follow_symlinks=False):
                files.append(entry)
            elif is_part(entry.name):
                self._tree(entry.path, (*parts, part_of(entry.name)), image, found)
            else:
                self._own_folder(entry, image)
        own = self._manifest_folder(files)
        if own is not None and parts:
            parent.tags[Tag(parts[-1])] = own
        if parts and not image.is_empty:
            image.graph = self._graph(image)
            image.bare = self._bare(image)
            found.append(image)

    def _own_folder(self, entry: os.DirEntry[str], image: OwnedImage) -> None:
        """Take in one of the folders of an image that are no tags."""
        if entry.name == "_layers":
            image.layers.update((sys.intern(n), inode) for n, inode, _ in self._content(entry.path))
        elif entry.name == "_manifests":
            image.registered.update((shown, inode) for _, inode, shown in self._content(entry.path))
        elif entry.name == "_referrers":
            for subject in listed_folders(entry.path):
                for _, inode, referrer in self._content(f"{entry.path}/{subject}"):
                    image.referrers.setdefault(referrer, []).append(inode)
        else:
            digest = parse_content_name(entry.name)
            folder = self._manifest_folder(list(self._entries(entry.path)))
            if digest is not None and folder is not None:
                image.untagged[digest] = folder

    def _manifest_folder(self, files: list[os.DirEntry[str]]) -> ManifestFolder | None:
        """Return what a manifest folder has, or None if there is no manifest in it."""
        manifest, parts = None, list[Part]()
        is_one = any(
            entry.name in MANIFEST_FILES and entry.is_file(follow_symlinks=False) for entry in files
        )
        for entry in files:
            if not is_one or entry.name.startswith("_"):
                self._pass(entry)
            elif entry.name in MANIFEST_FILES:
                manifest = self._inode(entry)
            elif entry.name.startswith("sha"):
                part = self._part(entry)
                if part is not None:
                    parts.append(part)
        return None if manifest is None else ManifestFolder(manifest, tuple(parts))

    def _part(self, entry: os.DirEntry[str]) -> Part | None:
        inode = self._inode(entry)
        if inode is None or parse_content_name(entry.name) is None:
            return None
        # All folders that have the content share one object.
        known = self._parts.get((entry.name, id(inode)))
        if known is None:
            known = Part(sys.intern(entry.name), inode)
            self._parts[known.name, id(inode)] = known
        return known

    def _content(self, folder: str) -> Iterator[tuple[str, Inode, Digest]]:
        """Yield the content in one of the folders of an image: name, inode, digest."""
        for entry in self._entries(folder):
            digest = parse_content_name(entry.name)
            if digest is None:
                self._pass(entry)
                continue
            inode = self._inode(entry)
            if inode is not None:
                yield entry.name, inode, digest

    # --- what refers to what -----------------------------------------------------------------

    def _graph(self, image: OwnedImage) -> ImageGraph:
        """Return the graph of an image, complete where `References` may leave things out."""
        known = {inode: digest for digest, inode in image.registered.items()}
        tags: dict[Tag, Digest] = {}
        whole = True
        for tag, folder in image.tags.items():
            try:
                tags[tag] = (
                    known.get(folder.manifest) or self._manifests.read(image.place, tag).digest
                )
            except RegistryError:
                whole = False
        relations: dict[Digest, Relations] = {}
        unreadable = image.untagged.keys() - image.registered.keys()
        for digest, inode in image.registered.items():
            try:
                found = self._relations_of(image.place, digest, inode)
            except RegistryError:
                unreadable.add(digest)
                continue
            if found != _NONE:
                relations[digest] = found
        folders, registered = frozenset(image.untagged), frozenset(image.registered)
        return ImageGraph(
            tags, folders, registered, relations, frozenset(unreadable), is_whole=whole
        )

    def _bare(self, image: OwnedImage) -> dict[Digest, tuple[str, ...]]:
        """Return the manifests that are shown and have no folder, with what they need."""
        found: dict[Digest, tuple[str, ...]] = {}
        graph = image.graph
        for digest in graph.registered - graph.folders - set(graph.tags.values()):
            with contextlib.suppress(RegistryError):
                stored = self._manifests.read(image.place, digest)
                manifest = parse_manifest(stored.body, stored.media_type)
                found[digest] = tuple({content_name(blob.digest) for blob in manifest.blobs})
        return found

    def _relations_of(self, place: Place, digest: Digest, inode: Inode) -> Relations:
        known = self._relations.get(inode)
        if known is None:
            known = self._relations[inode] = self._parse(place, digest)
        return known

    def _parse(self, place: Place, digest: Digest) -> Relations:
        """Return what a manifest says; most are known by their bytes to name no other."""
        try:
            body = read_file(self._layout.manifest(place.key, place.image, digest))
        except FileNotFoundError:
            return _NONE
        if not any(word in body for word in _WORDS) and Digest.of(body, digest.algorithm) == digest:
            return _NONE
        stored = self._manifests.read(place, digest)
        manifest = parse_manifest(stored.body, stored.media_type)
        return tuple(child.digest for child in manifest.children), manifest.subject

    # --- the rest ----------------------------------------------------------------------------

    def _below(self, top: str) -> Iterator[Inode]:
        """Yield the inode of each name of content below one of the top folders."""
        waiting = [self._layout.top(top)]
        while waiting:
            for entry in self._entries(waiting.pop()):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.name in MANIFEST_FILES or parse_content_name(entry.name) is not None:
                    inode = self._inode(entry)
                    if inode is not None:
                        yield inode
                elif entry.name.startswith("_"):
                    self._pass(entry)

    def _walk_filestore(self, found: Ownership) -> None:
        root = self._layout.top("filestore")
        for algorithm in listed(root):
            for shard in listed(f"{root}/{algorithm}"):
                for entry in self._entries(f"{root}/{algorithm}/{shard}"):
                    name = f"{algorithm}__{entry.name}"
                    if entry.name.startswith(HELD_PREFIX):
                        inode = self._inode(entry)
                        if inode is not None:
                            found.held.append(inode)
                    elif parse_content_name(name) is None:
                        self._pass(entry)
                    else:
                        inode = self._inode(entry)
                        if inode is not None:
                            found.filestore[sys.intern(name)] = inode

    def _uploads(self) -> list[Inode]:
        found = []
        for entry in self._entries(self._layout.top("uploads")):
            if not entry.name.endswith(".jsonl"):
                inode = self._inode(entry)
                if inode is not None:
                    found.append(inode)
        return found

    # --- looking -----------------------------------------------------------------------------

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        self._folders += 1
        if self._folders % _REPORTED == 0:
            self._progress(self._folders)
        try:
            with os.scandir(folder) as entries:
                yield from entries
        except (FileNotFoundError, NotADirectoryError):
            return

    def _inode(self, entry: os.DirEntry[str]) -> Inode | None:
        """Return the inode of a name of content, or None if it is gone or is no file's."""
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        inode = self._inodes.get(status.st_ino)
        if inode is None:
            inode = self._inodes[status.st_ino] = Inode(status.st_size, status.st_nlink)
        inode.links = status.st_nlink
        inode.found += 1
        return inode

    def _pass(self, entry: os.DirEntry[str]) -> None:
        """Take down a name that means nothing, so that it does not look like somebody's."""
        self._passing.append(entry.inode())
