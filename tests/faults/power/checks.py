"""What a storage folder holds after a power cut, and what of it is not as promised."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from registry.access import passwords
from registry.access.user_documents import User
from registry.access.users import Users
from registry.model.digests import Digest
from registry.model.manifests import ManifestIdentifier, parse_manifest
from registry.model.names import Tag
from registry.model.paging import PageRequest
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.storage.deletions import Deletion
from registry.storage.layout import MANIFEST_FILES, content_name, parse_content_name
from registry.storage.manifest_files import Place, read_manifest
from registry.storage.store import Store
from tests.faults.power.ledger import Promises, Thing, is_tag, manifest_of, tag_of, trash_of
from tests.repositories.pushing import check_manifest, check_manifest_by_digest

PASSWORDS: Final = ("password-1", "password-2")
"""Those that the workloads give to users."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: which kind of promise is broken, and where."""

    kind: str
    what: str


class Look:
    """A look at a whole storage folder: what is seen in it, and what is wrong with that."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.seen: dict[Thing, str] = {}
        self.findings: list[Finding] = []

    def take(self) -> None:
        """Pull everything that can be pulled, and read everything that can be read."""
        try:
            self._look_at_users()
            for definition in Definitions(self._store).all():
                self._look_at_repository(LocalRepository(self._store, definition))
                description = str(definition.fields["description"])
                self.seen[f"repository:{definition.key}"] = description
        except Exception as error:
            self._found("document unreadable", "etc", error)
        self._look_at_trash()
        self.findings += damaged(self._store)

    def _found(self, kind: str, what: object, error: Exception) -> None:
        self.findings.append(Finding(kind, f"{what}: {told(error)}"))

    def _look_at_users(self) -> None:
        for user in Users(self._store).all():
            self.seen[f"user:{user.name}"] = password_of(user)

    def _look_at_repository(self, repository: LocalRepository) -> None:
        for image in repository.images(PageRequest()).names:
            place = Place(repository.key, image)
            self._look_at_folders(repository, place)
            for digest in self._store.manifests.digests(place):
                self._look_at_manifest(repository, place, digest)

    def _look_at_folders(self, repository: LocalRepository, place: Place) -> None:
        for reference in self._store.manifests.folders(place):
            if isinstance(reference, Digest) and not self._store.manifests.has(place, reference):
                # The rest of a deletion that was cut off: nobody can see it.
                continue
            try:
                check_manifest(self._store, repository, place, reference)
                if isinstance(reference, Tag):
                    digest = repository.manifest(place.image, reference).digest
                    self.seen[tag_of(place, reference)] = digest
            except Exception as error:
                self._found("incomplete", f"{place.key}/{place.image} {reference}", error)

    def _look_at_manifest(self, repository: LocalRepository, place: Place, digest: Digest) -> None:
        self.seen[manifest_of(place, digest)] = digest
        try:
            body = repository.manifest(place.image, digest).body
            assert Digest.of(body, digest.algorithm) == digest
            check_manifest_by_digest(self._store, repository, place, digest)
        except Exception as error:
            self._found("incomplete", manifest_of(place, digest), error)

    def _look_at_trash(self) -> None:
        """Find what can be restored; a deletion that was cut off may have left half of an entry."""
        trash = self._store.trash
        for staged in (False, True):
            for entry in trash.entries(staged=staged):
                try:
                    thing, content = deleted(entry, trash.path(entry))
                except Exception as error:
                    if not staged:
                        self._found("incomplete", f"trash {entry.id}", error)
                    continue
                self.seen[thing] = content


def deleted(entry: Deletion, folder: str) -> tuple[Thing, str]:
    """Return what an entry of the trash restores; assert that it has all that this takes."""
    if entry.image is None:
        manifests = [
            name for _, _, names in os.walk(folder) for name in names if name in MANIFEST_FILES
        ]
        return f"trash:{entry.repository}", f"{len(manifests)} tags"
    assert entry.digest is not None
    assert entry.reference is not None
    body = read_manifest(folder)
    assert body is not None
    found, media_type = ManifestIdentifier().identify(body, entry.digest.algorithm)
    assert found == entry.digest
    for part in parse_manifest(body, media_type).blobs:
        assert os.path.exists(f"{folder}/{content_name(part.digest)}"), part
    place = Place(entry.repository, entry.image)
    return trash_of(place, entry.reference, entry.digest), entry.digest


def compared(seen: dict[Thing, str], promises: Promises) -> Iterator[Finding]:
    """Yield where what is seen is not what may be there."""
    for thing in sorted({*promises.settled, *seen}):
        found, allowed = seen.get(thing), promises.allowed(thing)
        # That something is still in the trash which has been taken from there harms nobody.
        if found in allowed or (found is not None and thing.startswith("trash:")):
            continue
        if found is None:
            kind = "acknowledged tag lost" if is_tag(thing) else "acknowledged entry lost"
        elif allowed == {None} and thing in promises.settled:
            kind = "deletion not durable"
        else:
            kind = "wrong content"
        yield Finding(kind, f"{thing} is {found}, may be {', '.join(sorted(map(str, allowed)))}")


def damaged(store: Store) -> Iterator[Finding]:
    """Yield the files that have the name of a digest and not its bytes."""
    whole: set[tuple[int, Digest]] = set()
    for top in ("artifacts", "filestore", "trash"):
        for folder, _, names in os.walk(store.layout.top(top)):
            # In the filestore the algorithm is the name of the folder's parent.
            algorithm = os.path.basename(os.path.dirname(folder))
            for name in names:
                digest = parse_content_name(name) or parse_content_name(f"{algorithm}:{name}")
                if digest is None:
                    continue
                with open(f"{folder}/{name}", "rb") as file:
                    identity = os.fstat(file.fileno()).st_ino, digest
                    if identity in whole:
                        continue
                    if Digest.of(file.read(), digest.algorithm) == digest:
                        whole.add(identity)
                        continue
                where = os.path.relpath(folder, store.layout.root)
                yield Finding("damaged", f"{where}/{name}")


def password_of(user: User) -> str:
    """Return which of the workloads' passwords a user has."""
    return next((p for p in PASSWORDS if passwords.verify_password(p, user.password_hash)), "?")


def told(error: Exception) -> str:
    """Return an error with the line that raised it: a bare assertion says nothing else."""
    return f"{error!r} from '{traceback.extract_tb(error.__traceback__)[-1].line}'"
