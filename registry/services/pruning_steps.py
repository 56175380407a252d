"""The steps of a pruning pass: trash, images, content. Each can be made again at any time."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.names import RepositoryKey
from registry.repositories import untagged
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.definitions import Definitions
from registry.repositories.deleting import ManifestDeletion
from registry.repositories.manifest_writer import ManifestWriter
from registry.repositories.touches import Touches
from registry.services.pruning_report import Report
from registry.storage import atomic, leases, upload_sweep
from registry.storage.deletions import Deletion
from registry.storage.image_scan import ImageScan, ImageScanner
from registry.storage.manifest_files import Place
from registry.storage.orphans import Orphans
from registry.storage.passes import Age, Ages
from registry.storage.store import Store
from registry.storage.trash import Trash

logger = logging.getLogger(__name__)

EMPTY_FOR: Final = 300.0
"""Seconds for which a folder must have been empty: its maker may be about to use it."""
SPLIT: Final = (
    "most content has lost its hard links, as in a copy that was made without them; nothing of it "
    "is freed until 'relink' has joined it again"
)


class TrashSteps:
    """What a pass does with the trash."""

    def __init__(
        self, store: Store, definitions: Definitions, kept: float, report: Report, *, dry: bool
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._kept = kept
        self._report = report
        self._dry = dry
        self._finished: list[Deletion] = []
        """What a dry run would have completed."""

    def resolve(self, _ages: Ages) -> None:
        """Finish or give up deletions and restorations whose process was killed."""
        for entry in self._store.trash.entries(staged=True):
            if self._dry:
                self._finished += [entry] if self._store.trash.stays(entry) else []
            elif entry.image is None or entry.reference is None:
                with self._store.locks.definitions():
                    self._store.trash.resolve_repository(entry)
            else:
                with self._store.locks.try_image(entry.repository, entry.image) as free:
                    if free:
                        self._store.trash.resolve(entry)

    def expire(self, ages: Ages) -> None:
        """Remove entries that have been in the trash for as long as they are kept."""
        for entry in itertools.chain(self._store.trash.entries(), self._finished):
            if ages.of(entry.moment, self._kept) is not Age.OLD:
                self._report.trash_entries += 1
                continue
            self._report.trash_expired += 1
            if not self._dry:
                self._store.trash.remove(entry)

    def sweep(self, ages: Ages) -> None:
        """Remove what a killed process left in the trash, and entries that nobody can read."""
        if not self._dry:
            unreadable = min(ages.now - self._kept, ages.proved)
            self._report.leftovers_removed += self._store.trash.sweep(ages.before, unreadable)

    def take_lost_repositories(self, ages: Ages, actor: Actor) -> None:
        """Take what a push left of a repository that was deleted under its hands."""
        known = {*self._definitions.all_keys(), *self._definitions.holding_keys()}
        for key in self._store.catalog.repositories():
            path = self._store.layout.repository(key)
            if key in known or self._dry:
                continue
            if _is_old(path, ages):
                with self._store.locks.definitions():
                    # Looked at again: whoever held the lock may have been deleting it.
                    lost = self._definitions.find(key) is None and _is_old(path, ages)
                    if lost and not _is_coming_back(self._store.trash, key):
                        self._store.trash.take_lost(key, actor)

    def weigh(self) -> None:
        """Count the content that only the trash keeps from being freed."""
        for size in self._store.trash.alone():
            self._report.held["trash"].add(size)


def _is_old(folder: str, ages: Ages) -> bool:
    """Return whether a folder is there, and has not changed for the grace."""
    try:
        status = os.stat(folder)
    except FileNotFoundError:
        return False
    return ages.of(max(status.st_mtime, status.st_ctime)) is Age.OLD


def _is_coming_back(trash: Trash, key: RepositoryKey) -> bool:
    """Return whether the tree of a repository has been put back, and its definition has not."""
    return any(
        entry.is_repository and entry.repository == key for entry in trash.entries(staged=True)
    )


class ImageSteps:
    """What a pass does in the images: half-done work, manifests without a tag, leases."""

    def __init__(
        self, store: Store, actor: Actor, hold: float, report: Report, *, dry: bool
    ) -> None:
        self._store = store
        self._actor = actor
        self._hold = hold
        self._report = report
        self._dry = dry
        self._scanner = ImageScanner(store.layout, store.manifests)
        self._touches = Touches(store)
        self.split: set[str] = set()
        """Names of content that images own under an inode of their own."""

    def run(self, definition: RepositoryDefinition, ages: Ages, pause: Callable[[], None]) -> None:
        """Prune the images of a repository."""
        key, catalog = definition.key, self._store.catalog

        def failed(error: OSError) -> None:
            self._report.failed += 1
            logger.error("a folder of the repository %s was not pruned: %s", key, error)

        empty, lost = catalog.strays(key, failed)
        for image in itertools.chain(catalog.folders(key, failed), sorted(lost)):
            place = Place(key, image)
            try:
                self._image(definition, place, ages)
            except (RegistryError, OSError) as error:
                # One damaged image must not keep all the others from being pruned, nor a full
                # disk, which has no room for the trash, the content from being freed.
                self._report.failed += 1
                logger.error("the image %s/%s was not pruned: %s", place.key, image, error)
            pause()
        if not self._dry:
            self._remove_empty(empty, ages, self._store.layout.repository(definition.key))

    def _image(self, definition: RepositoryDefinition, place: Place, ages: Ages) -> None:
        # A manifest that is deleted is in the trash and not on hold, where the push of an index
        # would bring it back from. So it is given the hold before that, and not after it.
        self._manifests(definition, place, replace(ages, grace=ages.grace + self._hold))
        graph = self._store.references.read(place)
        bare = graph.registered - graph.folders - set(graph.tags.values())
        for digest in bare & graph.live():
            self._complete(definition, place, digest)
        scan = self._scanner.scan(place, ages, bare)
        self.split.update(scan.split)
        if self._dry:
            young = sum(map(self._touches.has, scan.leases))
            self._report.leases_ended += len(scan.leases) - young
        else:
            self._clear(place, scan, ages)

    def _manifests(self, definition: RepositoryDefinition, place: Place, ages: Ages) -> None:
        """Delete manifests that nothing needs and whose time is over."""
        plan = untagged.plan(self._store, definition, place, ages, self._touches)
        for reason in plan.kept.values():
            self._report.keep(reason)
        for digest in plan.going:
            if self._dry:
                self._touches.by_deleting(place, digest)
            # What could not be deleted keeps nothing that goes: that would not be in the plan.
            self._report.manifests_deleted += self._dry or self._delete(
                definition, place, digest, ages
            )

    def _complete(self, definition: RepositoryDefinition, place: Place, digest: Digest) -> None:
        """Give a manifest that an index or subject needs the folder that a killed push did not."""
        if self._dry:
            self._touches.by_completing(place, digest)
            return
        with self._store.locks.try_image(place.key, place.image) as free:
            if free:
                ManifestWriter(self._store, definition, place, self._actor).complete(digest)

    def _delete(
        self, definition: RepositoryDefinition, place: Place, digest: Digest, ages: Ages
    ) -> bool:
        with self._store.locks.try_image(place.key, place.image) as free:
            deletion = ManifestDeletion(self._store, definition, place, self._actor)
            return free and deletion.untagged(digest, ages)

    def _clear(self, place: Place, scan: ImageScan, ages: Ages) -> None:
        for on_hold in scan.held:
            leases.settle(on_hold, self._hold, ages)
        if scan.unclean or scan.leases or scan.leftovers or scan.dangling:
            with self._store.locks.try_image(place.key, place.image) as free:
                if free:
                    for reference in scan.unclean:
                        self._report.leftovers_removed += self._scanner.clean(place, reference)
                    for path in self._scanner.still_dangling(place, scan):
                        self._report.leftovers_removed += atomic.remove(path)
                    for path in scan.leftovers:
                        self._report.leftovers_removed += atomic.remove(path)
                    self._report.leases_ended += leases.end(scan.leases, ages)
        self._remove_empty(scan.empty, ages, self._store.layout.repository(place.key))

    def _remove_empty(self, folders: list[str], ages: Ages, stop: str) -> None:
        """Remove empty folders that nobody is about to use, and parents that are empty then."""
        for folder in folders:
            try:
                young = ages.now - os.stat(folder).st_mtime < min(EMPTY_FOR, ages.grace)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if not os.path.isdir(folder):
                # A stray file, which somebody has put there; the check of the store names it.
                continue
            if not young and folder != stop and atomic.remove_folder(folder):
                self._report.folders_removed += 1

    def sweep_uploads(self, ages: Ages, kept: float) -> None:
        """Remove uploads on which nothing has happened for ``kept`` seconds."""
        before = min(ages.now - kept, ages.proved)
        for upload in upload_sweep.abandoned(self._store.layout, before):
            self._report.uploads_removed += self._dry or upload_sweep.remove(
                self._store.layout, upload, before
            )
        if not self._dry:
            self._report.leftovers_removed += upload_sweep.remove_half_done(
                self._store.layout, ages.before
            )


class ContentSteps:
    """What a pass does in the filestore."""

    def __init__(
        self, store: Store, hold: float, most: int | None, report: Report, *, dry: bool
    ) -> None:
        self._orphans = Orphans(store.layout)
        self._hold = hold
        self._most = most
        self._report = report
        self._dry = dry

    def run(self, ages: Ages, split: set[str], pause: Callable[[], None]) -> None:
        """Free what has been on hold for long enough, and set on hold what no image has.

        ``split`` names content that images have under other inodes than the filestore: freeing
        it would lose nothing but the chance to join it again.
        """
        report = self._report
        scan = self._orphans.scan(ages, pause)
        report.content = scan.total
        report.held["grace"], report.held["clock"] = scan.young, scan.unproved
        for on_hold in scan.held:
            freed, size = self._orphans.settle(on_hold, self._hold, ages, dry=self._dry)
            if freed is None:
                report.held["hold"].add(size)
            elif freed:
                report.freed.add(size)
            else:
                report.brought_back += 1
            pause()
        for path in scan.leftovers:
            report.leftovers_removed += self._dry or atomic.remove(path)
        if split and 2 * scan.orphans.names > scan.total.names:
            report.skipped = SPLIT
            return
        most = max(self._most, scan.total.names // 10) if self._most is not None else None
        for orphan in scan.ripe:
            if orphan.name in split:
                continue
            if most is not None and report.set_on_hold.names >= most:
                report.held["limit"].add(orphan.size)
            elif self._dry or self._orphans.hold(orphan, ages):
                report.set_on_hold.add(orphan.size)
                pause()
