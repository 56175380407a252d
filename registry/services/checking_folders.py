"""Checking one manifest folder: its manifest, what stands beside it, and what it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from registry.model import media_types, properties
from registry.model.digests import HEX_LENGTHS, Digest
from registry.model.errors import ManifestInvalid, ManifestUnverified, StorageFailed
from registry.model.manifests import Manifest, parse_manifest
from registry.model.names import Reference
from registry.services.checking_blobs import BlobChecker
from registry.services.findings import Finding
from registry.services.inspection import Inspection
from registry.storage import walk
from registry.storage.documents import Documents
from registry.storage.layout import (
    INDEX_FILE,
    MANIFEST_FILE,
    MANIFEST_FILES,
    SIDECAR_ENDING,
    parse_content_name,
)
from registry.storage.manifest_files import Place
from registry.storage.walk import Entry

SIDECAR: Final = f"{MANIFEST_FILE}{SIDECAR_ENDING}"
_MADE: Final = ("created", "createdBy", "modified", "modifiedBy")


@dataclass(slots=True)
class ImageFacts:
    """What the folders of one image have said so far."""

    place: Place
    known: dict[int, tuple[Digest, Digest]] = field(default_factory=dict)
    """Good manifests by inode: their digest, and that of their bytes as content."""
    folders: set[Digest] = field(default_factory=set)
    """Manifests that have a folder, of a tag or of their own."""
    children: dict[Digest, str] = field(default_factory=dict)
    """What indexes name, each with the folder of one of them."""
    subjects: dict[Digest, Digest] = field(default_factory=dict)
    damaged: set[int] = field(default_factory=set)
    """Files of manifests that have been reported."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """A manifest folder as it was found."""

    facts: ImageFacts
    reference: Reference
    path: str
    manifest: Entry
    links: Mapping[Digest, Entry]


class FolderChecker:
    """Checks manifest folders; may be asked about the same one again."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._layout = inspection.layout
        self._blobs = BlobChecker(inspection)

    def check(self, facts: ImageFacts, reference: Reference, path: str) -> Iterator[Finding]:
        """Report what is wrong in the folder of a tag or digest."""
        found: list[Finding] = []
        files = [e for e in self._inspection.listing(path, found) if not e.is_folder]
        yield from found
        manifests: dict[str, Entry] = {}
        links: dict[Digest, Entry] = {}
        for entry in files:
            digest = parse_content_name(entry.name) if "__" in entry.name else None
            yield from self._inspection.ordinary(entry)
            if entry.is_file and entry.name in MANIFEST_FILES:
                manifests[entry.name] = entry
            elif entry.is_file and digest is not None:
                links[digest] = entry
                yield from self._inspection.content(entry, digest)
            elif entry.name != SIDECAR:
                yield from self._inspection.foreign(entry)
        shown = manifests.get(MANIFEST_FILE, manifests.get(INDEX_FILE))
        if shown is not None:
            if len(manifests) > 1:
                message = f"stands beside {INDEX_FILE}"
                yield self._finding(facts, reference, "manifest-both-names", shown.path, message)
            yield from self._manifest(_Folder(facts, reference, path, shown, links))
        elif any(e.name == SIDECAR or e in links.values() for e in files):
            status = walk.look_at(path)
            if status is not None and self._inspection.is_stale(status):
                message = "has no manifest, but what belongs to one"
                yield self._finding(facts, reference, "folder-without-manifest", path, message)

    def _finding(
        self,
        facts: ImageFacts,
        reference: Reference,
        kind: str,
        path: str,
        message: str,
        **more: Any,
    ) -> Finding:
        about = {"place": facts.place, "reference": reference} | more
        return self._inspection.finding(kind, path, message, **about)

    def _report(self, folder: _Folder, kind: str, path: str, message: str, **more: Any) -> Finding:
        return self._finding(folder.facts, folder.reference, kind, path, message, **more)

    # --- the manifest --------------------------------------------------------------------------

    def _manifest(self, folder: _Folder) -> Iterator[Finding]:
        entry, found = folder.manifest, list[Finding]()
        body = self._inspection.read(entry.path, found)
        yield from found
        if body is None or self._inspection.is_bad(entry.status.st_ino):
            return
        sidecar, damage = self._sidecar(folder)
        recorded = str((sidecar or {}).get("digest"))
        try:
            manifest = parse_manifest(body)
        except (ManifestInvalid, ManifestUnverified) as error:
            self._expect(folder, recorded)
            yield self._report(folder, "manifest-damaged", entry.path, error.message)
            return
        digest = self._digest(folder, manifest, body, recorded)
        if digest is None:
            yield self._wrong(folder, self._expect(folder, recorded))
            return
        self._learn(folder, manifest, digest, Digest.of(body, digest.algorithm))
        yield from self._inspection.content(entry, Digest.of(body, digest.algorithm))
        yield from self._names(folder, manifest, digest)
        if damage is not None:
            yield damage
        elif sidecar is not None:
            yield from self._facts(folder, sidecar, manifest, digest, body)
        yield from self._parts(folder, manifest)

    def _digest(
        self, folder: _Folder, manifest: Manifest, body: bytes, recorded: str
    ) -> Digest | None:
        """Return the digest that the manifest is known by, or None if it is not the right one."""
        if isinstance(folder.reference, Digest):
            found = manifest.identity(body, folder.reference.algorithm)
            return found if found == folder.reference else None
        place = folder.facts.place
        candidates = [manifest.identity(body, algorithm) for algorithm in HEX_LENGTHS]
        shown = [
            d for d in candidates if walk.look_at(self._layout.manifest(place.key, place.image, d))
        ]
        for digest in candidates:
            if digest == recorded:
                return digest
        if shown:
            return shown[0]
        # Neither recorded nor shown: that the bytes are what they claim, only content says.
        for algorithm in HEX_LENGTHS:
            stored = walk.look_at(self._layout.content(Digest.of(body, algorithm)))
            if stored is not None and stored.st_ino == folder.manifest.status.st_ino:
                return manifest.identity(body, algorithm)
        return None

    @staticmethod
    def _expect(folder: _Folder, recorded: str) -> Digest | None:
        """Take note of a damaged manifest; return the digest that it should have."""
        facts, reference = folder.facts, folder.reference
        facts.damaged.add(folder.manifest.status.st_ino)
        digest = reference if isinstance(reference, Digest) else parse_content_name(recorded)
        if digest is not None:
            # It has a folder, whatever has become of the manifest there.
            facts.folders.add(digest)
        return digest

    def _wrong(self, folder: _Folder, expected: Digest | None) -> Finding:
        path = folder.manifest.path
        if isinstance(folder.reference, Digest):
            message = "has another digest than its folder says"
            return self._report(folder, "folder-digest-wrong", path, message, digest=expected)
        message = f"is not the manifest that was recorded: {expected}"
        return self._report(folder, "tag-digest-wrong", path, message, digest=expected)

    @staticmethod
    def _learn(folder: _Folder, manifest: Manifest, digest: Digest, content: Digest) -> None:
        facts = folder.facts
        facts.known[folder.manifest.status.st_ino] = digest, content
        facts.folders.add(digest)
        if manifest.subject is not None:
            facts.subjects[digest] = manifest.subject

    def _names(self, folder: _Folder, manifest: Manifest, digest: Digest) -> Iterator[Finding]:
        path, place = folder.manifest.path, folder.facts.place
        if folder.manifest.name != (INDEX_FILE if manifest.is_index else MANIFEST_FILE):
            what = "an index" if manifest.is_index else "no index"
            yield self._report(folder, "manifest-name-wrong", path, f"is {what}")
        if walk.look_at(self._layout.manifest(place.key, place.image, digest)) is None:
            message = f"is not shown by its digest {digest}"
            yield self._report(folder, "manifest-link-missing", path, message, digest=digest)

    # --- the sidecar ---------------------------------------------------------------------------

    def _sidecar(self, folder: _Folder) -> tuple[dict[str, Any] | None, Finding | None]:
        path = f"{folder.path}/{SIDECAR}"
        try:
            sidecar = Documents().read(path)
        except StorageFailed:
            return None, self._report(folder, "sidecar-damaged", path, "is no JSON document")
        except OSError:
            return None, self._report(folder, "unreadable", path, "cannot be read")
        if sidecar is None:
            return None, self._report(folder, "sidecar-missing", path, "is missing")
        return sidecar, None

    def _facts(
        self,
        folder: _Folder,
        sidecar: Mapping[str, Any],
        manifest: Manifest,
        digest: Digest,
        body: bytes,
    ) -> Iterator[Finding]:
        path, sha256 = f"{folder.path}/{SIDECAR}", Digest.of(body).encoded
        if sidecar.get("digest") != digest:
            message = f"is that of another manifest, not of {digest}"
            yield self._report(folder, "sidecar-of-another", path, message)
            return
        facts = {"sha256": sha256, "size": len(body), "mediaType": manifest.media_type}
        expected = properties.manifest_properties(
            folder.facts.place.image, folder.reference, digest, manifest.media_type, sha256, {}
        )
        stated = sidecar.get("properties")
        stated = stated if isinstance(stated, dict) else {}
        wrong = [name for name, value in facts.items() if sidecar.get(name) != value]
        wrong += [name for name, value in expected.items() if stated.get(name) != value]
        wrong += [name for name in _MADE if not isinstance(sidecar.get(name), str)]
        if wrong:
            message = f"has wrong facts: {', '.join(wrong)}"
            yield self._report(folder, "sidecar-wrong", path, message)

    # --- what the manifest needs ---------------------------------------------------------------

    def _parts(self, folder: _Folder, manifest: Manifest) -> Iterator[Finding]:
        sized = manifest.media_type not in media_types.SCHEMA1_TYPES
        named = {part.digest for part in (*manifest.blobs, *manifest.children)}
        for blob in manifest.blobs:
            yield from self._blobs.check(folder.facts.place, folder.reference, blob, sized=sized)
        for child in manifest.children:
            if child.digest in folder.links:
                yield from self._blobs.check(folder.facts.place, folder.reference, child)
            else:
                folder.facts.children.setdefault(child.digest, folder.path)
        for digest, entry in folder.links.items():
            status = walk.look_at(folder.path)
            if digest not in named and status and self._inspection.is_stale(status):
                message = "is not part of the manifest beside it"
                yield self._report(folder, "layer-link-stale", entry.path, message)
