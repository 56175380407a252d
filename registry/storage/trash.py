"""The trash: what was deleted, complete and with a note of who deleted it, until it expires.

An entry is a folder with the files of a manifest folder, as further names of the same content, so
it costs no bytes and its content cannot be freed. It is made durable before the manifest's own
name is removed, under a staged name; after a crash in between the pruner decides by looking
whether the manifest is still in its place.

The entry of a whole repository has its definition and its folder tree instead. It is staged while
the repository goes, and again while it comes back: both ways the definition's own name decides
where the repository is, and whoever finds a staged entry finishes what was begun, or takes it back.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Any

from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import RegistryError, RestoreConflict, StorageFailed, TrashUnknown
from registry.model.names import Reference, RepositoryKey, cache_key
from registry.model.repository_fields import REMOTE, VIRTUAL
from registry.storage import atomic, documents, syncing
from registry.storage.deletions import Deletion, new_act
from registry.storage.documents import Documents
from registry.storage.filestore import Filestore
from registry.storage.journal import now, timestamp
from registry.storage.layout import (
    DEFINITION_FILE,
    DELETION_FILE,
    MANIFEST_FILES,
    SIDECAR_ENDING,
    TREE_FOLDER,
    Layout,
    parse_content_name,
)
from registry.storage.manifest_files import Place, listed, look, read_file
from registry.storage.open_files import LinksExhausted
from registry.storage.trash_entries import TrashEntries, finished


class Trash(TrashEntries):
    """The trash of one storage folder."""

    def __init__(
        self, layout: Layout, filestore: Filestore, cache: Documents, *, keeps: bool = True
    ) -> None:
        super().__init__(layout, cache)
        self._keeps = keeps
        self._filestore = filestore

    # --- manifests ---------------------------------------------------------------------------

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

    def resolve(self, entry: Deletion) -> None:
        """Finish or give up a staged entry whose process has ended; needs the image lock."""
        (self.finish if self.stays(entry) else self.discard)([self.path(entry)])

    def stays(self, entry: Deletion) -> bool:
        """Return whether a staged entry belongs to the trash; else what it holds is in its place.

        What has another manifest, or another repository, in its place is not there any more.
        """
        path = self.path(entry)
        if entry.image is None:
            defined = os.path.exists(self._layout.repository_definition(entry.repository))
            return not defined or os.path.exists(f"{path}/{TREE_FOLDER}")
        if entry.reference is None:
            # Its note has lost that, so nobody can look for it anywhere else.
            return True
        folder = self._layout.manifest_folder(entry.repository, entry.image, entry.reference)
        here, there = look(path, os.stat), look(folder, os.stat)
        return here is None or there is None or here.st_ino != there.st_ino

    # --- whole repositories ------------------------------------------------------------------

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
            self._drop(path)
            raise
        atomic.remove(definition)
        syncing.sync_folder(os.path.dirname(definition))
        self._take(path, key)

    def take_lost(self, key: RepositoryKey, actor: Actor) -> None:
        """Move the folder tree of a repository that has no definition here. Durable."""
        path = self._new_entry()
        try:
            self._describe(path, new_act(), key, actor, {})
        except BaseException:
            self._drop(path)
            raise
        self._take(path, key)

    def _take(self, path: str, key: RepositoryKey) -> None:
        self._take_tree(path, key)
        if not self._keeps:
            self._drop(finished(path))

    def _take_tree(self, path: str, key: RepositoryKey) -> None:
        """Complete a staged entry, and show it."""
        tree = f"{path}/{TREE_FOLDER}"
        folder = self._folder(self._holding_key(path, key))
        # Where it has its tree, what is in that place is what a push has left there since.
        if folder is not None and not os.path.exists(tree) and atomic.move(folder, tree):
            syncing.barrier(path)
            syncing.barrier(self._layout.top("artifacts"))
        self.finish([path])

    def holding_key(self, entry: Deletion) -> RepositoryKey | None:
        """Return the key under which the images of a deleted repository lay; None for no images."""
        return self._holding_key(self.path(entry), entry.repository)

    def _holding_key(self, path: str, key: RepositoryKey) -> RepositoryKey | None:
        try:
            document = Documents().read(f"{path}/{DEFINITION_FILE}") or {}
        except StorageFailed:
            document = {}
        kind = document.get("rclass")
        if kind == VIRTUAL:
            return None
        return cache_key(key) if kind == REMOTE else key

    def _folder(self, key: RepositoryKey | None) -> str | None:
        return None if key is None else self._layout.repository(key)

    def has_definition(self, entry: Deletion) -> bool:
        """Return whether an entry is a repository that can be given back."""
        return os.path.exists(f"{self.path(entry)}/{DEFINITION_FILE}")

    def give_back_repository(self, entry: Deletion) -> None:
        """Put a whole repository back; needs the definitions lock. Durable.

        Its definition comes last: until then it is taken back if that fails, or is broken off.

        Raises:
            TrashUnknown: the entry is gone, or has no definition.
            RestoreConflict: there is a repository of that key, or a folder with content.
        """
        key = entry.repository
        definition = self._layout.repository_definition(key)
        if not self.has_definition(entry):
            raise TrashUnknown(f"the trash has no definition of '{key}'", {"id": entry.id})
        folder = self._folder(self.holding_key(entry))
        taken = folder is not None and not atomic.remove_folder(folder)
        if taken or os.path.exists(definition):
            raise RestoreConflict(
                f"there is a repository '{key}' now; delete it first, or restore single images",
                {"key": key},
            )
        path = self._stage_again(entry)
        try:
            syncing.barrier(self._layout.top("trash"))
            if folder is not None:
                atomic.move(f"{path}/{TREE_FOLDER}", folder)
                atomic.make_folder(folder)
                syncing.barrier(self._layout.top("artifacts"))
            atomic.link(f"{path}/{DEFINITION_FILE}", definition)
        except BaseException:
            # Where that fails as well, the pruner does it.
            with contextlib.suppress(RegistryError):
                self._take_tree(path, key)
            raise
        syncing.sync_folder(os.path.dirname(definition))
        self.discard([path])

    def resolve_repository(self, entry: Deletion) -> None:
        """Finish or take back what has been begun with a whole repository by a process that ended.

        Needs the definitions lock.
        """
        if os.path.exists(self._layout.repository_definition(entry.repository)):
            self.resolve(entry)
        else:
            self._take_tree(self.path(entry), entry.repository)

    def resolve_key(self, key: RepositoryKey) -> None:
        """Do that for one key, before it is given to a repository; needs the same lock."""
        for entry in self.entries(staged=True):
            if entry.is_repository and entry.repository == key:
                self.resolve_repository(entry)
