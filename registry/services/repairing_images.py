"""Repairing images: links and sidecars are made again from what is there.

Everything is done under the image lock, after another look: what was found may be in order by now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from registry.model import properties
from registry.model.content import Actor, StoredManifest
from registry.model.digests import Digest
from registry.model.errors import (
    ManifestDamaged,
    ManifestPartsMissing,
    ManifestUnknown,
    RegistryError,
)
from registry.model.manifests import Manifest, parse_manifest
from registry.model.names import Reference, RepositoryKey
from registry.repositories.definitions import Definitions
from registry.repositories.pushing import ManifestPush
from registry.repositories.sidecars import FORMER_TAGS, PINNED, make_sidecar
from registry.services.findings import Finding
from registry.storage import atomic, walk
from registry.storage.documents import Documents
from registry.storage.layout import (
    INDEX_FILE,
    MANIFEST_FILE,
    MANIFEST_FILES,
    SIDECAR_ENDING,
    content_name,
    parse_content_name,
)
from registry.storage.manifest_files import Place, read_manifest
from registry.storage.repairs import Repairs
from registry.storage.store import Store
from registry.storage.tree_items import GIVEN

ACTOR: Final = Actor("fsck", "local")
EVENT: Final = "repair"
_MADE: Final = {"created": str, "createdBy": str, "modified": str, "modifiedBy": str}
_LASTING: Final = {FORMER_TAGS: dict, PINNED: bool} | dict.fromkeys(GIVEN, dict)
_OURS: Final = ("artifactory.", "docker.")

Repair = Callable[[Finding], bool]


class ImageRepairs:
    """Repairs images of one storage folder."""

    def __init__(self, store: Store, definitions: Definitions, repairs: Repairs) -> None:
        self._store = store
        self._layout = store.layout
        self._definitions = definitions
        self._repairs = repairs

    def table(self) -> Mapping[str, Repair]:
        """Return what repairs which kind of finding; each says whether it did."""
        return {
            "manifest-damaged": self._bytes,
            "tag-digest-wrong": self._bytes,
            "folder-digest-wrong": self._bytes,
            "manifest-digest-wrong": self._bytes,
            "manifest-link-missing": self._register,
            "referrer-missing": self._register,
            "blob-link-missing": self._show,
            "layer-link-missing": self._own,
            "child-without-folder": self._give_folder,
            "manifest-without-folder": self._give_folder_or_hide,
            "referrer-dangling": self._unlist,
            "referrer-wrong-subject": self._unlist,
            "sidecar-missing": self._describe,
            "sidecar-damaged": self._describe,
            "sidecar-of-another": self._describe,
            "sidecar-wrong": self._describe,
            "manifest-name-wrong": self._settle,
            "manifest-both-names": self._settle,
            "folder-without-manifest": self._clear,
            "layer-link-stale": self._clear,
        }

    def run(self, finding: Finding, repair: Repair) -> bool:
        """Do one of these repairs under the lock of its image."""
        place = finding.place
        if place is None:
            return repair(finding)
        with self._store.locks.image(place.key, place.image):
            return repair(finding)

    def _folder(self, place: Place, reference: Reference) -> str:
        return self._layout.manifest_folder(place.key, place.image, reference)

    def _read(self, finding: Finding) -> tuple[Place, Reference, StoredManifest, Manifest]:
        """Return what a finding is about, as it is now. Raises RegistryError."""
        place, reference = finding.place, finding.reference or finding.digest
        if place is None or reference is None:
            raise ManifestUnknown("the finding is about no manifest")
        body = read_manifest(self._folder(place, reference))
        if body is None:
            # It has no folder, and is shown by digest alone.
            stored = self._store.manifests.read(place, reference)
            return place, reference, stored, parse_manifest(stored.body)
        if isinstance(reference, Digest):
            digest = reference
        elif finding.kind == "manifest-link-missing" and finding.digest is not None:
            digest = finding.digest
        else:
            digest = self._store.manifests.read(place, reference).digest
        manifest = parse_manifest(body)
        if manifest.identity(body, digest.algorithm) != digest:
            raise ManifestDamaged("the manifest has another digest")
        return place, reference, StoredManifest(digest, manifest.media_type, body), manifest

    # --- bytes ---------------------------------------------------------------------------------

    def _bytes(self, finding: Finding) -> bool:
        """Put good bytes in the place of a damaged manifest, if any of its names has them."""
        path = f"{self._layout.root}/{finding.path}"
        for digest in self._wanted(finding, path):
            sources = [path]
            if finding.place is not None:
                shown = self._layout.manifest(finding.place.key, finding.place.image, digest)
                own = self._folder(finding.place, digest)
                sources = [shown, *(f"{own}/{name}" for name in MANIFEST_FILES)]
            if any(self._repairs.store(digest, source) for source in sources):
                return self._repairs.give(digest, path)
        return False

    def _wanted(self, finding: Finding, path: str) -> list[Digest]:
        """Return the digests that the bytes of a manifest should have as content."""
        wanted = [finding.digest, finding.reference]
        folder = path.rpartition("/")[0]
        recorded = _sidecar(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")
        # A signed manifest of schema 1 is known by another digest than that of its bytes.
        wanted.append(parse_content_name(str(recorded.get("digest"))))
        wanted.append(parse_content_name(f"sha256:{recorded.get('sha256')}"))
        found = [digest for digest in wanted if isinstance(digest, Digest)]
        return list(dict.fromkeys(found))

    # --- links ---------------------------------------------------------------------------------

    def _register(self, finding: Finding) -> bool:
        """Let the image show a manifest by digest, and as referrer of its subject."""
        place, reference, stored, manifest = self._read(finding)
        content = Digest.of(stored.body, stored.digest.algorithm)
        folder = self._folder(place, reference)
        sources = [f"{folder}/{name}" for name in MANIFEST_FILES]
        sources.append(self._layout.manifest(place.key, place.image, stored.digest))
        if not any(self._repairs.store(content, source) for source in sources):
            return False
        self._store.manifests.register(place, stored.digest, content, manifest.subject)
        return True

    def _show(self, finding: Finding) -> bool:
        """Let the image show a blob that a manifest of it has."""
        place, reference, digest = finding.place, finding.reference, finding.digest
        if place is None or reference is None or digest is None:
            return False
        source = f"{self._folder(place, reference)}/{content_name(digest)}"
        if not self._needs(finding) or not self._repairs.store(digest, source):
            return False
        return self._repairs.give(digest, self._layout.layer(place.key, place.image, digest))

    def _own(self, finding: Finding) -> bool:
        """Let a manifest folder own a blob of its manifest."""
        place, reference, digest = finding.place, finding.reference, finding.digest
        if place is None or reference is None or digest is None:
            return False
        source = self._layout.layer(place.key, place.image, digest)
        if not self._needs(finding) or not self._repairs.store(digest, source):
            return False
        return self._repairs.give(
            digest, f"{self._folder(place, reference)}/{content_name(digest)}"
        )

    def _needs(self, finding: Finding) -> bool:
        _, _, _, manifest = self._read(finding)
        return finding.digest in {part.digest for part in (*manifest.blobs, *manifest.children)}

    def _unlist(self, finding: Finding) -> bool:
        """Stop listing a referrer that is none, unless it is one by now."""
        path = f"{self._layout.root}/{finding.path}"
        subject = parse_content_name(path.split("/")[-2])
        try:
            if self._read(finding)[3].subject == subject:
                return False
        except RegistryError:
            # It is not in the image, or its bytes are wrong, so it refers to nothing.
            pass
        removed = atomic.remove(path)
        atomic.remove_folder(path.rpartition("/")[0])
        return removed

    # --- folders -------------------------------------------------------------------------------

    def _give_folder(self, finding: Finding) -> bool:
        """Give a manifest without a folder its own, which owns what it needs."""
        place, _, stored, _ = self._read(finding)
        definition = self._definitions.find(RepositoryKey(place.key))
        if definition is None:
            return False
        push = ManifestPush(self._store, definition, place, ACTOR)
        push.put_again(stored.digest, stored, event=EVENT)
        return True

    def _give_folder_or_hide(self, finding: Finding) -> bool:
        """The same; a manifest whose parts are gone is no longer shown: it was half pushed."""
        try:
            return self._give_folder(finding)
        except ManifestPartsMissing:
            place, _, stored, manifest = self._read(finding)
            self._store.manifests.unregister(place, stored.digest, manifest.subject)
            return True

    def _settle(self, finding: Finding) -> bool:
        """Let the manifest that is seen have the one file name of its kind."""
        place, reference, _, manifest = self._read(finding)
        folder = self._folder(place, reference)
        image, index = (walk.look_at(f"{folder}/{n}") for n in (MANIFEST_FILE, INDEX_FILE))
        if image is not None and index is not None and image.st_ino != index.st_ino:
            # Readers see the former, so the other one is what nobody sees.
            atomic.remove(f"{folder}/{INDEX_FILE}")
        self._store.manifests.settle(place, reference, index=manifest.is_index)
        return True

    def _clear(self, finding: Finding) -> bool:
        """Remove links that no manifest needs, and what was left of a push that never ended."""
        place, reference, manifests = finding.place, finding.reference, self._store.manifests
        if place is None or reference is None:
            return False
        keep: list[Digest] = []
        if manifests.has_folder(place, reference):
            manifest = self._read(finding)[3]
            keep = [part.digest for part in (*manifest.blobs, *manifest.children)]
        manifests.drop_stale_links(place, reference, keep)
        return True

    # --- sidecars ------------------------------------------------------------------------------

    def _describe(self, finding: Finding) -> bool:
        """Write the sidecar again; what the old one says of people and times stays."""
        place, reference, stored, manifest = self._read(finding)
        old = _sidecar(f"{self._folder(place, reference)}/{MANIFEST_FILE}{SIDECAR_ENDING}")
        kept = {
            name: old[name]
            for name, kind in (_MADE | _LASTING).items()
            if isinstance(old.get(name), kind)
        }
        labels = self._labels(place, manifest)
        sidecar = make_sidecar(place.image, reference, stored, labels, ACTOR, None, kept)
        stated = old.get("properties")
        others = stated if isinstance(stated, dict) else {}
        sidecar["properties"] = {
            name: value
            for name, value in others.items()
            if isinstance(value, list) and name != "sha256" and not name.startswith(_OURS)
        } | sidecar["properties"]
        self._store.manifests.replace_sidecar(place, reference, sidecar)
        return True

    def _labels(self, place: Place, manifest: Manifest) -> Mapping[str, str]:
        if manifest.config is None:
            return {}
        path = self._layout.layer(place.key, place.image, manifest.config.digest)
        status = walk.look_at(path)
        if status is None or status.st_size > properties.CONFIG_LIMIT:
            return {}
        return properties.config_labels(walk.read(path) or b"")


def _sidecar(path: str) -> dict[str, Any]:
    """Return what can be read of a sidecar."""
    try:
        return Documents().read(path) or {}
    except (RegistryError, OSError):
        return {}
