"""Checking a storage folder for every kind of damage; nothing is changed.

The order is that of what depends on what: images first, then content, then all the rest. What
appears or vanishes meanwhile is no finding.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from registry.model.names import RepositoryKey, remote_key
from registry.repositories.definitions import Definitions
from registry.services.checking_content import ContentChecker
from registry.services.checking_images import ImageChecker
from registry.services.checking_state import StateChecker
from registry.services.checking_trash import TrashChecker
from registry.services.findings import Finding, Severity
from registry.services.inspection import Inspection
from registry.storage import walk
from registry.storage.contents import Pace
from registry.storage.hurt import hurt
from registry.storage.store import Store
from registry.storage.walk import Entry

Progress = Callable[[str], None]


def silent(step: str) -> None:
    """Make no use of progress."""


@dataclass(frozen=True, slots=True)
class Checked:
    """How much a check has looked at."""

    images: int
    manifests: int
    contents: int


class Checking:
    """Checks one storage folder.

    ``stale_after`` is after how many seconds half-done work is left over.
    """

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        stale_after: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._stale_after = stale_after
        self._clock = clock
        self.checked = Checked(0, 0, 0)
        """What the last complete look has seen."""

    def run(
        self, *, deep: bool = False, pace: Pace | None = None, progress: Progress = silent
    ) -> Iterator[Finding]:
        """Yield what is wrong; with ``deep`` all content is read, too.

        Raises:
            StorageUnusable: there is no storage folder.
        """
        walk.require_folder(self._store.layout)
        inspection = Inspection(self._store, self._definitions, self._stale_after, self._clock)
        seen: set[tuple[str, object]] = set()
        content: dict[int, Finding] = {}
        for finding in self._all(inspection, deep=deep, pace=pace or Pace(), progress=progress):
            key = finding.kind, finding.inode or finding.path
            if finding.inode is not None and finding.severity is Severity.DATA:
                content.setdefault(finding.inode, finding)
            elif key not in seen:
                seen.add(key)
                yield finding
        yield from self._with_tags(content)
        self.checked = Checked(inspection.images, inspection.manifests, inspection.contents)

    def _with_tags(self, content: dict[int, Finding]) -> Iterator[Finding]:
        """Yield findings about the bytes of content, each with the tags that it hurts."""
        names = walk.names_of(self._store.layout, content) if content else {}
        for inode, finding in content.items():
            yield replace(finding, tags=hurt(self._store.manifests, names[inode]))

    def _all(
        self, inspection: Inspection, *, deep: bool, pace: Pace, progress: Progress
    ) -> Iterator[Finding]:
        images, content = ImageChecker(inspection), ContentChecker(inspection)
        state, aside = StateChecker(inspection), TrashChecker(inspection)
        yield from self._repositories(inspection, images, progress)
        progress("filestore")
        yield from content.filestore()
        progress("trash")
        yield from aside.trash()
        yield from aside.quarantine()
        progress("definitions, users, journal")
        yield from state.run()
        if deep:
            yield from content.deep(pace, progress)

    def _repositories(
        self, inspection: Inspection, images: ImageChecker, progress: Progress
    ) -> Iterator[Finding]:
        found: list[Finding] = []
        for entry in inspection.listing(self._store.layout.top("artifacts"), found):
            yield from inspection.ordinary(entry)
            if not entry.is_folder or entry.name.startswith("_"):
                yield from inspection.foreign(entry)
                continue
            yield from inspection.again([partial(self._defined, inspection, entry)])
            progress(f"repository {entry.name}")
            yield from images.repository(RepositoryKey(entry.name))
        yield from found

    def _defined(self, inspection: Inspection, folder: Entry) -> Iterator[Finding]:
        """Report a folder that belongs to no repository; a damaged definition is one, too."""
        layout, names = self._store.layout, (folder.name, remote_key(folder.name) or folder.name)
        defined = any(walk.look_at(layout.repository_definition(name)) for name in names)
        if not defined and walk.look_at(folder.path) is not None:
            message = "has no definition in etc/repositories"
            yield inspection.finding("repository-undefined", folder.path, message)
