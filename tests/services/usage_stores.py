"""Random storage folders, made as clients make them; pruned to the end; weighed inode by inode."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import time
from collections.abc import Callable, Sequence

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.model.paging import PageRequest
from registry.model.repository_fields import FieldValue
from registry.model.targets import Target
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.services.pruning import Limits, Options, Pruning
from registry.storage import format as storage_format
from registry.storage.layout import MANIFEST_FILES
from registry.storage.manifest_files import Place
from registry.storage.passes import Reading
from registry.storage.store import Store
from tests.model import documents
from tests.repositories.pushing import ALICE

TAGS = [Tag(text) for text in ("1.0", "1.1", "2.0", "latest", "edge")]
IMAGES = [ImageName(text) for text in ("app", "app/debug", "team/web")]
SETTINGS: Sequence[dict[str, FieldValue]] = (
    {},
    {"untaggedRetentionDays": 0},
    {"untaggedRetentionDays": -1},
    {"dockerTagRetention": 2},
    {"allowSparseIndexes": True, "untaggedRetentionDays": 0},
)
YEAR = 366 * 86_400


def open_store(root: str) -> Store:
    """Return the storage folder ``root``, made if it is missing."""
    store = Store(root)
    storage_format.prepare(store.layout)
    return store


def copy_store(store: Store, root: str) -> Store:
    """Return a copy of a storage folder, with its hard links."""
    first: dict[int, str] = {}

    def copy(source: str, target: str) -> str:
        known = first.setdefault(os.stat(source).st_ino, target)
        if known == target:
            return shutil.copy2(source, target)
        os.link(known, target)
        return target

    shutil.copytree(store.layout.root, root, copy_function=copy)
    return Store(root)


def prune_to_the_end(store: Store) -> None:
    """Prune as if a year had passed, until there is nothing left to do."""

    def later() -> Reading:
        return Reading(time.time() + YEAR, time.monotonic() + YEAR, "test")

    limits = Limits(grace=1, hold=0, trash=1, uploads=1)
    pruning = Pruning(store, Definitions(store), limits, clock=later)
    for _ in range(12):
        report = pruning.run(Options(force=True))
        assert report.skipped is None
        if report.is_quiet:
            return
    raise AssertionError("pruning does not come to an end")


def weigh(store: Store) -> int:
    """Return the bytes of all content on the disk, every inode once."""
    found: dict[int, int] = {}
    for top in ("artifacts", "filestore", "trash"):
        for folder, _, names in os.walk(store.layout.top(top)):
            for name in names:
                if name in MANIFEST_FILES or not name.endswith(".json"):
                    status = os.stat(f"{folder}/{name}")
                    found[status.st_ino] = status.st_size
    return sum(found.values())


def delete(store: Store, target: Target) -> None:
    """Delete what a target names, as the command line does."""
    definitions = Definitions(store)
    if target.image is None:
        definitions.delete(target.key, ALICE)
        return
    repository = LocalRepository(store, definitions.get(target.key))
    if isinstance(target.reference, Tag):
        repository.delete_tag(target.image, target.reference, ALICE)
    elif isinstance(target.reference, Digest):
        repository.delete_manifest(target.image, target.reference, ALICE)
    else:
        repository.delete_image(target.image, ALICE)


class RandomStore:
    """A storage folder into which clients have pushed, and from which they have deleted."""

    def __init__(self, root: str, seed: int) -> None:
        self.random = random.Random(seed)
        self.store = open_store(root)
        definitions = Definitions(self.store)
        for key in ("one", "two"):
            fields = self.random.choice(SETTINGS)
            definitions.create(RepositoryKey(key), "local", fields)
        definitions.create(RepositoryKey("ballast"), "local", {})
        self.repositories = [
            LocalRepository(self.store, definitions.get(RepositoryKey(key)))
            for key in ("one", "two")
        ]
        self.layers = [self._blob(number, 400) for number in range(8)]
        self.configs = [self._blob(number, 60) for number in range(100, 103)]
        self.bodies: list[tuple[bytes, list[bytes]]] = []
        """Image manifests with their blobs, to be pushed again elsewhere."""
        self._ballast(LocalRepository(self.store, definitions.get(RepositoryKey("ballast"))))

    def _blob(self, number: int, size: int) -> bytes:
        length = self.random.randint(size // 2, size)
        return (hashlib.sha256(str(number).encode()).digest() * 20)[:length]

    def _ballast(self, repository: LocalRepository) -> None:
        """Push what stays, so that never most of the content is an orphan."""
        for number in range(40):
            self._push_blob(repository, IMAGES[0], f"ballast {number}".encode())
        body = documents.encode(
            documents.image(b"ballast 0", *(f"ballast {n}".encode() for n in range(40)))
        )
        repository.put_manifest(IMAGES[0], TAGS[0], body, media_types.JSON, ALICE)

    def run(self, steps: int) -> None:
        """Make random steps; what the registry refuses has not been made."""
        actions: list[Callable[[LocalRepository, ImageName], None]] = [
            self._image, self._image, self._image_by_digest, self._again, self._index, self._index,
            self._referrer, self._untag, self._delete_tag, self._lone_blob, self._split,
            self._sha512,
        ]  # fmt: skip
        for _ in range(steps):
            action = self.random.choice(actions)
            repository = self.random.choice(self.repositories)
            try:
                action(repository, self.random.choice(IMAGES))
            except RegistryError:
                continue

    # --- what clients do ---------------------------------------------------------------------

    def _push_blob(
        self, repository: LocalRepository, image: ImageName, data: bytes, algorithm: str = "sha256"
    ) -> None:
        writer = repository.open_whole_upload(image, algorithm, ALICE, len(data))
        try:
            writer.write(data)
            repository.finish_upload(image, writer, Digest.of(data, algorithm))
        finally:
            writer.close()

    def _put(
        self, repository: LocalRepository, image: ImageName, reference: Reference, body: bytes
    ) -> None:
        repository.put_manifest(image, reference, body, media_types.JSON, ALICE)

    def _new(self, repository: LocalRepository, image: ImageName) -> bytes:
        """Push the blobs of a new image, and return its manifest."""
        layers = self.random.sample(self.layers, self.random.randint(1, 4))
        config = self.random.choice(self.configs)
        for data in (config, *layers):
            self._push_blob(repository, image, data)
        note = str(self.random.randint(0, 3))
        body = documents.encode(documents.image(config, *layers, annotations={"note": note}))
        self.bodies.append((body, [config, *layers]))
        return body

    def _image(self, repository: LocalRepository, image: ImageName) -> None:
        self._put(repository, image, self.random.choice(TAGS), self._new(repository, image))

    def _image_by_digest(self, repository: LocalRepository, image: ImageName) -> None:
        body = self._new(repository, image)
        self._put(repository, image, Digest.of(body), body)

    def _again(self, repository: LocalRepository, image: ImageName) -> None:
        """Push an image that has been pushed before, perhaps elsewhere."""
        if self.bodies:
            body, blobs = self.random.choice(self.bodies)
            for data in blobs:
                self._push_blob(repository, image, data)
            self._put(repository, image, self.random.choice(TAGS), body)

    def _manifests(self, repository: LocalRepository, image: ImageName) -> list[Digest]:
        return sorted(self.store.manifests.digests(Place(repository.key, image)))

    def _index(self, repository: LocalRepository, image: ImageName) -> None:
        """Push an index of manifests that are there, and a new one."""
        if self.random.random() < 0.7:
            self._image_by_digest(repository, image)
        known = self._manifests(repository, image)
        children = self.random.sample(known, min(len(known), self.random.randint(1, 3)))
        listed = [
            {"mediaType": media_types.OCI_IMAGE, "digest": child, "size": 1} for child in children
        ]
        body = documents.encode(documents.index() | {"manifests": listed})
        by_digest = self.random.random() < 0.2
        reference = Digest.of(body) if by_digest else self.random.choice(TAGS)
        self._put(repository, image, reference, body)

    def _referrer(self, repository: LocalRepository, image: ImageName) -> None:
        """Push something like a signature."""
        known = self._manifests(repository, image) or [Digest.of(b"nothing")]
        subject = {
            "mediaType": media_types.OCI_IMAGE,
            "digest": self.random.choice(known),
            "size": 1,
        }
        config, layer = self.configs[0], self.random.choice(self.layers)
        for data in (config, layer):
            self._push_blob(repository, image, data)
        body = documents.encode(documents.image(config, layer, subject=subject))
        tagged = self.random.random() < 0.2
        self._put(repository, image, Tag("signed") if tagged else Digest.of(body), body)

    def _sha512(self, repository: LocalRepository, image: ImageName) -> None:
        config, layer = self.configs[0], self.random.choice(self.layers)
        document = documents.image(config, layer)
        for data in (config, layer):
            self._push_blob(repository, image, data, "sha512")
        document["config"]["digest"] = Digest.of(config, "sha512")
        document["layers"][0]["digest"] = Digest.of(layer, "sha512")
        body = documents.encode(document)
        reference = Digest.of(body, "sha512")
        self._put(repository, image, reference, body)
        if self.random.random() < 0.5:
            repository.put_manifest(
                image, reference, body, media_types.JSON, ALICE, [self.random.choice(TAGS)]
            )

    def _lone_blob(self, repository: LocalRepository, image: ImageName) -> None:
        self._push_blob(repository, image, self.random.choice(self.layers))

    def _untag(self, repository: LocalRepository, image: ImageName) -> None:
        repository.delete_manifest(image, self.random.choice(TAGS), ALICE)

    def _delete_tag(self, repository: LocalRepository, image: ImageName) -> None:
        repository.delete_tag(image, self.random.choice(TAGS), ALICE)

    def _split(self, repository: LocalRepository, image: ImageName) -> None:
        """Let some content have as many links as it can have: the filestore gets a copy."""
        found = [
            f"{folder}/{name}"
            for folder, _, names in os.walk(self.store.layout.top("filestore"))
            for name in names
        ]
        self.store.filestore._split(self.random.choice(sorted(found)))

    # --- what can be asked for ---------------------------------------------------------------

    def targets(self) -> list[Target]:
        """Return everything that can be deleted."""
        found = []
        for repository in self.repositories:
            found.append(Target(repository.key))
            for image in repository.images(PageRequest()).names:
                found.append(Target(repository.key, image))
                tags = repository.tags(image, PageRequest()).names
                found += [Target(repository.key, image, tag) for tag in tags]
                digests = self._manifests(repository, image)
                found += [Target(repository.key, image, digest) for digest in digests]
        return found
