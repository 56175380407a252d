"""What a storage folder shows after a crash, and whether it may."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from registry.access.users import Users
from registry.model import media_types
from registry.model.digests import Digest
from registry.model.manifests import parse_manifest
from registry.model.names import Reference, Tag
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.storage.deletions import Deletion
from registry.storage.layout import (
    DEFINITION_FILE,
    MANIFEST_FILE,
    SIDECAR_ENDING,
    TREE_FOLDER,
    content_name,
    parse_content_name,
)
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.repositories.pushing import check_manifest, check_manifest_by_digest

PROMISED: Final = (
    "keys", "manifest", "referrer", "repository", "sidecar", "tag", "trash", "user"
)  # fmt: skip
"""What an operation promises of itself. A blob is promised with the manifest that names it."""
RANDOM: Final = ("keys", "user")
"""What is another one, and as good, when it is made again."""

Seen = dict[str, Any]


def observe(root: str) -> Seen:
    """Return all that can be seen in a storage folder.

    Raises AssertionError, or an error of the registry, where something that can be seen is not
    whole: a tag or digest that does not pull completely, or content that has other bytes.
    """
    store = Store(root)
    seen: Seen = {}
    keys = store.documents.read(store.layout.keys())
    if keys is not None:
        seen["keys"] = keys
    for user in Users(store).all():
        seen[f"user {user.name}"] = (user.admin, user.password_hash)
    for definition in Definitions(store).all():
        seen[f"repository {definition.key}"] = dict(definition.fields)
        seen |= _images(store, LocalRepository(store, definition))
    seen |= _trash(store)
    _check_content(store.layout.top("filestore"), in_image=False)
    return seen


def _images(store: Store, repository: LocalRepository) -> Iterator[tuple[str, Any]]:
    """Yield what each image shows; one without a manifest by digest may have a tag all the same."""
    for image in store.catalog.walk(repository.key, has=lambda path: True):
        place, name = Place(repository.key, image), f"{repository.key}/{image}"
        for reference in store.manifests.folders(place):
            # The folder of a digest that the image does not show is about to be removed.
            if isinstance(reference, Tag) or store.manifests.has(place, reference):
                check_manifest(store, repository, place, reference)
            _check_sidecar(store, place, reference)
            if isinstance(reference, Tag):
                yield f"tag {name}:{reference}", repository.manifest(image, reference).digest
            sidecar = store.manifests.sidecar(place, reference) or {}
            yield f"sidecar {name} {reference}", sidecar.get("digest")
        for digest in _digests(store.layout.manifests(place.key, image)):
            check_manifest_by_digest(store, repository, place, digest)
            assert Digest.of(repository.manifest(image, digest).body, digest.algorithm) == digest
            yield f"manifest {name}@{digest}", True
        for subject in _digests(store.layout.all_referrers(place.key, image)):
            for stored in repository.referrers(image, subject):
                yield f"referrer {name}@{stored.digest} of {subject}", True
        for digest in _digests(store.layout.layers(place.key, image)):
            yield f"blob {name}@{digest}", True
        _check_content(store.layout.layers(place.key, image))


def _check_sidecar(store: Store, place: Place, reference: Reference) -> None:
    """Assert that what is recorded of a manifest can be read; it may be that of the next one."""
    folder = store.layout.manifest_folder(place.key, place.image, reference)
    store.documents.read(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}")


def _digests(folder: str) -> list[Digest]:
    """Return the digests that the names in a folder spell; other names are on hold or half-done."""
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [digest for digest in map(parse_content_name, names) if digest is not None]


def _check_content(top: str, *, in_image: bool = True) -> None:
    """Assert that every file below ``top`` whose name is a digest has the bytes of that digest."""
    for folder, _, names in os.walk(top):
        for name in names:
            if name.startswith("_") or (in_image and parse_content_name(name) is None):
                continue
            with open(f"{folder}/{name}", "rb") as file:
                digest = Digest.of(file.read())
            assert name == (content_name(digest) if in_image else digest.encoded), folder


def _trash(store: Store) -> Iterator[tuple[str, Any]]:
    """Yield what can be restored.

    An entry that is staged counts, because the pruner finishes it; one that is torn does not, for
    it is being made or removed, or a crash has brought back what had been removed.
    """
    for staged in (True, False):
        for entry in store.trash.entries(staged=staged):
            folder = store.trash.path(entry)
            try:
                if entry.is_repository:
                    _check_repository(store, folder, entry, staged=staged)
                else:
                    _check_manifest(folder, entry.digest)
            except (AssertionError, FileNotFoundError):
                continue
            yield _trash_key(entry), entry.digest or True


def _trash_key(entry: Deletion) -> str:
    """Return how an entry is named here: as what it was before, in the trash."""
    if entry.is_repository:
        return f"trash repository {entry.repository}"
    kind, mark = ("tag", ":") if isinstance(entry.reference, Tag) else ("manifest", "@")
    return f"trash {kind} {entry.repository}/{entry.image}{mark}{entry.reference}"


def _check_repository(store: Store, folder: str, entry: Deletion, *, staged: bool) -> None:
    """Assert that a repository can be restored; while staged, its tree may have to come yet."""
    assert os.path.exists(f"{folder}/{DEFINITION_FILE}")
    tree = f"{folder}/{TREE_FOLDER}"
    if not staged or not os.path.isdir(store.layout.repository(entry.repository)):
        assert os.path.isdir(tree)
    _check_content(tree)


def _check_manifest(folder: str, digest: Digest | None) -> None:
    """Assert that an entry has its manifest and all blobs of it."""
    assert digest is not None
    found = [name for name in os.listdir(folder) if name.endswith("manifest.json")]
    assert len(found) == 1, found
    with open(f"{folder}/{found[0]}", "rb") as file:
        body = file.read()
    assert Digest.of(body, digest.algorithm) == digest
    for blob in parse_manifest(body, media_types.JSON).blobs:
        with open(f"{folder}/{content_name(blob.digest)}", "rb") as file:
            assert Digest.of(file.read(), blob.digest.algorithm) == blob.digest


class Promises:
    """What had been promised before the first operation, and after each."""

    def __init__(
        self, promises: Sequence[Mapping[str, Any]], kinds: tuple[str, ...], *, lasting: bool
    ) -> None:
        self._kinds = kinds
        self._lasting = lasting
        self._promises = [self._of_kind(seen) for seen in promises]

    def _of_kind(self, seen: Mapping[str, Any]) -> Seen:
        return {key: value for key, value in seen.items() if key.startswith(self._kinds)}

    def broken(self, returned: int, seen: Mapping[str, Any]) -> str | None:
        """Return which promise is broken, if any, after so many operations have returned.

        What the operation under way changes may be as before it or as after it, each thing by
        itself; but what leaves for the trash, or comes from there, is in one of the two places.
        """
        since = returned if self._lasting else 0
        valid = self._promises[since : returned + 2]
        shown = self._of_kind(seen)
        for key in sorted({*shown}.union(*valid)):
            value = shown.get(key)
            if all(value != found.get(key) for found in valid) and not self._is_back(key, value):
                return f"{key} is {value}, not {' or '.join(str(v.get(key)) for v in valid)}"
            goes = f"trash {key}" in valid[-1]
            comes = key in valid[-1] and f"trash {key}" in valid[-2:][0]
            if value is None and (goes or comes) and f"trash {key}" not in shown:
                return f"{key} is neither in its place nor in the trash"
        return None

    def _is_back(self, key: str, value: Any) -> bool:
        """Return whether this is in the trash once more; that it leaves it is not promised."""
        return key.startswith("trash ") and value in [s[key] for s in self._promises if key in s]
