"""Checking images: their manifest folders, and what lets them show blobs and manifests.

An image is looked at while it is in use. What looks wrong is looked at again when nobody is
changing the image, and only then reported.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

from registry.model.digests import Digest
from registry.model.errors import ManifestInvalid, ManifestUnverified, RegistryError
from registry.model.manifests import Manifest, parse_manifest
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.services.checking_blobs import BlobChecker
from registry.services.checking_folders import FolderChecker, ImageFacts
from registry.services.findings import Finding
from registry.services.inspection import Inspection, Look
from registry.storage import walk
from registry.storage.layout import (
    FOLDER_RECORDS,
    content_name,
    folder_name,
    parse_content_name,
    part_of,
)
from registry.storage.manifest_files import Place, read_manifest
from registry.storage.walk import Entry, folder_reference

_OURS = ("_layers", "_manifests", "_referrers")


class ImageChecker:
    """Checks the folder tree of a repository."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._layout = inspection.layout
        self._folders = FolderChecker(inspection)
        self._blobs = BlobChecker(inspection)

    def repository(self, key: RepositoryKey) -> Iterator[Finding]:
        """Report what is wrong in the folder tree of a repository."""
        waiting: list[tuple[tuple[str, ...], str]] = [((), self._layout.repository(key))]
        while waiting:
            parts, path = waiting.pop()
            found: list[Finding] = []
            listing = self._inspection.listing(path, found)
            yield from found
            # The files of deeper folders belong to tags of the image above.
            files = [entry for entry in listing if not entry.is_folder and len(parts) < 2]
            for entry in files:
                yield from self._inspection.ordinary(entry)
                if parts or entry.name != FOLDER_RECORDS:
                    yield from self._inspection.foreign(entry)
            folders = list[Entry]()
            for entry in listing:
                if entry.is_folder:
                    yield from self._inspection.ordinary(entry)
                    if _has_place(parts, entry.name):
                        folders.append(entry)
                    else:
                        yield from self._inspection.foreign(entry)
            if parts:
                yield from self._image(Place(key, ImageName("/".join(parts))), path, folders)
            for entry in reversed(folders):
                # Two links mean that there are no folders in it, so it is no more than a tag.
                inner = entry.status.st_nlink != 2 or not parts
                if inner and ":" not in entry.name and entry.name not in _OURS:
                    waiting.append(((*parts, part_of(entry.name)), entry.path))

    def _settled(self, place: Place, look: Look) -> Iterator[Finding]:
        """Report what a look finds, if it finds it while nobody changes the image, too."""
        if any(True for _ in look()):
            with self._inspection.store.locks.quiet_image(place.key, place.image):
                found = list(look())
            yield from found

    def _image(self, place: Place, path: str, folders: list[Entry]) -> Iterator[Finding]:
        shown = self._layout.manifests(place.key, place.image)
        found: list[Finding] = []
        # Before the folders: what is shown then has its folder, unless somebody is at work.
        registered = self._inspection.listing(shown, found)
        layers = self._inspection.listing(self._layout.layers(place.key, place.image), found)
        yield from found
        self._inspection.images += bool(registered)
        facts = ImageFacts(place)
        for entry in folders:
            reference = folder_reference(entry.name)
            if reference is not None:
                look = partial(self._folders.check, facts, reference, entry.path)
                yield from self._settled(place, look)
        for entry in layers:
            yield from self._settled(place, partial(self._layer, entry))
        for entry in registered:
            yield from self._settled(place, partial(self._registered, facts, entry))
        yield from self._referrers(facts)
        for child, folder in facts.children.items():
            yield from self._settled(place, partial(self._child, facts, child, folder))
        self._inspection.manifests += len(facts.folders)

    # --- blobs that the image may show ---------------------------------------------------------

    def _layer(self, known: Entry) -> Iterator[Finding]:
        entry, digest = _now(known), parse_content_name(known.name)
        if entry is None:
            return
        yield from self._inspection.ordinary(entry)
        if digest is None or "__" not in entry.name or entry.is_folder:
            yield from self._inspection.foreign(entry)
        elif entry.is_file and self._inspection.is_bad(entry.status.st_ino):
            yield self._shown_again(entry, digest)
        elif entry.is_file:
            yield from self._inspection.content(entry, digest)

    def _shown_again(self, entry: Entry, digest: Digest) -> Finding:
        """Report what has been restored, or mounted, while it was being put into quarantine."""
        message = "is shown, and known to be damaged"
        return self._inspection.finding(
            "content-damaged", entry.path, message, digest=digest, inode=entry.status.st_ino
        )

    # --- manifests that the image may show -----------------------------------------------------

    def _registered(self, facts: ImageFacts, known: Entry) -> Iterator[Finding]:
        entry, digest = _now(known), parse_content_name(known.name)
        if entry is None:
            return
        yield from self._inspection.ordinary(entry)
        if digest is None or "__" not in entry.name or entry.is_folder:
            yield from self._inspection.foreign(entry)
            return
        inode = entry.status.st_ino
        if self._inspection.is_bad(inode):
            yield self._shown_again(entry, digest)
            return
        if not entry.is_file or inode in facts.damaged:
            return
        found: list[Finding] = []
        known_digest, content = facts.known.get(inode, (None, None))
        manifest = None
        if known_digest != digest or digest not in facts.folders:
            manifest, content = self._read(facts.place, entry, digest, found)
        yield from found
        if content is None:
            return
        yield from self._inspection.content(entry, content)
        if digest not in facts.folders and manifest is not None:
            yield from self._homeless(facts, entry, digest, manifest)

    def _read(
        self, place: Place, entry: Entry, digest: Digest, found: list[Finding]
    ) -> tuple[Manifest | None, Digest | None]:
        """Return what a manifest shown by digest says, and the digest of its bytes as content."""
        nothing = None, None
        body = self._inspection.read(entry.path, found)
        if body is None:
            return nothing
        about = {"place": place, "digest": digest}
        try:
            manifest = parse_manifest(body)
        except (ManifestInvalid, ManifestUnverified) as error:
            found.append(
                self._inspection.finding("manifest-damaged", entry.path, error.message, **about)
            )
            return nothing
        if manifest.identity(body, digest.algorithm) != digest:
            message = "has another digest than its name says"
            found.append(
                self._inspection.finding("manifest-digest-wrong", entry.path, message, **about)
            )
            return nothing
        return manifest, Digest.of(body, digest.algorithm)

    def _homeless(
        self, facts: ImageFacts, entry: Entry, digest: Digest, manifest: Manifest
    ) -> Iterator[Finding]:
        """Report a manifest that no folder has: nothing owns what it needs."""
        place, manifests = facts.place, self._inspection.store.manifests
        if manifests.has_folder(place, digest):
            return
        for reference in manifests.folders(place):
            with contextlib.suppress(RegistryError, FileNotFoundError):
                if isinstance(reference, Tag) and manifests.is_at(place, reference, digest):
                    return
        about = {"place": place, "digest": digest}
        if digest in facts.children:
            message = "is part of an index, and nothing owns what it needs"
            yield self._inspection.finding("child-without-folder", entry.path, message, **about)
            for blob in manifest.blobs:
                yield from self._blobs.check(place, digest, blob, sized=False, has_folder=False)
        elif self._inspection.is_stale(entry.status):
            message = "is shown, but no tag or folder has it"
            yield self._inspection.finding("manifest-without-folder", entry.path, message, **about)

    def _child(self, facts: ImageFacts, child: Digest, folder: str) -> Iterator[Finding]:
        place = facts.place
        shown = walk.look_at(self._layout.manifest(place.key, place.image, child))
        excused = child in facts.folders or self._inspection.is_quarantined(child)
        if shown is not None or excused or self._inspection.is_sparse(place.key):
            return
        body = read_manifest(folder)
        with contextlib.suppress(ManifestInvalid, ManifestUnverified):
            # The tag may stand for something else by now.
            if body and any(part.digest == child for part in parse_manifest(body).children):
                message = f"names {child}, which the image does not have"
                yield self._inspection.finding(
                    "child-missing", folder, message, place=place, digest=child
                )

    # --- referrers -----------------------------------------------------------------------------

    def _referrers(self, facts: ImageFacts) -> Iterator[Finding]:
        place, found = facts.place, list[Finding]()
        top = self._layout.all_referrers(place.key, place.image)
        for folder in self._inspection.listing(top, found):
            subject = parse_content_name(folder.name) if "__" in folder.name else None
            yield from self._inspection.ordinary(folder)
            if subject is None or not folder.is_folder:
                yield from self._inspection.foreign(folder)
                continue
            for entry in self._inspection.listing(folder.path, found):
                look = partial(self._referrer, facts, subject, entry)
                yield from self._settled(place, look)
        yield from found
        for digest, subject in facts.subjects.items():
            yield from self._settled(place, partial(self._listed, place, digest, subject))

    def _referrer(self, facts: ImageFacts, subject: Digest, known: Entry) -> Iterator[Finding]:
        entry, digest = _now(known), parse_content_name(known.name)
        if entry is None:
            return
        yield from self._inspection.ordinary(entry)
        if digest is None or "__" not in entry.name or entry.is_folder:
            yield from self._inspection.foreign(entry)
            return
        about = {"place": facts.place, "digest": digest}
        inode = entry.status.st_ino
        if inode in facts.damaged or self._inspection.is_bad(inode):
            return
        path = self._layout.manifest(facts.place.key, facts.place.image, digest)
        if walk.look_at(path) is None:
            if digest not in facts.folders and not self._inspection.is_quarantined(digest):
                message = f"is listed for {subject}, but is not in the image"
                yield self._inspection.finding("referrer-dangling", entry.path, message, **about)
            return
        found: list[Finding] = []
        manifest, content = self._read(facts.place, entry, digest, found)
        yield from found
        if manifest is not None and content is not None:
            yield from self._inspection.content(entry, content)
            if manifest.subject != subject:
                message = f"is listed for {subject}, but has the subject {manifest.subject}"
                yield self._inspection.finding(
                    "referrer-wrong-subject", entry.path, message, **about
                )

    def _listed(self, place: Place, digest: Digest, subject: Digest) -> Iterator[Finding]:
        folder = self._layout.referrers(place.key, place.image, subject)
        path = f"{folder}/{content_name(digest)}"
        shown = walk.look_at(self._layout.manifest(place.key, place.image, digest))
        if shown is not None and walk.look_at(path) is None:
            message = f"does not say that {digest} refers to it"
            yield self._inspection.finding(
                "referrer-missing", path, message, place=place, digest=digest
            )


def _now(known: Entry) -> Entry | None:
    """Return an entry as it is now."""
    status = walk.look_at(known.path)
    return None if status is None else Entry(known.path, known.name, status)


def _has_place(parts: tuple[str, ...], name: str) -> bool:
    """Return whether a folder of that name may be in a folder of an image, or on the way there."""
    if parts and not _is_image_name(parts):
        return False
    if name in _OURS or ":" in name:
        return bool(parts) and (name in _OURS or parse_content_name(name) is not None)
    if folder_name(part_of(name)) != name:
        return False
    is_tag = bool(parts) and folder_reference(name) is not None
    return is_tag or _is_image_name((*parts, part_of(name)))


def _is_image_name(parts: tuple[str, ...]) -> bool:
    try:
        ImageName.parse("/".join(parts))
    except RegistryError:
        return False
    return True
