"""A storage folder with one repository and its pruner, on a time line where days cost nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from registry.model import media_types
from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.manifests import parse_manifest
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.model.targets import Target
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.services.pruning import Limits, Options, Pruning
from registry.services.pruning_report import Report
from registry.services.trashcan import Trashcan
from registry.storage import format as storage_format
from registry.storage.deletions import Deletion
from registry.storage.filestore import LEASE_RENEWAL
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.model import documents
from tests.support.travel import DAY, HOUR, Travel

KEY = RepositoryKey("docker-local")
IMAGE = ImageName("team/app")
OTHER = ImageName("team/other")
TAG = Tag("1.0")
ALICE = Actor("alice", "192.0.2.1")
CONFIG = b"{}"

GRACE = DAY
HOLD = HOUR
TRASH = 14 * DAY
UPLOADS = 7 * DAY
UNTAGGED = 7 * DAY
LIMITS = Limits(GRACE, HOLD, TRASH, UPLOADS)
EVERYTHING = UNTAGGED + TRASH + 3 * GRACE
"""By then everything has gone that has to go, if there are passes all along."""


def image(*layers: bytes, note: str = "", **more: Any) -> bytes:
    """Return an image manifest; another ``note`` makes another one."""
    return documents.encode(documents.image(CONFIG, *layers, annotations={"note": note}, **more))


def index(*children: bytes, note: str = "") -> bytes:
    """Return an index."""
    return documents.encode(documents.index(*children, annotations={"note": note}))


def referrer(subject: bytes, note: str = "") -> bytes:
    """Return an image that says something about another manifest."""
    return image(note=note, subject=documents.descriptor(subject, media_types.OCI_IMAGE))


class Bench:
    """One process at work on a storage folder. `again` is another one, on the same folder."""

    def __init__(
        self,
        root: str,
        travel: Travel,
        *,
        limits: Limits = LIMITS,
        renewal: float = LEASE_RENEWAL,
        keeps_trash: bool = True,
    ) -> None:
        self.root = root
        self.travel = travel
        self.limits = limits
        self._how: dict[str, Any] = {"renewal": renewal, "keeps_trash": keeps_trash}
        self.store = Store(root, **self._how)
        self.definitions = Definitions(self.store)
        if not os.path.exists(self.store.layout.repository_definition(KEY)):
            storage_format.prepare(self.store.layout)
            self.definitions.create(KEY, "local", {})
        self.pruning = Pruning(self.store, self.definitions, limits)
        self.trashcan = Trashcan(self.store, self.definitions)
        self.layout = self.store.layout

    def again(self, limits: Limits | None = None) -> Bench:
        """Return what another process has: objects of its own over the same folder."""
        return Bench(self.root, self.travel, limits=limits or self.limits, **self._how)

    def close(self) -> None:
        """Let go of open files."""
        self.store.journal.close()
        self.store.pulls.close()

    @property
    def repository(self) -> LocalRepository:
        """The repository as it is configured now."""
        return LocalRepository(self.store, self.definitions.get(KEY))

    def configure(self, **fields: Any) -> None:
        """Change fields of the repository."""
        self.definitions.update(KEY, fields)

    # --- pushing -----------------------------------------------------------------------------

    def blob(self, data: bytes, image: ImageName = IMAGE) -> Digest:
        """Upload a blob in one request."""
        digest = Digest.of(data)
        repository = self.repository
        with closing(repository.open_whole_upload(image, "sha256", ALICE, len(data))) as writer:
            writer.write(data)
            repository.finish_upload(image, writer, digest)
        return digest

    def put(self, body: bytes, reference: Reference | None = None, at: ImageName = IMAGE) -> Digest:
        """Put a manifest under a reference, by default under its digest."""
        digest = Digest.of(body)
        reference = digest if reference is None else reference
        return self.repository.put_manifest(at, reference, body, media_types.JSON, ALICE).digest

    def push(
        self, *layers: bytes, to: Reference | None = TAG, at: ImageName = IMAGE, note: str = ""
    ) -> bytes:
        """Push blobs and their manifest, by default to the tag; return the manifest."""
        for data in (CONFIG, *layers):
            self.blob(data, at)
        body = image(*layers, note=note)
        self.put(body, to, at)
        return body

    # --- deleting and restoring --------------------------------------------------------------

    def untag(self, tag: Tag = TAG) -> None:
        """Delete a tag as clients do: its manifest can be pulled by digest for a while."""
        self.repository.delete_manifest(IMAGE, tag, ALICE)

    def delete(self, body: bytes) -> None:
        """Delete a manifest with all its tags."""
        self.repository.delete_manifest(IMAGE, Digest.of(body), ALICE)

    def entries(self) -> list[Deletion]:
        """Return what is in the trash."""
        return list(self.store.trash.entries())

    def restore(
        self,
        reference: Reference | None = TAG,
        image: ImageName | None = IMAGE,
        *,
        overwrite: bool = False,
    ) -> Sequence[Deletion]:
        """Restore what was deleted last under a name."""
        return self.trashcan.restore(Target(KEY, image, reference), ALICE, overwrite=overwrite)

    # --- pruning -----------------------------------------------------------------------------

    def prune(self, after: float = 0.0, **options: bool) -> Report:
        """Make one pass, after some time."""
        self.travel.wait(after)
        return self.pruning.run(Options(**options))

    def live_for(self, seconds: float, every: float = 6 * HOUR) -> Report:
        """Let time pass, with passes all along; return the report of the last one."""
        report = self.pruning.run()
        while seconds > 0:
            report = self.prune(after=min(every, seconds))
            seconds -= every
        return report

    def settle(self) -> Report:
        """Let everything go that has to go."""
        return self.live_for(1.5 * EVERYTHING, every=2 * DAY)

    # --- pulling -----------------------------------------------------------------------------

    def has(self, body: bytes, image: ImageName = IMAGE) -> bool:
        """Return whether the image shows a manifest by digest."""
        return self.store.manifests.has(Place(KEY, image), Digest.of(body))

    def shows(self, data: bytes, image: ImageName = IMAGE) -> bool:
        """Return whether the image shows a blob."""
        return self.store.links.has(KEY, image, Digest.of(data))

    def stores(self, data: bytes) -> bool:
        """Return whether the filestore has the content."""
        return self.store.filestore.has(Digest.of(data))

    def pull(
        self,
        reference: Reference | bytes = TAG,
        image: ImageName = IMAGE,
        between: Callable[[], object] = lambda: None,
    ) -> bytes:
        """Pull a manifest and all that it names, as clients do; return its bytes.

        ``between`` happens after the manifest has been read, before its first part.
        """
        if isinstance(reference, bytes):
            reference = Digest.of(reference)
        stored = self.repository.manifest(image, reference)
        assert stored.digest == Digest.of(stored.body)
        between()
        manifest = parse_manifest(stored.body, stored.media_type)
        for part in manifest.blobs:
            with open(self.repository.blob(image, part.digest).path, "rb") as file:
                assert Digest.of(file.read()) == part.digest
        for child in manifest.children:
            self.pull(child.digest, image)
        return stored.body

    def pulls(self, reference: Reference | bytes = TAG, image: ImageName = IMAGE) -> bool:
        """Return whether a manifest can be pulled with all that it names."""
        with contextlib.suppress(Exception):
            self.pull(reference, image)
            return True
        return False
