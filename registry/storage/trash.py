"""The trash: what was deleted, complete and with a note of who deleted it, until it expires.

An entry is a folder with the files of a manifest folder, as further names of the same content, so
it costs no bytes and its content cannot be freed. It is made durable before the manifest's own
name is removed, under a staged name; after a crash in between the pruner decides by looking
whether the manifest is still in its place.

The entry of a whole repository has its definition and its folder tree instead.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import RestoreConflict, StorageFailed, TrashUnknown
from registry.model.names import Reference, RepositoryKey
from registry.storage import atomic, documents, syncing
from registry.storage.deletions import Deletion, new_act, parse_deletion
from registry.storage.documents import Documents
from registry.storage.filestore import Filestore
from registry.storage.journal import now, timestamp
from registry.storage.layout import (
    DEFINITION_FILE,
    DELETION_FILE,
    MANIFEST_FILES,
    SIDECAR_ENDING,
    STAGED_PREFIX,
    TEMPORARY_PREFIX,
    TREE_FOLDER,
    Layout,
    parse_content_name,
)
from registry.storage.manifest_files import Place, listed, look, read_file
from registry.storage.open_files import LinksExhausted


class Trash:
    """The trash of one storage folder."""

    def __init__(
        self, layout: Layout, filestore: Filestore, cache: Documents, *, keeps: bool = True
    ) -> None:
        self._keeps = keeps
        self._layout = layout
        self._filestore = filestore
        self._documents = cache

    # --- taking in ---------------------------------------------------------------------------

    def stage(
        self, place: Place, deletions: Sequence[tuple[Reference, Digest]], actor: Actor
    ) -> list[str]:
        """Prepare an entry for each manifest folder about to be removed; durable.

        Returns the paths of the entries: none if there is no trash. On failure none is left.
        """
        act, paths = new_act(), list[str]()
        if not self._keeps:
            return paths
        durable = not syncing.is_bulk(len(deletions) + 1)
        try:
            for reference, digest in deletions:
                path = self._new_entry()
                paths.append(path)
                folder = self._layout.manifest_folder(place.key, place.image, reference)
                self._link_all(folder, path)
                facts = {"image": place.image, "reference": reference, "digest": digest}
                self._describe(path, act, place.key, actor, facts, durable=durable)
            syncing.sync_each([*paths, self._layout.top("trash")], syncing.barrier)
        except BaseException:
            self.discard(paths)
            raise
        return paths

    def _new_entry(self) -> str:
        path = self._layout.trash_entry(f"{STAGED_PREFIX}{new_act()}")
        atomic.new_folder(path)
        return path

    def _link_all(self, folder: str, path: str) -> None:
        for name in listed(folder):
            digest = parse_content_name(name) if "__" in name else None
            ours = name in MANIFEST_FILES or name.endswith(SIDECAR_ENDING)
            if digest is None and not ours:
                continue
            try:
                atomic.link(f"{folder}/{name}", f"{path}/{name}")
            except LinksExhausted:
                if digest is not None:
                    self._filestore.give(digest, f"{path}/{name}")
                else:
                    copy = atomic.write_temporary(path, read_file(f"{folder}/{name}"))
                    atomic.put_in_place(copy, f"{path}/{name}")

    @staticmethod
    def _describe(
        path: str,
        act: str,
        key: RepositoryKey,
        actor: Actor,
        facts: dict[str, Any],
        *,
        durable: bool = True,
    ) -> None:
        note = {
            "act": act,
            "time": timestamp(now()),
            "principal": actor.name,
            "address": actor.address,
            "repository": key,
        }
        data = documents.encode(note | facts)
        written = atomic.write_temporary(path, data, atomic.DOCUMENT_MODE, durable=durable)
        atomic.put_in_place(written, f"{path}/{DELETION_FILE}")

    def finish(self, staged: Sequence[str]) -> None:
        """Show staged entries: what they hold has been removed from its place.

        Not synced: an entry that is found staged after a crash is finished by the pruner.
        """
        for path in staged:
            atomic.move(path, path.replace(f"/{STAGED_PREFIX}", "/"))

    def discard(self, staged: Sequence[str]) -> None:
        """Give up staged entries: what they hold is still in its place."""
        for path in staged:
            self._clear(path)

    def take_repository(self, key: RepositoryKey, definition: str, actor: Actor) -> None:
        """Move a whole repository here: its definition first, then its folder tree. Durable.

        ``definition`` is the path of its definition, whose removal is what deletes it.
        """
        path = self._new_entry()
        try:
            self._describe(path, new_act(), key, actor, {})
            atomic.link(definition, f"{path}/{DEFINITION_FILE}")
            syncing.sync_each([path, self._layout.top("trash")], syncing.barrier)
        except BaseException:
            self._clear(path)
            raise
        atomic.remove(definition)
        syncing.sync_folder(os.path.dirname(definition))
        self._finish_repository(path, key)

    def take_lost(self, key: RepositoryKey, actor: Actor) -> None:
        """Move the folder tree of a repository that has no definition here. Durable."""
        path = self._new_entry()
        try:
            self._describe(path, new_act(), key, actor, {})
        except BaseException:
            self._clear(path)
            raise
        self._finish_repository(path, key)

    def _finish_repository(self, path: str, key: RepositoryKey) -> None:
        self._take_tree(path, key)
        self.finish([path])
        if not self._keeps:
            self._clear(path.replace(f"/{STAGED_PREFIX}", "/"))

    def _take_tree(self, path: str, key: RepositoryKey) -> None:
        if atomic.move(self._layout.repository(key), f"{path}/{TREE_FOLDER}"):
            syncing.barrier(path)
            syncing.barrier(self._layout.top("artifacts"))

    def resolve(self, entry: Deletion, place: Place) -> None:
        """Finish or give up a staged entry whose process has ended; needs the image lock."""
        path = self._layout.trash_entry(entry.id)
        if entry.reference is None:
            return
        folder = self._layout.manifest_folder(place.key, place.image, entry.reference)
        here, there = look(path, os.stat), look(folder, os.stat)
        still = here is not None and there is not None and here.st_ino == there.st_ino
        (self.discard if still else self.finish)([path])

    def resolve_repository(self, entry: Deletion) -> None:
        """The same for a whole repository; needs the definitions lock."""
        path = self._layout.trash_entry(entry.id)
        definition = self._layout.repository_definition(entry.repository)
        if not os.path.exists(definition):
            self._finish_repository(path, entry.repository)
        elif _is_same_file(definition, f"{path}/{DEFINITION_FILE}"):
            self.discard([path])
        else:
            # The key has been given to another repository since.
            self.finish([path])

    def resolve_key(self, key: RepositoryKey) -> None:
        """Finish deletions of a repository, before its key is given to another; the same lock."""
        for entry in self.entries(staged=True):
            if entry.is_repository and entry.repository == key:
                self.resolve_repository(entry)

    def give_back_repository(self, entry: Deletion) -> None:
        """Put a whole repository back; needs the definitions lock. Durable.

        Raises:
            TrashUnknown: the entry has no definition any more.
            RestoreConflict: there is a repository of that key, or a folder with content.
        """
        path, key = self._layout.trash_entry(entry.id), entry.repository
        definition = self._layout.repository_definition(key)
        if not os.path.exists(f"{path}/{DEFINITION_FILE}"):
            raise TrashUnknown(f"the trash has no definition of '{key}'", {"id": entry.id})
        folder = self._layout.repository(key)
        # Without a tree it is in its place: whoever put it there was killed.
        moved = not os.path.exists(f"{path}/{TREE_FOLDER}")
        if os.path.exists(definition) or not (moved or atomic.remove_folder(folder)):
            raise RestoreConflict(
                f"there is a repository '{key}' now; delete it first, or restore single images",
                {"key": key},
            )
        atomic.move(f"{path}/{TREE_FOLDER}", folder)
        atomic.make_folder(folder)
        syncing.barrier(self._layout.top("artifacts"))
        atomic.link(f"{path}/{DEFINITION_FILE}", definition)
        syncing.sync_folder(os.path.dirname(definition))
        self.remove(entry)

    # --- looking -----------------------------------------------------------------------------

    def entries(self, *, staged: bool = False) -> Iterator[Deletion]:
        """Yield what is in the trash, oldest first; or what is staged only."""
        for name in sorted(listed(self._layout.top("trash"))):
            if name.startswith(STAGED_PREFIX) is staged and not name.startswith(TEMPORARY_PREFIX):
                found = self.entry(name)
                if found is not None:
                    yield found

    def entry(self, name: str) -> Deletion | None:
        """Return an entry, or None if there is none of that name that can be read."""
        try:
            note = self._documents.read(f"{self._layout.trash_entry(name)}/{DELETION_FILE}")
        except StorageFailed:
            note = None
        if note is None:
            return None
        with contextlib.suppress(KeyError, TypeError, ValueError):
            return parse_deletion(name, note)
        return None

    def path(self, entry: Deletion) -> str:
        """Return the folder of an entry."""
        return self._layout.trash_entry(entry.id)

    def alone(self) -> Iterator[int]:
        """Yield the sizes of content that nothing but the trash keeps."""
        seen: dict[int, list[int]] = {}
        for folder, _, names in os.walk(self._layout.top("trash")):
            for name in names:
                if name.startswith("sha") or name in MANIFEST_FILES:
                    with contextlib.suppress(FileNotFoundError):
                        status = os.stat(f"{folder}/{name}")
                        known = seen.setdefault(status.st_ino, [0, 0, 0])
                        seen[status.st_ino] = [known[0] + 1, status.st_nlink, status.st_size]
        # One name more is that in the filestore.
        return (size for found, links, size in seen.values() if links <= found + 1)

    # --- letting go --------------------------------------------------------------------------

    def remove(self, entry: Deletion) -> None:
        """Remove an entry for good; what nobody else has is freed by the pruner."""
        going = self._layout.trash_entry(f"{TEMPORARY_PREFIX}{entry.id}")
        if atomic.move(self._layout.trash_entry(entry.id), going):
            self._clear(going)

    def _clear(self, path: str) -> None:
        """Remove a folder of the trash with all that is in it."""
        for folder, _, names in os.walk(path, topdown=False):
            for name in names:
                atomic.remove(f"{folder}/{name}")
            atomic.remove_folder(folder)

    def sweep(self, before: float, unreadable_before: float) -> int:
        """Remove what was left unfinished before one time, or is unreadable before another."""
        swept = 0
        for name in listed(self._layout.top("trash")):
            half_done = name.startswith((TEMPORARY_PREFIX, STAGED_PREFIX))
            if self.entry(name) is not None and not name.startswith(TEMPORARY_PREFIX):
                continue
            path = self._layout.trash_entry(name)
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                changed = max(os.stat(path).st_mtime, os.stat(path).st_ctime)
                if changed < (before if half_done else unreadable_before):
                    self._clear(path)
                    swept += 1
        return swept


def _is_same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except FileNotFoundError:
        return False
