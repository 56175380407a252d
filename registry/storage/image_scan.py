"""One image as the pruner sees it: its folders, what they hold, and what is left over.

A folder is listed once. What is half-done or has lost its manifest is only named here; it is
cleared under the image lock, after another look.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field

from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown, RegistryError
from registry.model.manifests import parse_manifest
from registry.model.names import Reference
from registry.storage import held
from registry.storage.held import Held
from registry.storage.layout import (
    MANIFEST_FILES,
    TEMPORARY_PREFIX,
    Layout,
    content_name,
    parse_content_name,
)
from registry.storage.manifest_files import Place, listed, listed_folders, reference_of
from registry.storage.manifests import Manifests
from registry.storage.passes import Age, Ages


@dataclass(slots=True)
class ImageScan:
    """What was found in the folder of an image."""

    needed: set[str] = field(default_factory=set)
    """Names of content that manifest folders hold."""
    unclean: list[Reference] = field(default_factory=list)
    """Folders with half-done work, or with links and no manifest."""
    leftovers: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    dangling: list[str] = field(default_factory=list)
    """Names below ``_referrers`` of manifests that the image does not show."""
    leases: list[str] = field(default_factory=list)
    """Names in ``_layers`` that have not been renewed for the grace."""
    held: list[Held] = field(default_factory=list)
    split: list[str] = field(default_factory=list)
    """Names in ``_layers`` that are the only one of their inode: a copy lost its hard links."""


class ImageScanner:
    """Looks at images, and clears what is left over in them."""

    def __init__(self, layout: Layout, manifests: Manifests) -> None:
        self._layout = layout
        self._manifests = manifests

    def scan(self, place: Place, ages: Ages, bare: Iterable[Digest] = ()) -> ImageScan:
        """Look at an image; nothing is changed.

        ``bare`` are manifests that it shows and that have no folder, because a push or a deletion
        was killed: an index may name them, so they need their blobs, too.

        Raises:
            ManifestDamaged: nobody can say what one of them needs.
        """
        found = ImageScan()
        for digest in bare:
            with contextlib.suppress(ManifestUnknown):
                stored = self._manifests.read(place, digest)
                manifest = parse_manifest(stored.body, stored.media_type)
                found.needed.update(content_name(part.digest) for part in manifest.blobs)
        image = self._layout.image(place.key, place.image)
        for name in listed_folders(image):
            reference = reference_of(name)
            if reference is not None:
                self._scan_folder(f"{image}/{name}", reference, ages, found)
        self._scan_layers(self._layout.layers(place.key, place.image), ages, found)
        manifests = self._layout.manifests(place.key, place.image)
        referrers = self._layout.all_referrers(place.key, place.image)
        shown = set(listed(manifests))
        for folder in [manifests, *(f"{referrers}/{name}" for name in listed_folders(referrers))]:
            names = listed(folder)
            for name in names:
                _note(folder, name, ages, found)
                if parse_content_name(name) and name not in shown:
                    found.dangling.append(f"{folder}/{name}")
            if not names:
                found.empty.append(folder)
        found.empty += [referrers, self._layout.layers(place.key, place.image), image]
        return found

    @staticmethod
    def _scan_folder(folder: str, reference: Reference, ages: Ages, found: ImageScan) -> None:
        try:
            names = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        if not names:
            found.empty.append(folder)
        content = [name for name in names if parse_content_name(name) and "__" in name]
        found.needed.update(content)
        if any(name in MANIFEST_FILES for name in names):
            half = [name for name in names if name.startswith(TEMPORARY_PREFIX)]
        else:
            half = content + [n for n in names if n.startswith(("_tmp.", "manifest.json."))]
        # The age of the folder, because that of content is shared with other images.
        if half and _is_old(folder, ages):
            found.unclean.append(reference)

    @staticmethod
    def _scan_layers(folder: str, ages: Ages, found: ImageScan) -> None:
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            if entry.name.startswith("_"):
                _note(folder, entry.name, ages, found)
                continue
            if parse_content_name(entry.name) is None:
                # Somebody else's file; the check of the store names it.
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not stat.S_ISREG(status.st_mode):
                continue
            if status.st_nlink == 1:
                found.split.append(entry.name)
            if entry.name not in found.needed and ages.of(status.st_mtime) is Age.OLD:
                found.leases.append(entry.path)

    def still_dangling(self, place: Place, found: ImageScan) -> list[str]:
        """Return the dangling names that still are; needs the lock."""
        shown = set(listed(self._layout.manifests(place.key, place.image)))
        return [path for path in found.dangling if os.path.basename(path) not in shown]

    def clean(self, place: Place, reference: Reference) -> bool:
        """Clear the half-done work of a folder; return whether there was any. Needs the lock."""
        if not self._manifests.has_folder(place, reference):
            self._manifests.drop_stale_links(place, reference, ())
            return True
        try:
            stored = self._manifests.read(place, reference)
            manifest = parse_manifest(stored.body, stored.media_type)
        except RegistryError:
            # A damaged manifest cannot say what it needs, so nothing is taken from it.
            return False
        parts = [part.digest for part in (*manifest.blobs, *manifest.children)]
        self._manifests.settle(place, reference, index=manifest.is_index)
        self._manifests.drop_stale_links(place, reference, parts)
        return True


def _is_old(path: str, ages: Ages) -> bool:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    changed = max(status.st_mtime, status.st_ctime) if os.path.isdir(path) else status.st_mtime
    return ages.of(changed) is Age.OLD


def _note(folder: str, name: str, ages: Ages, found: ImageScan) -> None:
    """Take down a name that begins with our prefixes."""
    on_hold = held.parse(folder, name)
    if on_hold is not None:
        found.held.append(on_hold)
    elif name.startswith(TEMPORARY_PREFIX) and _is_old(f"{folder}/{name}", ages):
        found.leftovers.append(f"{folder}/{name}")
