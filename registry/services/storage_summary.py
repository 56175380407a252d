"""How much each repository holds, and the disk: counted in the background and kept.

Counting looks at every file, which takes seconds in a large store; so it is done once an hour, or
when somebody asks for it, and its result is kept in ``storage-summary.json`` for all workers, with
the time when it was counted. Only the room on the disk is always that of the moment.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from registry.model.errors import StorageFailed, StorageFull
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.definitions import Definitions
from registry.storage import documents
from registry.storage.journal import now, timestamp
from registry.storage.store import Store
from registry.storage.tree_counting import Counts, TreeCounting

logger = logging.getLogger(__name__)

KEPT_FOR: Final = 3600.0
"""Seconds after which is counted again."""
KINDS: Final = {"local": "LOCAL", "remote": "CACHE", "virtual": "VIRTUAL"}
_UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")
_TOTAL: Final = "TOTAL"


class StorageSummary:
    """Counts what one storage folder holds.

    ``has_clock`` says whether something calls `run` when it `is_due`; without that whoever asks
    has to wait for it.
    """

    def __init__(self, store: Store, definitions: Definitions, *, has_clock: bool) -> None:
        self._store = store
        self._definitions = definitions
        self._counting = TreeCounting(store.layout, store.folder_records)
        self._has_clock = has_clock
        self._lock = threading.Lock()
        self._asked = False
        self._last: Mapping[str, Any] = {}

    # --- counting ----------------------------------------------------------------------------

    def ask(self) -> None:
        """Let it be counted again soon, whatever is kept."""
        self._asked = True

    def is_due(self) -> bool:
        """Return whether nothing is kept, or what is kept is old, or somebody has asked."""
        counted = self._kept().get("countedAt")
        if self._asked or not isinstance(counted, (int, float)):
            return True
        return not 0 <= time.time() - counted < KEPT_FOR

    def run(self, pause: Callable[[], object] = lambda: None) -> Mapping[str, Any]:
        """Count, and keep and return the figures; ``pause`` is called every few files."""
        self._asked = False
        began = time.perf_counter()
        counted = [self._count(found, pause) for found in self._definitions.all()]
        figures = {
            "counted": timestamp(now()),
            "countedAt": time.time(),
            "content": asdict(self._counting.content(pause)),
            "repositories": counted,
            "seconds": round(time.perf_counter() - began, 3),
        }
        self._last = figures
        try:
            documents.replace(self._store.layout.storage_summary(), figures)
        except (StorageFull, StorageFailed) as error:
            logger.warning("the storage summary cannot be kept: %s", error)
        return figures

    def _count(
        self, definition: RepositoryDefinition, pause: Callable[[], object]
    ) -> dict[str, Any]:
        key, held = definition.key, definition.holding_key
        counts = Counts() if held is None else self._counting.repository(held, pause)
        return {"key": held or key, "kind": KINDS[definition.rclass], **asdict(counts)}

    def _kept(self) -> Mapping[str, Any]:
        try:
            kept = self._store.documents.read(self._store.layout.storage_summary())
        except StorageFailed:
            kept = None
        return kept or self._last

    # --- telling -----------------------------------------------------------------------------

    def kept(self) -> Mapping[str, Any]:
        """Return the figures as last counted; empty if that has never been."""
        return self._kept()

    def figures(self) -> Mapping[str, Any]:
        """Return the same; if there are none, or nobody else counts, they are counted now."""
        with self._lock:
            kept = self._kept()
            if not kept or (self.is_due() and not self._has_clock):
                return self.run()
            return kept

    def disk(self) -> tuple[int, int]:
        """Return the size of the storage folder's filesystem, and how much can be written."""
        status = os.statvfs(self._store.layout.root)
        return status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize

    def uploads(self) -> int:
        """Return how many uploads have begun and not ended."""
        return self._counting.uploads()

    def document(self) -> dict[str, Any]:
        """Return Artifactory's summary: sizes as texts, numbers of things in a list as numbers."""
        figures = self.figures()
        content, found = figures["content"], figures["repositories"]
        total = {name: sum(one[name] for one in found) for name in ("folders", "files", "bytes")}
        size, free = self.disk()
        return {
            "binariesSummary": {
                "binariesCount": f"{content['files']:,}",
                "binariesSize": size_text(content["bytes"]),
                "artifactsSize": size_text(total["bytes"]),
                "optimization": percent_text(content["bytes"], total["bytes"] or 1),
                "itemsCount": f"{total['files'] + total['folders']:,}",
                "artifactsCount": f"{total['files']:,}",
            },
            "fileStoreSummary": {
                "storageType": "filesystem",
                "storageDirectory": self._store.layout.top("filestore"),
                "totalSpace": size_text(size),
                "usedSpace": f"{size_text(size - free)} ({percent_text(size - free, size)})",
                "freeSpace": f"{size_text(free)} ({percent_text(free, size)})",
            },
            "repositoriesSummaryList": [*_rows(found, total["bytes"]), _total_row(total)],
            "calculated": figures["counted"],
        }


def _rows(found: Iterable[Mapping[str, Any]], total: int) -> Iterable[dict[str, Any]]:
    for one in found:
        yield {
            "repoKey": one["key"],
            "repoType": one["kind"],
            **_amounts(one),
            "packageType": "Docker",
            "projectKey": "default",
            "percentage": percent_text(one["bytes"], total),
        }


def _total_row(total: Mapping[str, int]) -> dict[str, Any]:
    return {"repoKey": _TOTAL, "repoType": "NA", **_amounts(total)}


def _amounts(counted: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "foldersCount": counted["folders"],
        "filesCount": counted["files"],
        "usedSpace": size_text(counted["bytes"]),
        "usedSpaceInBytes": counted["bytes"],
        "itemsCount": counted["folders"] + counted["files"],
    }


def size_text(size: int) -> str:
    """Return a number of bytes as Artifactory writes it, such as ``3.48 GB``."""
    if size < 1024:
        return f"{size:,} bytes"
    amount, unit = float(size), 0
    # What would be rounded to 1,024.00 of a unit is one of the next.
    while amount >= 1023.995 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:,.2f} {_UNITS[unit]}"


def percent_text(part: int, whole: int) -> str:
    """Return a part in percent, such as ``5.82%``; of nothing it is ``N/A``."""
    return f"{100 * part / whole:.2f}%" if whole else "N/A"
