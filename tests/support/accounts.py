"""Accounts of a storage folder: every file in it must be there for a reason.

The reasons are worked out here from manifests alone, without the code that is tested.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator
from typing import Any, Final

_MANIFESTS: Final = ("manifest.json", "list.manifest.json")
_SIDECAR: Final = "manifest.json.properties.json"
_SINGLE: Final = ("format.json", "pruning.json", "storage-summary.json")
_MARKER: Final = "_rules.json"
"""Says that permission targets decide."""
_UNCOUNTED: Final = (
    "builds",
    "checksums",
    "etc",
    "journal",
    "locks",
    "pulls",
    "quarantine",
    "upstreams",
)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _content_name(digest: str) -> str:
    return digest.replace(":", "__", 1)


def _name_of(data: bytes, like: str) -> str:
    algorithm = like.partition("__")[0]
    return f"{algorithm}__{hashlib.new(algorithm, data).hexdigest()}"


class Accounts:
    """What is wrong with a storage folder in which nothing is going on.

    ``uploads`` are those that have been begun and not finished.
    """

    def __init__(self, root: str, uploads: Collection[str] = ()) -> None:
        self._root = root
        self._uploads = uploads
        self.problems: list[str] = []
        self.kept: set[str] = set()
        """Names of the content that images and the trash have."""
        self.bare: list[str] = []
        """Manifests that an image shows, and that have no folder of their own."""
        self._single_files()
        for _, path in self._listed("artifacts"):
            self._repository(path)
        for _, path in self._listed("trash"):
            self._entry(path)
        self._filestore()

    def _complain(self, path: str, what: str) -> None:
        self.problems.append(f"{os.path.relpath(path, self._root)}: {what}")

    def _listed(self, *path: str) -> Iterator[tuple[str, str]]:
        folder = os.path.join(self._root, *path)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            yield name, os.path.join(folder, name)

    def _single_files(self) -> None:
        for name, path in self._listed():
            if os.path.isfile(path) and name not in _SINGLE:
                self._complain(path, "has no reason")
        for folder in _UNCOUNTED:
            for parent, _, names in os.walk(os.path.join(self._root, folder)):
                for name in names:
                    if name.startswith("_") and name != _MARKER:
                        self._complain(f"{parent}/{name}", "is half-done")
        for name, path in self._listed("uploads"):
            if name.partition(".")[0] not in self._uploads:
                self._complain(path, "is no upload")

    # --- images ------------------------------------------------------------------------------

    def _repository(self, repository: str) -> None:
        for folder, folders, files in os.walk(repository):
            if folder != repository and not folders and not files:
                self._complain(folder, "is empty")
            if "_manifests" in folders:
                self._image(folder)
            elif any(name.startswith("_") for name in folders):
                self._complain(folder, "has blobs and no manifest")
            elif files and not _is_in_image(folder):
                self._complain(folder, f"is in no image: {files}")

    def _image(self, image: str) -> None:
        registered = {name: _read(path) for name, path in self._listed(image, "_manifests")}
        for name, body in registered.items():
            if _name_of(body, name) != name:
                self._complain(f"{image}/_manifests/{name}", "has other bytes")
        self.kept.update(registered)
        needed: set[str] = set()
        found: set[str] = set()
        for name, path in self._listed(image):
            if not name.startswith("_") and os.path.isdir(path):
                found |= self._manifest_folder(path, registered, needed)
        for name in set(registered) - found:
            # After a killed push; an index may name it, so it needs its blobs, too.
            self.bare.append(f"{image}/_manifests/{name}")
            needed |= _parts(json.loads(registered[name]))
        layers = {name for name, _ in self._listed(image, "_layers")}
        if layers != needed:
            self._complain(f"{image}/_layers", f"has {layers - needed}, lacks {needed - layers}")
        self.kept |= layers
        referrers = {
            (subject, name)
            for subject, folder in self._listed(image, "_referrers")
            for name, _ in self._listed(folder)
        }
        wanted = {
            (_content_name(json.loads(body)["subject"]["digest"]), name)
            for name, body in registered.items()
            if "subject" in json.loads(body)
        }
        if referrers != wanted:
            self._complain(image, f"has referrers {referrers - wanted}, lacks {wanted - referrers}")

    def _manifest_folder(
        self, folder: str, registered: dict[str, bytes], needed: set[str]
    ) -> set[str]:
        files = {name for name, path in self._listed(folder) if os.path.isfile(path)}
        manifests = [name for name in _MANIFESTS if name in files]
        if not manifests:
            if files:
                self._complain(folder, f"has no manifest, and {files}")
            return set()
        body = _read(f"{folder}/{manifests[0]}")
        parts = _parts(json.loads(body))
        names = {name for name, known in registered.items() if known == body}
        if not names:
            self._complain(folder, "has a manifest that the image does not show")
        expected = {manifests[0], _SIDECAR, *parts}
        if files != expected:
            self._complain(folder, f"has {files - expected}, lacks {expected - files}")
        for part in parts & files:
            if _name_of(_read(f"{folder}/{part}"), part) != part:
                self._complain(f"{folder}/{part}", "has other bytes")
        needed |= parts
        return names

    # --- trash and content -------------------------------------------------------------------

    def _entry(self, entry: str) -> None:
        try:
            note = json.loads(_read(f"{entry}/deletion.json"))
        except (OSError, ValueError):
            self._complain(entry, "cannot be read")
            return
        if os.path.basename(entry).startswith("_"):
            self._complain(entry, "is half-done")
        for folder, _, names in os.walk(entry):
            for name in names:
                if name.startswith("_"):
                    self._complain(f"{folder}/{name}", "is half-done")
                if name in _MANIFESTS:
                    like = note.get("digest") or "sha256__"
                    self.kept.add(_name_of(_read(f"{folder}/{name}"), _content_name(like)))
                elif name.startswith("sha"):
                    self.kept.add(name)
        if note.get("reference") is not None:
            self._deleted_manifest(entry)

    def _deleted_manifest(self, entry: str) -> None:
        files = set(os.listdir(entry))
        manifests = [name for name in _MANIFESTS if name in files]
        if len(manifests) != 1:
            self._complain(entry, f"has the manifests {manifests}")
            return
        parts = _parts(json.loads(_read(f"{entry}/{manifests[0]}")))
        expected = {"deletion.json", manifests[0], _SIDECAR, *parts}
        if files != expected:
            self._complain(entry, f"has {files - expected}, lacks {expected - files}")

    def _filestore(self) -> None:
        stored = set()
        for algorithm, folder in self._listed("filestore"):
            for shard, _ in self._listed(folder):
                for name, path in self._listed(folder, shard):
                    stored.add(f"{algorithm}__{name}")
                    if hashlib.new(algorithm, _read(path)).hexdigest() != name:
                        self._complain(path, "has other bytes")
        if stored != self.kept:
            self._complain("filestore", f"has {stored - self.kept}, lacks {self.kept - stored}")


def _is_in_image(folder: str) -> bool:
    """Return whether a folder is a manifest folder, or one of an image's own."""
    parent = os.path.dirname(folder)
    ours = [name for name in (folder, parent) if os.path.basename(name).startswith("_")]
    return bool(ours) or os.path.isdir(f"{parent}/_manifests")


def _parts(document: dict[str, Any]) -> set[str]:
    """Return the names of the blobs that a manifest folder owns."""
    found = [*document.get("layers", ())]
    found += [document["config"]] if "config" in document else []
    return {_content_name(part["digest"]) for part in found}


def check_accounts(root: str, uploads: Collection[str] = ()) -> None:
    """Assert that every file has a reason, once all graces and holds have passed."""
    problems = Accounts(root, uploads).problems
    assert not problems, "\n".join(problems)
