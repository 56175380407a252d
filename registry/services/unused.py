"""Letting go what nobody pulls through a remote repository any more: its cache is not its archive.

Where `unusedArtifactsCleanupEnabled` is set, a tag of the cache goes when neither it nor what it
stands for has been pulled, or been fetched, for `unusedArtifactsCleanupPeriodHours`; and so does a
manifest that nothing in the image needs. Both go to the trash. Whoever wants them again gets them
from upstream.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown, RegistryError
from registry.model.names import Reference, Tag
from registry.model.repository_fields import REMOTE
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.storage.journal import parse_timestamp
from registry.storage.manifest_files import Place
from registry.storage.pull_counts import LastPulls
from registry.storage.store import Store

logger = logging.getLogger(__name__)

ACTOR: Final = Actor("unused-artifacts-cleanup", "local")
_ENABLED: Final = "unusedArtifactsCleanupEnabled"
_HOURS: Final = "unusedArtifactsCleanupPeriodHours"


@dataclass(slots=True)
class UnusedReport:
    """What a run has done: names as ``key/image:tag``."""

    deleted: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return the report for the log."""
        text = f"unused in caches: {len(self.deleted)} deleted"
        return f"{text}, {len(self.failed)} failed" if self.failed else text


class Unused:
    """Cleans the caches of remote repositories."""

    def __init__(self, store: Store, definitions: Definitions) -> None:
        self._store = store
        self._definitions = definitions

    def run(
        self,
        now: datetime.datetime,
        pause: Callable[[], None] = lambda: None,
        *,
        proved: datetime.datetime | None = None,
    ) -> UnusedReport:
        """Delete what nobody has used; what fails is told, and stops nothing else.

        Costs next to nothing where no repository wants it. ``pause`` is called before each image
        and each deletion, and may wait or raise to end the run. What was used after ``proved``
        stays, as it does with `Retention.run`.
        """
        report = UnusedReport()
        for definition in self._definitions.all():
            hours = definition.number(_HOURS)
            if definition.rclass == REMOTE and definition.flag(_ENABLED) and hours > 0:
                before = min(now - datetime.timedelta(hours=hours), proved or now)
                try:
                    self._clean(definition.cache(), before, report, pause)
                except RegistryError as error:
                    _note(report, definition.key, error)
        return report

    def _clean(
        self,
        cache: RepositoryDefinition,
        before: datetime.datetime,
        report: UnusedReport,
        pause: Callable[[], None],
    ) -> None:
        repository = LocalRepository(self._store, cache)
        pulls = self._store.pulls.last_pulls(cache.key)
        for image in self._store.catalog.walk(cache.key):
            pause()
            place = Place(cache.key, image)
            try:
                unused = list(self._unused(place, pulls, before))
            except (RegistryError, OSError) as error:
                _note(report, f"{cache.key}/{image}", error)
                continue
            for reference in unused:
                pause()
                name = f"{cache.key}/{image}:{reference}"
                try:
                    if isinstance(reference, Tag):
                        repository.delete_tag(image, reference, ACTOR)
                    else:
                        repository.delete_manifest(image, reference, ACTOR)
                    report.deleted.append(name)
                except ManifestUnknown:
                    continue
                except RegistryError as error:
                    _note(report, name, error)

    def _unused(
        self, place: Place, pulls: LastPulls, before: datetime.datetime
    ) -> Iterator[Reference]:
        """Yield the tags, and the manifests that nothing needs, that nobody has used since."""
        graph = self._store.references.read(place)
        for tag, digest in graph.tags.items():
            if self._used(place, tag, digest, pulls) < before:
                yield tag
        for digest in graph.in_order(graph.unreferenced()):
            if self._used(place, digest, digest, pulls) < before:
                yield digest

    def _used(
        self, place: Place, reference: Reference, digest: Digest, pulls: LastPulls
    ) -> datetime.datetime:
        """Return when something was pulled last, or when it was fetched."""
        manifests = self._store.manifests
        sidecar = manifests.sidecar(place, reference) or {}
        try:
            used = parse_timestamp(str(sidecar["modified"]))
        except (KeyError, ValueError):
            # The sidecar does not say; then it is when upstream was asked for it last.
            checked = manifests.checked(place, reference)
            used = datetime.datetime.fromtimestamp(checked, datetime.UTC)
        for one in (pulls.find(place.image, reference), pulls.find(place.image, digest)):
            if one is not None:
                used = max(used, parse_timestamp(one.last))
        return used


def _note(report: UnusedReport, name: str, error: Exception) -> None:
    logger.error("what is unused of %s stays: %s", name, error)
    report.failed.append(f"{name}: {error}")
