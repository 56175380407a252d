"""Repairing a storage folder: what a check finds is put right from what is there.

A repair may make another one possible, so check and repair take turns until nothing changes any
more; what is found then is what could not be repaired.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from registry.model.errors import RegistryError
from registry.repositories.definitions import Definitions
from registry.services.findings import Finding
from registry.services.repairing_images import ImageRepairs, Repair
from registry.storage import atomic, walk
from registry.storage.repairs import Repairs
from registry.storage.store import Store

logger = logging.getLogger(__name__)

LINKS: Final = frozenset(
    {
        "blob-link-missing",
        "child-without-folder",
        "filestore-misplaced",
        "filestore-missing",
        "layer-link-missing",
        "manifest-link-missing",
        "referrer-missing",
        "split",
        "trash-incomplete",
    }
)
"""What has to do with names alone: what a copy without hard links, or a lost name, leaves."""

Check = Callable[[], Iterator[Finding]]


class Repairing:
    """Repairs one storage folder. What is checked, and how, is the caller's."""

    def __init__(self, store: Store, definitions: Definitions) -> None:
        self._store = store
        self._layout = store.layout
        self._repairs = Repairs(store.layout, store.filestore)
        images = ImageRepairs(store, definitions, self._repairs)
        self._images = images
        self._table: Mapping[str, Repair] = {
            **images.table(),
            "filestore-missing": self._name,
            "filestore-misplaced": self._move,
            "split": self._join,
            "trash-incomplete": self._complete_trash,
            "content-mode-wrong": lambda f: self._set_mode(f, atomic.CONTENT_MODE),
            "secret-mode-wrong": lambda f: self._set_mode(f, atomic.SECRET_MODE),
            "open-to-others": self._close,
            "folder-missing": self._make_folder,
            "record-damaged": lambda f: atomic.remove(self._path(f)),
            "stale-temporary": lambda f: atomic.remove(self._path(f)),
            "quarantine-unneeded": self._discard,
        }

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of findings that there is a repair for."""
        return frozenset(self._table)

    def run(
        self,
        check: Check,
        *,
        kinds: frozenset[str] | None = None,
        told: Callable[[Finding], None] = lambda finding: None,
    ) -> list[Finding]:
        """Repair what is found, and return what remains; ``told`` hears what was repaired.

        ``kinds`` are those that are looked at; all, if not given. Safe while the server runs.
        """
        walk.require_owner(self._layout)
        self._store.quarantine.heal_all()
        done: set[tuple[str, str]] = set()
        while True:
            remaining, changed = list[Finding](), 0
            for finding in check():
                known = finding.kind, finding.path
                if kinds is not None and finding.kind not in kinds:
                    continue
                if known not in done and self._repair(finding):
                    done.add(known)
                    changed += 1
                    told(finding)
                else:
                    remaining.append(finding)
            if not changed:
                return remaining

    def _repair(self, finding: Finding) -> bool:
        repair = self._table.get(finding.kind)
        if repair is None:
            return False
        try:
            return self._images.run(finding, repair)
        except (RegistryError, OSError) as error:
            logger.warning("%s: '%s' cannot be repaired: %s", finding.path, finding.kind, error)
            return False

    def _path(self, finding: Finding) -> str:
        return f"{self._layout.root}/{finding.path}"

    # --- content -------------------------------------------------------------------------------

    def _name(self, finding: Finding) -> bool:
        return finding.digest is not None and self._repairs.store(finding.digest, finding.source)

    def _move(self, finding: Finding) -> bool:
        return finding.digest is not None and self._repairs.move(
            finding.digest, self._path(finding)
        )

    def _join(self, finding: Finding) -> bool:
        """Let content that is several files be one again."""
        if finding.digest is None:
            return False
        file = walk.parse_image_file(finding.path)
        if file is None:
            return self._repairs.join(finding.digest, self._path(finding))
        with self._store.locks.image(file.place.key, file.place.image):
            return self._repairs.join(finding.digest, self._path(finding))

    def _complete_trash(self, finding: Finding) -> bool:
        """Put a blob back that an entry lacks; an entry that is gone meanwhile stays gone."""
        path = self._path(finding)
        if finding.digest is None or not os.path.isdir(os.path.dirname(path)):
            return False
        return self._repairs.give(finding.digest, path)

    def _discard(self, finding: Finding) -> bool:
        if finding.digest is None:
            return False
        self._store.quarantine.discard(finding.digest)
        return True

    # --- the rest ------------------------------------------------------------------------------

    def _set_mode(self, finding: Finding, mode: int) -> bool:
        return self._repairs.set_mode(self._path(finding), mode)

    def _close(self, finding: Finding) -> bool:
        """Take from everybody the right to write; secrets cannot be read by others either."""
        status = walk.look_at(self._path(finding))
        if status is None:
            return False
        secret = finding.path.startswith(("etc/users/", "etc/keys"))
        mode = atomic.SECRET_MODE if secret else status.st_mode & 0o7775
        return self._set_mode(finding, mode)

    def _make_folder(self, finding: Finding) -> bool:
        atomic.make_folder(self._path(finding))
        return True
