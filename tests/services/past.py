"""A registry whose past a test makes up: pushes, deletions and pulls at moments of its choice."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry.config import Config
from registry.model.digests import Digest
from registry.model.names import ImageName, Tag
from registry.model.repository_fields import FieldValue
from registry.repositories import manifest_writer, sidecars
from registry.repositories.base import Repository
from registry.services.instance import Instance
from registry.storage import deletions, journal, trash
from registry.storage import format as storage_format
from registry.storage.manifest_files import Place
from registry.storage.pulls import Pulls
from registry.storage.store import Store
from registry.wiring import build
from tests.repositories.pushing import ALICE, IMAGE, KEY, push_image

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)


def days_ago(days: float) -> datetime.datetime:
    """Return the moment so many days before the present of the test."""
    return NOW - datetime.timedelta(days=days)


class PastRegistry:
    """A registry, and a clock that everything in it which records moments looks at."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.moment = NOW
        for module in (journal, sidecars, manifest_writer, trash, deletions):
            patch.setattr(module, "now", lambda: self.moment)
        self.root = root
        self.instance: Instance = build(Config(storage_root=str(root)))
        storage_format.prepare(self.store.layout)
        self.instance.definitions.create(KEY, "local", {})
        self.store.pulls = Pulls(self.store.layout, lambda: self.moment.timestamp())

    @property
    def store(self) -> Store:
        """The storage folder."""
        return self.instance.store

    @property
    def repository(self) -> Repository:
        """The repository, as it is configured now."""
        return self.instance.directory.unguarded_repository(KEY)

    @contextmanager
    def at(self, days: float) -> Iterator[None]:
        """Do something so many days ago."""
        before, self.moment = self.moment, days_ago(days)
        try:
            yield
        finally:
            self.moment = before

    def push(
        self, tag: str, days: float = 0, note: str | None = None, image: ImageName = IMAGE
    ) -> Digest:
        """Push an image whose content is named by ``note``; by default by its tag."""
        with self.at(days):
            text = tag if note is None else note
            layer = f"layer of {text}".encode()
            body = push_image(self.repository, layer, reference=Tag(tag), image=image, note=text)
        return Digest.of(body)

    def delete(self, tag: str, days: float = 0) -> None:
        """Delete a tag as Artifactory does."""
        with self.at(days):
            self.repository.delete_tag(IMAGE, Tag(tag), ALICE)

    def pull(self, reference: str, digest: Digest, days: float = 0, who: str = "bob") -> None:
        """Record a pull of a manifest by a tag or a digest."""
        with self.at(days):
            name = Digest(reference) if ":" in reference else Tag(reference)
            self.store.pulls.record(KEY, IMAGE, name, digest, who)

    def configure(self, **fields: FieldValue) -> None:
        """Change fields of the repository."""
        self.instance.definitions.update(KEY, fields)

    def sidecar(self, reference: str) -> Path:
        """Return the path of the sidecar of a tag or digest."""
        name = Digest(reference) if ":" in reference else Tag(reference)
        folder = self.store.layout.manifest_folder(KEY, IMAGE, name)
        return Path(folder) / "manifest.json.properties.json"

    def forget_journal(self) -> None:
        """Lose the journal, as a power cut may lose its end."""
        self.store.journal.close()
        for path in Path(self.store.layout.top("journal")).iterdir():
            path.unlink()

    def close(self) -> None:
        """Let go of what is open."""
        self.store.journal.close()
        self.store.pulls.close()


PLACE = Place(KEY, IMAGE)
