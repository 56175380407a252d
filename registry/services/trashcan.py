"""The trash as people use it: what is in it, bringing it back, emptying it."""

from __future__ import annotations

from collections.abc import Sequence

from registry.model.content import Actor
from registry.model.errors import RestoreConflict, TrashUnknown
from registry.model.names import RepositoryKey, Tag
from registry.model.targets import Target
from registry.repositories.definitions import Definitions
from registry.repositories.restoring import Restoration
from registry.storage import atomic
from registry.storage.deletions import Deletion
from registry.storage.manifest_files import Place
from registry.storage.store import Store


class Trashcan:
    """The trash of one registry."""

    def __init__(self, store: Store, definitions: Definitions) -> None:
        self._store = store
        self._definitions = definitions

    def entries(self, target: Target | None = None) -> list[Deletion]:
        """Return what is in the trash of a repository, image or tag; oldest first."""
        return [entry for entry in self._store.trash.entries() if _belongs(entry, target)]

    def restore(
        self, target: Target, actor: Actor, *, overwrite: bool = False
    ) -> Sequence[Deletion]:
        """Bring back what was deleted last under a name, and return what that was.

        A tag or digest: its last deletion. An image: all that was deleted of it at that time. A
        repository: the repository with its images.

        Raises:
            TrashUnknown: the trash has nothing of that name.
            RestoreConflict: it would replace what is there, and ``overwrite`` is not set.
            ManifestPartsMissing: what an index needs has expired.
        """
        if target.image is None:
            return self._restore_repository(target, actor)
        found = [entry for entry in self.entries(target) if not entry.is_repository]
        if not found:
            raise TrashUnknown(f"the trash has nothing of '{target}'", {"name": str(target)})
        last = found[-1]
        chosen = [last]
        if target.reference is None:
            chosen = [entry for entry in found if entry.act == last.act]
        definition = self._definitions.get(target.key)
        place = Place(target.key, target.image)
        with self._store.locks.image(place.key, place.image):
            restoration = Restoration(self._store, definition, place, actor)
            # Manifests without a tag first: they may be the children of tagged indexes.
            for entry in sorted(chosen, key=lambda entry: isinstance(entry.reference, Tag)):
                restoration.run(entry, overwrite=overwrite)
        return chosen

    def _restore_repository(self, target: Target, actor: Actor) -> Sequence[Deletion]:
        trash = self._store.trash
        with self._store.locks.definitions():
            # Whoever was deleting it, or bringing it back, may have been killed.
            trash.resolve_key(target.key)
            whole = [entry for entry in self.entries(target) if entry.is_repository]
            if not whole:
                raise TrashUnknown(
                    f"the repository '{target}' is not in the trash", {"name": str(target)}
                )
            # A later entry without a definition is what a push left after the deletion.
            last = ([entry for entry in whole if trash.has_definition(entry)] or whole)[-1]
            held = trash.holding_key(last)
            self._require_free(target.key, held)
            if held is not None and self._definitions.find(held) is None:
                self._make_way(held, actor)
            trash.give_back_repository(last)
        return [last]

    def _require_free(self, key: RepositoryKey, held: RepositoryKey | None) -> None:
        """Raise RestoreConflict where a repository and the cache of another would be one."""
        for name in (key, held or key):
            found = self._definitions.find(name)
            if found is not None and (name == held or found.is_cache):
                raise RestoreConflict(
                    f"there is a repository '{name}' now; delete it first, or restore single "
                    "images",
                    {"key": name},
                )

    def _make_way(self, key: RepositoryKey, actor: Actor) -> None:
        """Take what a push has left of a repository since it was deleted; needs the lock."""
        if not atomic.remove_folder(self._store.layout.repository(key)):
            self._store.trash.take_lost(key, actor)

    def empty(self, target: Target | None = None) -> int:
        """Remove entries for good; return how many. The pruner frees their content."""
        entries = self.entries(target)
        for entry in entries:
            self._store.trash.remove(entry)
        return len(entries)


def _belongs(entry: Deletion, target: Target | None) -> bool:
    if target is None:
        return True
    if entry.repository != target.key:
        return False
    if target.image is None or entry.is_repository:
        return target.image is None
    return entry.image == target.image and target.reference in (None, entry.reference)
