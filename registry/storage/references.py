"""What refers to what in one image: tags, manifests, children of indexes, referrers.

A manifest is live if a tag stands for it, if a live index names it, or if its subject is live.
Everything that decides what may go, and what going would free, asks this one graph.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown, RegistryError
from registry.model.manifests import parse_manifest
from registry.model.names import Tag
from registry.storage.layout import Layout, parse_content_name
from registry.storage.manifest_files import Place, file_status, listed, look
from registry.storage.manifests import Manifests

_CAPACITY: Final = 50_000

Relations = tuple[tuple[Digest, ...], Digest | None]
"""The children of a manifest, and its subject."""
_NONE: Final[Relations] = ((), None)


@dataclass(frozen=True, slots=True)
class ImageGraph:
    """The manifests of an image, as they were found."""

    tags: dict[Tag, Digest]
    folders: frozenset[Digest]
    """Manifests that have a folder of their own."""
    registered: frozenset[Digest]
    """Manifests that the image shows by digest."""
    relations: dict[Digest, Relations]
    unreadable: frozenset[Digest] = frozenset()
    """Manifests of which nobody can say what they need."""
    is_whole: bool = True
    """Whether it is known of each tag which manifest it stands for."""

    def live(self, roots: Iterable[Digest] | None = None) -> set[Digest]:
        """Return what is live if ``roots`` are; without them, what the tags stand for."""
        found: set[Digest] = set()
        waiting = list(self.tags.values() if roots is None else roots)
        referrers = self._referrers()
        while waiting:
            digest = waiting.pop()
            if digest not in found:
                found.add(digest)
                waiting += self.relations.get(digest, _NONE)[0]
                waiting += referrers.get(digest, [])
        return found

    def _referrers(self) -> dict[Digest, list[Digest]]:
        found: dict[Digest, list[Digest]] = {}
        for digest, (_, subject) in self.relations.items():
            if subject is not None:
                found.setdefault(subject, []).append(digest)
        return found

    def unreferenced(self) -> set[Digest]:
        """Return the manifests that no tag needs.

        None, if a tag or a live manifest is damaged: then it is not known what that needs.
        """
        live = self.live()
        if not self.is_whole or live & self.unreadable:
            return set()
        return set(self.folders | self.registered) - live

    def in_order(self, digests: Iterable[Digest]) -> list[Digest]:
        """Return manifests such that each comes after the indexes and subjects that it is for."""
        order: list[Digest] = []
        seen: set[Digest] = set()
        wanted = set(digests)
        referrers = self._referrers()
        for first in sorted(wanted):
            # Depth first, without recursion: a manifest is done when all that it leads to is.
            waiting = [(first, False)]
            while waiting:
                digest, done = waiting.pop()
                if done:
                    order.append(digest)
                elif digest not in seen and digest in wanted:
                    seen.add(digest)
                    after = (*self.relations.get(digest, _NONE)[0], *referrers.get(digest, ()))
                    waiting += [(digest, True), *((next_, False) for next_ in after)]
        return order[::-1]


class References:
    """Reads the graphs of images; what a manifest says is remembered, as it never changes."""

    def __init__(self, layout: Layout, manifests: Manifests) -> None:
        self._layout = layout
        self._manifests = manifests
        self._relations: dict[Digest, Relations] = {}

    def read(self, place: Place, *, related: bool = False) -> ImageGraph:
        """Return the graph of an image as it is now.

        What the manifests say is left out where all of them have tags, unless it is asked for.
        """
        registered = self._registered(place)
        tags: dict[Tag, Digest] = {}
        folders: set[Digest] = set()
        whole = True
        for reference in self._manifests.folders(place):
            if isinstance(reference, Digest):
                folders.add(reference)
                continue
            try:
                tags[reference] = self._tagged(place, reference, registered)
            except ManifestUnknown:
                # It was deleted while this looked.
                continue
            except RegistryError:
                whole = False
        known = frozenset(registered.values())
        relations: dict[Digest, Relations] = {}
        unreadable: set[Digest] = set()
        has_more = known | folders != set(tags.values()) or self._has_referrers(place)
        if related or has_more:
            for digest in known | folders:
                try:
                    relations[digest] = self._relations_of(place, digest)
                except RegistryError:
                    unreadable.add(digest)
        return ImageGraph(
            tags, frozenset(folders), known, relations, frozenset(unreadable), is_whole=whole
        )

    def _has_referrers(self, place: Place) -> bool:
        return os.path.isdir(self._layout.all_referrers(place.key, place.image))

    def _registered(self, place: Place) -> dict[int, Digest]:
        """Return the manifests that the image shows, by inode."""
        folder, found = self._layout.manifests(place.key, place.image), {}
        for name in listed(folder):
            digest = parse_content_name(name)
            if digest is not None:
                try:
                    found[file_status(f"{folder}/{name}").st_ino] = digest
                except FileNotFoundError:
                    continue
        return found

    def _tagged(self, place: Place, tag: Tag, registered: dict[int, Digest]) -> Digest:
        folder = self._layout.manifest_folder(place.key, place.image, tag)
        status = look(folder, file_status)
        if status is not None and status.st_ino in registered:
            return registered[status.st_ino]
        # Only a copy without hard links, or an inode without links to give, needs the bytes.
        return self._manifests.read(place, tag).digest

    def _relations_of(self, place: Place, digest: Digest) -> Relations:
        known = self._relations.get(digest)
        if known is not None:
            return known
        stored = self._manifests.read(place, digest)
        manifest = parse_manifest(stored.body, stored.media_type)
        if len(self._relations) >= _CAPACITY:
            self._relations.clear()
        known = tuple(child.digest for child in manifest.children), manifest.subject
        self._relations[digest] = known
        return known
