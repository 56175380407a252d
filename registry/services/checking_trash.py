"""Checking what has been put aside: the trash, and damaged content in quarantine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator
from functools import partial

from registry.model.digests import Digest
from registry.model.errors import ManifestInvalid, ManifestUnverified, StorageFailed
from registry.model.manifests import Manifest, parse_manifest
from registry.services.findings import Finding
from registry.services.inspection import Inspection
from registry.storage import walk
from registry.storage.deletions import Deletion, parse_deletion
from registry.storage.documents import Documents
from registry.storage.hurt import hurt
from registry.storage.layout import (
    DEFINITION_FILE,
    DELETION_FILE,
    MANIFEST_FILE,
    MANIFEST_FILES,
    SIDECAR_ENDING,
    STAGED_PREFIX,
    TEMPORARY_PREFIX,
    TREE_FOLDER,
    content_name,
    parse_content_name,
)
from registry.storage.walk import Entry

_NOTE = ".json"


class TrashChecker:
    """Checks the trash and the quarantine."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._layout = inspection.layout
        self._find = inspection.finding

    # --- the trash -----------------------------------------------------------------------------

    def trash(self) -> Iterator[Finding]:
        """Report what is wrong in the trash."""
        found: list[Finding] = []
        looks = []
        for entry in self._inspection.listing(self._layout.top("trash"), found):
            yield from self._inspection.ordinary(entry)
            if not entry.is_folder:
                yield from self._inspection.foreign(entry)
            elif entry.name.startswith((STAGED_PREFIX, TEMPORARY_PREFIX)):
                yield from self._half_done(entry)
            else:
                looks.append(partial(self._entry, entry))
        # All at once, because there is a pause between the two looks: in a copy without hard links
        # every entry is looked at again.
        yield from self._inspection.again(looks)
        yield from found

    def _half_done(self, entry: Entry) -> Iterator[Finding]:
        if self._inspection.is_stale(entry.status):
            message = "was left by a killed process"
            yield self._find("stale-deletion", entry.path, message)

    def _entry(self, folder: Entry) -> Iterator[Finding]:
        found: list[Finding] = []
        listing = self._inspection.listing(folder.path, found)
        yield from found
        if walk.look_at(folder.path) is None:
            return
        for entry in listing:
            yield from self._inspection.ordinary(entry)
            digest = parse_content_name(entry.name) if "__" in entry.name else None
            if entry.is_file and digest is not None:
                yield from self._inspection.content(entry, digest)
            elif not self._is_known(entry):
                yield from self._inspection.foreign(entry)
            elif entry.is_folder:
                yield from self._tree(entry.path)
        deletion = yield from self._note(folder)
        if deletion is not None and not deletion.is_repository:
            yield from self._manifest(folder, listing, deletion)

    @staticmethod
    def _is_known(entry: Entry) -> bool:
        if entry.is_folder:
            return entry.name == TREE_FOLDER
        known = (*MANIFEST_FILES, DELETION_FILE, DEFINITION_FILE)
        return entry.name in known or entry.name.endswith(SIDECAR_ENDING)

    def _tree(self, path: str) -> Iterator[Finding]:
        """Look at the content in a deleted repository; its structure is looked at when restored."""
        for entry in walk.files_below(path):
            shown = "/_manifests/" in entry.path or "/_referrers/" in entry.path
            digest = parse_content_name(entry.name)
            if digest is not None and not shown:
                yield from self._inspection.content(entry, digest)
            elif entry.name in MANIFEST_FILES or digest is not None:
                yield from self._manifest_file(entry, digest)

    def _manifest_file(self, entry: Entry, digest: Digest | None) -> Iterator[Finding]:
        found: list[Finding] = []
        body = self._inspection.read(entry.path, found)
        yield from found
        expected = digest or _expected(os.path.dirname(entry.path))
        if body is None or expected is None or self._inspection.is_bad(entry.status.st_ino):
            return
        try:
            manifest = parse_manifest(body)
        except (ManifestInvalid, ManifestUnverified) as error:
            yield self._find("manifest-damaged", entry.path, error.message, digest=expected)
            return
        if manifest.identity(body, expected.algorithm) == expected:
            yield from self._inspection.content(entry, Digest.of(body, expected.algorithm))
        else:
            message = f"is not the manifest {expected}"
            yield self._find("manifest-digest-wrong", entry.path, message, digest=expected)

    def _note(self, folder: Entry) -> Generator[Finding, None, Deletion | None]:
        path = f"{folder.path}/{DELETION_FILE}"
        try:
            document = Documents().read(path)
            if document is not None:
                return parse_deletion(folder.name, document)
        except (StorageFailed, KeyError, TypeError, ValueError, AttributeError):
            yield self._find("trash-note-damaged", path, "does not say what was deleted")
            return None
        yield self._find("trash-note-missing", path, "is missing")
        return None

    def _manifest(
        self, folder: Entry, listing: list[Entry], deletion: Deletion
    ) -> Iterator[Finding]:
        file = next((entry for entry in listing if entry.name in MANIFEST_FILES), None)
        if file is None:
            yield self._find("trash-incomplete", folder.path, "has no manifest")
            return
        found: list[Finding] = []
        body = self._inspection.read(file.path, found)
        yield from found
        if body is None or self._inspection.is_bad(file.status.st_ino):
            return
        try:
            manifest = parse_manifest(body)
        except (ManifestInvalid, ManifestUnverified) as error:
            yield self._find("manifest-damaged", file.path, error.message)
            return
        algorithm = "sha256" if deletion.digest is None else deletion.digest.algorithm
        if deletion.digest not in (None, manifest.identity(body, algorithm)):
            message = f"is not the manifest {deletion.digest}"
            yield self._find("tag-digest-wrong", file.path, message, digest=deletion.digest)
            return
        yield from self._inspection.content(file, Digest.of(body, algorithm))
        if not self._inspection.is_sparse(deletion.repository):
            yield from self._parts(folder, manifest)

    def _parts(self, folder: Entry, manifest: Manifest) -> Iterator[Finding]:
        for blob in manifest.blobs:
            path = f"{folder.path}/{content_name(blob.digest)}"
            missing = blob.required and walk.look_at(path) is None
            if missing and not self._inspection.is_quarantined(blob.digest):
                yield self._find("trash-incomplete", path, "is missing", digest=blob.digest)

    # --- the quarantine ------------------------------------------------------------------------

    def quarantine(self) -> Iterator[Finding]:
        """Report damaged content that still waits for good one, or that nothing needs."""
        found: list[Finding] = []
        names = set()
        for entry in self._inspection.listing(self._layout.top("quarantine"), found):
            yield from self._inspection.ordinary(entry)
            digest = parse_content_name(entry.name.removesuffix(_NOTE))
            if digest is None or not entry.is_file:
                yield from self._inspection.foreign(entry)
            elif digest not in names:
                names.add(digest)
                yield from self._inspection.again([partial(self._quarantined, digest)])
        yield from found

    def _quarantined(self, digest: Digest) -> Iterator[Finding]:
        quarantine, path = self._inspection.store.quarantine, self._layout.quarantined(digest)
        try:
            note = quarantine.read(digest)
        except StorageFailed:
            note = None
        if note is None:
            if os.path.lexists(path):
                message = "has no note that can be read"
                yield self._find("quarantine-note-damaged", path + _NOTE, message)
            return
        tags = hurt(self._inspection.store.manifests, quarantine.waiting(note))
        if tags or quarantine.deleted(note):
            message = f"is damaged; {len(tags)} tags or manifests do not pull completely"
            if not tags:
                message = "is damaged, and part of what lies in the trash"
            yield self._find("content-quarantined", path, message, digest=digest, tags=tags)
        else:
            yield self._find("quarantine-unneeded", path, "is needed by nothing", digest=digest)


def _expected(folder: str) -> Digest | None:
    """Return the digest that the manifest in a folder should have, by its name or its sidecar."""
    named = parse_content_name(os.path.basename(folder))
    if named is not None:
        return named
    with contextlib.suppress(StorageFailed, OSError):
        sidecar = Documents().read(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}") or {}
        return parse_content_name(str(sidecar.get("digest")))
    return None
