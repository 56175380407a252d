"""Every file of the storage folder at the end: what must be there, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from registry.model.digests import Digest
from registry.model.names import ImageName, RepositoryKey, Tag, cache_key
from registry.services.setup import FIRST_REMOTE, FIRST_VIRTUAL
from registry.storage.layout import (
    FOLDERS,
    INDEX_FILE,
    MANIFEST_FILE,
    SIDECAR_ENDING,
    Layout,
    content_name,
)
from tests.faults.soak.content import Manifest
from tests.faults.soak.model import Image

_RECORDS: Final = (
    "checksums/sha256",
    "checksums/sha512",
    "etc/groups",
    "etc/logins",
    "etc/permissions",
    "etc/users",
    "journal",
    "locks",
    "pulls",
    "upstreams",
)
"""Folders in which any file is right that is not half done."""
_SINGLE: Final = (
    "format.json",
    "pruning.json",
    "scrubbing.json",
    "storage-summary.json",
    "etc/keys.json",
    "etc/permissions/_rules.json",
    "etc/security.json",
    "etc/service.json",
)
_SIDECAR: Final = f"{MANIFEST_FILE}{SIDECAR_ENDING}"


@dataclass(slots=True)
class Expected:
    """The files that there must be: the names of each content, and others."""

    content: dict[str, int] = field(default_factory=dict)
    """The digests and sizes of all content."""
    names: dict[str, str] = field(default_factory=dict)
    """Paths to the digests that they must have."""
    sidecars: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    definitions: set[str] = field(default_factory=set)

    @property
    def bytes(self) -> int:
        return sum(self.content.values())


class Accounting:
    """Compares a storage folder with what images must have."""

    def __init__(
        self,
        storage: Path,
        keys: Iterable[str],
        images: Iterable[Image],
        *,
        furnished: bool = True,
    ) -> None:
        """Account for these images; ``furnished`` with what a new installation begins with."""
        self._layout = Layout(str(storage))
        self.expected = Expected()
        if furnished:
            cache = cache_key(FIRST_REMOTE)
            self.expected.folders.add(self._layout.repository(cache))
        for key in (*keys, *((FIRST_REMOTE, FIRST_VIRTUAL) if furnished else ())):
            self.expected.definitions.add(self._layout.repository_definition(key))
        for key in keys:
            self.expected.folders.add(self._layout.repository(RepositoryKey(key)))
        for image in images:
            self._expect_image(image)

    # --- what must be there ------------------------------------------------------------------

    def _expect_image(self, image: Image) -> None:
        key, name = RepositoryKey(image.key), ImageName(image.name)
        layout = self._layout
        for tag, digest in image.tags.items():
            self._expect_folder(
                layout.manifest_folder(key, name, Tag(tag)), image.manifests[digest]
            )
        tagged = set(image.tags.values())
        for digest in image.live():
            manifest = image.manifests[digest]
            parsed = Digest(digest)
            folder = layout.manifest_folder(key, name, parsed)
            own = os.path.isdir(folder) if digest in image.unsure else digest in image.own
            if own or digest not in tagged:
                self._expect_folder(folder, manifest)
            self._expect(layout.manifest(key, name, parsed), digest, len(manifest.body))
            for blob, size in manifest.blobs:
                self._expect(layout.layer(key, name, Digest(blob)), blob, size)
            if manifest.subject is not None:
                referrers = layout.referrers(key, name, Digest(manifest.subject))
                self._expect(f"{referrers}/{content_name(parsed)}", digest, len(manifest.body))

    def _expect_folder(self, folder: str, manifest: Manifest) -> None:
        file = INDEX_FILE if manifest.is_index else MANIFEST_FILE
        self._expect(f"{folder}/{file}", manifest.digest, len(manifest.body))
        self.expected.sidecars.add(f"{folder}/{_SIDECAR}")
        for blob, size in manifest.blobs:
            self._expect(f"{folder}/{content_name(Digest(blob))}", blob, size)

    def _expect(self, path: str, digest: str, size: int) -> None:
        self.expected.names[path] = digest
        if digest not in self.expected.content:
            self.expected.content[digest] = size
            self.expected.names[self._layout.content(Digest(digest))] = digest
        top = self._layout.top("artifacts")
        folder = os.path.dirname(path)
        while folder.startswith(f"{top}/") and folder not in self.expected.folders:
            self.expected.folders.add(folder)
            folder = os.path.dirname(folder)

    # --- what is there -----------------------------------------------------------------------

    def differences(self) -> list[str]:
        """Return what is there and must not be, what is not and must, and what is wrong."""
        expected, found = self.expected, self._files()
        known = expected.names.keys() | expected.sidecars | expected.definitions
        wrong = [f"missing: {path}" for path in sorted(known - found.keys())]
        wrong += [
            f"unaccounted for: {path} ({status.st_nlink} links, {status.st_size} bytes)"
            for path, status in sorted(found.items())
            if path not in known and not self._is_record(path)
        ]
        wrong += self._wrong_folders()
        wrong += self._wrong_inodes(found)
        used = {status.st_ino: status.st_size for path, status in self._content(found)}
        if sum(used.values()) != expected.bytes:
            wrong.append(f"{sum(used.values())} bytes are used, not {expected.bytes}")
        root = self._layout.root
        return [line.replace(f"{root}/", "") for line in wrong]

    def _files(self) -> dict[str, os.stat_result]:
        found = {}
        for folder, _, names in os.walk(self._layout.root):
            for name in names:
                path = f"{folder}/{name}"
                try:
                    found[path] = os.lstat(path)
                except FileNotFoundError:
                    continue
        return found

    def _is_record(self, path: str) -> bool:
        place = os.path.relpath(path, self._layout.root)
        half_done = os.path.basename(path).startswith("_")
        return place in _SINGLE or (os.path.dirname(place) in _RECORDS and not half_done)

    def _content(self, found: dict[str, os.stat_result]) -> Iterator[tuple[str, os.stat_result]]:
        """Yield all that is no record and no sidecar, wherever it is."""
        for path, status in found.items():
            ours = path.endswith(SIDECAR_ENDING) or path in self.expected.definitions
            if not ours and not self._is_record(path):
                yield path, status

    def _wrong_folders(self) -> Iterator[str]:
        top = self._layout.top("artifacts")
        there = {folder for folder, _, _ in os.walk(top)} - {top}
        yield from (f"missing folder: {path}" for path in sorted(self.expected.folders - there))
        yield from (f"folder of nothing: {path}" for path in sorted(there - self.expected.folders))
        others = {f"{self._layout.root}/{name.partition('/')[0]}" for name in FOLDERS}
        for entry in os.scandir(self._layout.root):
            if entry.is_dir() and entry.path not in others:
                yield f"unknown folder: {entry.path}"
        for name in ("trash", "uploads", "quarantine", "builds"):
            for left in os.listdir(self._layout.top(name)):
                yield f"left over: {name}/{left}"

    def _wrong_inodes(self, found: dict[str, os.stat_result]) -> Iterator[str]:
        """Yield names that are no links to the one file of their content, or of another size."""
        for path, digest in self.expected.names.items():
            content = found.get(self._layout.content(Digest(digest)))
            status = found.get(path)
            if status is None or content is None:
                continue
            if status.st_ino != content.st_ino:
                yield f"not the content's inode: {path}"
            if status.st_size != self.expected.content[digest]:
                yield f"{status.st_size} bytes, not {self.expected.content[digest]}: {path}"
