"""A registry on the logged disk, as its clients use it: each operation is noted in the ledger."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from registry.model.digests import Digest
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.targets import Target
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.services.pruning import Limits, Options, Pruning
from registry.services.trashcan import Trashcan
from registry.storage import format as storage_format
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.faults.power.checks import Look
from tests.faults.power.ledger import Contents, Ledger, Thing, manifest_of, tag_of, trash_of
from tests.repositories import pushing
from tests.repositories.pushing import ALICE, KEY

SIZES: Final = (700, 5_000, 60_000, 300_000)
"""Of layers: within a sector, a few, and more than one write takes."""
AT_ONCE: Final = Limits(grace=0.0, hold=0.0, trash=0.0, uploads=0.0)
"""Nothing stays because it is young."""


@dataclass(frozen=True, slots=True)
class Site:
    """One repository of a registry on the logged disk, and the ledger of what it promises."""

    store: Store
    repository: LocalRepository
    ledger: Ledger
    numbers: random.Random

    @classmethod
    def create(cls, root: str, ledger: Ledger, seed: int) -> Site:
        """Set up a new storage folder."""
        store = Store(root)
        storage_format.prepare(store.layout)
        repository = LocalRepository(store, create_repository(store, KEY))
        storage_format.stamp(store.layout)
        site = cls(store, repository, ledger, random.Random(seed))
        ledger.step("create", lambda: None, site.seen)
        return site

    def another(self, key: RepositoryKey) -> Site:
        """Return a site with a new repository."""
        definition: list[RepositoryDefinition] = []
        self.changing(
            f"create {key}", lambda: definition.append(create_repository(self.store, key))
        )
        return Site(
            self.store, LocalRepository(self.store, definition[0]), self.ledger, self.numbers
        )

    def place(self, image: ImageName) -> Place:
        """Return an image of the repository."""
        return Place(self.repository.key, image)

    # --- pushing ---------------------------------------------------------------------------------

    def layers(self, count: int = 2) -> list[bytes]:
        """Return new layers."""
        return [self.numbers.randbytes(self.numbers.choice(SIZES)) for _ in range(count)]

    def push(
        self,
        image: ImageName,
        tag: Tag | str,
        layers: Sequence[bytes] | None = None,
        *,
        chunked: bool = False,
    ) -> bytes:
        """Push an image, blobs first; return its manifest."""
        blobs = self.layers() if layers is None else layers
        body = pushing.image_body(*blobs, note=f"{tag} {self.numbers.random()}")
        upload = self._upload_chunked if chunked else self._upload

        def operation() -> None:
            for blob in (pushing.CONFIG, *blobs):
                upload(image, blob)
            pushing.put(self.repository, body, Tag(tag), image)

        self._pushing(image, tag, body, operation)
        return body

    def put(self, image: ImageName, tag: Tag | str, body: bytes) -> None:
        """Put a manifest whose parts are there."""
        self._pushing(image, tag, body, lambda: pushing.put(self.repository, body, Tag(tag), image))

    def _pushing(
        self, image: ImageName, tag: Tag | str, body: bytes, operation: Callable[[], object]
    ) -> None:
        place, digest = self.place(image), Digest.of(body)
        thing = tag_of(place, tag)
        contents = {thing: digest, manifest_of(place, digest): digest}
        self.ledger.step(f"push {thing}", operation, lambda: contents)

    def _upload(self, image: ImageName, blob: bytes) -> None:
        pushing.push_blob(self.repository, blob, image)

    def _upload_chunked(self, image: ImageName, blob: bytes) -> None:
        repository = self.repository
        upload = repository.start_upload(image, "sha256", ALICE)
        third = len(blob) // 3 + 1
        for begin in range(0, len(blob), third):
            with closing(repository.open_upload(image, upload.id, ALICE, start=begin)) as writer:
                writer.write(blob[begin : begin + third])
                repository.settle_upload(image, writer)
        with closing(repository.open_upload(image, upload.id, ALICE)) as writer:
            repository.finish_upload(image, writer, Digest.of(blob))

    def leave_upload(self, image: ImageName) -> None:
        """Begin an upload and never come back."""
        upload = self.repository.start_upload(image, "sha256", ALICE)
        with closing(self.repository.open_upload(image, upload.id, ALICE)) as writer:
            writer.write(self.layers(1)[0])
            self.repository.settle_upload(image, writer)

    def mount(self, image: ImageName, source: ImageName, blob: bytes) -> None:
        """Let an image show a blob of another one; this alone promises nothing."""
        found = self.repository.blob(source, Digest.of(blob))
        self.repository.mount_blob(image, found, ALICE)

    def untag(self, image: ImageName, tag: Tag | str, body: bytes) -> None:
        """Delete a tag that has this manifest, which stays and is in the trash as well."""
        place, digest = self.place(image), Digest.of(body)
        self.ledger.step(
            f"untag {tag_of(place, tag)}",
            lambda: self.repository.delete_manifest(image, Tag(tag), ALICE),
            lambda: {tag_of(place, tag): None, trash_of(place, Tag(tag), digest): digest},
        )

    # --- what changes more than a tag ------------------------------------------------------------

    def changing(self, name: str, operation: Callable[[], object]) -> None:
        """Do what nobody else interferes with, and note all that is seen to change."""
        before = self.seen()
        self.ledger.step(name, operation, lambda: difference(before, self.seen()))

    def seen(self) -> dict[Thing, str]:
        """Return everything that a client or an admin can see."""
        look = Look(self.store)
        look.take()
        assert not look.findings, look.findings
        return look.seen

    def delete_tag(self, image: ImageName, tag: Tag | str) -> None:
        """Delete a tag, and its manifest if nothing else needs it."""
        self.changing(
            f"delete {tag_of(self.place(image), tag)}",
            lambda: self.repository.delete_tag(image, Tag(tag), ALICE),
        )

    def delete_digest(self, image: ImageName, digest: Digest) -> None:
        """Delete a manifest and all its tags."""
        self.changing(
            f"delete {manifest_of(self.place(image), digest)}",
            lambda: self.repository.delete_manifest(image, digest, ALICE),
        )

    def delete_image(self, image: ImageName) -> None:
        """Delete everything in an image."""
        self.changing(f"delete {image}", lambda: self.repository.delete_image(image, ALICE))

    def delete_repository(self) -> None:
        """Delete the repository with all its images."""
        key = self.repository.key
        self.changing(f"delete {key}", lambda: Definitions(self.store).delete(key, ALICE))

    def restore(self, image: ImageName | None = None, tag: Tag | None = None) -> None:
        """Restore what was deleted last of a tag, an image or the repository."""
        trashcan = Trashcan(self.store, Definitions(self.store))
        target = Target(self.repository.key, image, tag)
        self.changing(f"restore {target}", lambda: trashcan.restore(target, ALICE))

    def prune(self) -> None:
        """Free all that nothing needs, at once."""
        pruning = Pruning(self.store, Definitions(self.store), AT_ONCE)
        self.changing("prune", lambda: pruning.run(Options(force=True)))


def create_repository(store: Store, key: RepositoryKey) -> RepositoryDefinition:
    """Create a repository in which nothing stays because it had a tag once."""
    return Definitions(store).create(key, "local", {"untaggedRetentionDays": 0})


def difference(before: dict[Thing, str], after: dict[Thing, str]) -> Contents:
    """Return what stands now under the things that have changed."""
    things = {thing for thing, _ in before.items() ^ after.items()}
    return {thing: after.get(thing) for thing in things}
