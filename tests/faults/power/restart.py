"""The server after the power cut: it looks at what is there, and its clients go on."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Final

from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.services.pruning import Options, Pruning
from registry.storage.layout import HELD_PREFIX, STAGED_PREFIX, TEMPORARY_PREFIX
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.faults.power.checks import Finding, Look, compared, damaged, told
from tests.faults.power.ledger import Promises, Thing, place_and_tag, tag_of
from tests.faults.power.site import AT_ONCE
from tests.repositories import pushing
from tests.repositories.pushing import ALICE

PASSES: Final = 8
"""What is deleted goes from the tag to the trash, to its leases, to its content, each of them set
on hold by one pass and let go by the next."""
HALF_DONE: Final = (TEMPORARY_PREFIX, HELD_PREFIX, STAGED_PREFIX)


def findings(root: str, promises: Promises) -> list[Finding]:
    """Return all that is wrong in a storage folder after a power cut."""
    server = _Server(root)
    look = Look(server.store)
    look.take()
    found = [*look.findings, *compared(look.seen, promises)]
    if not any(finding.kind == "document unreadable" for finding in found):
        found += server.go_on(promises)
        found += server.prune(look.seen)
    server.store.journal.close()
    return found


class _Server:
    """A registry that starts on what a power cut has left."""

    def __init__(self, root: str) -> None:
        self.store = Store(root)
        self._definitions = Definitions(self.store)

    def _repositories(self) -> dict[RepositoryKey, LocalRepository]:
        return {d.key: LocalRepository(self.store, d) for d in self._definitions.all()}

    def go_on(self, promises: Promises) -> Iterator[Finding]:
        """Let the clients whose operation was cut off go on: none may fail, or do any damage."""
        repositories = self._repositories()
        touched = [place_and_tag(t) for step in promises.in_flight for t in step.contents]
        wanted = {(place, tag) for place, tag in touched if place is not None and tag is not None}
        wanted |= {(place, "after") for place, _ in touched if place is not None}
        wanted |= {(place, "after") for place in self._finish_uploads(repositories)}
        layer = random.Random(0).randbytes(3000)
        for place, tag in sorted(wanted, key=str):
            repository, reference = repositories.get(place.key), Tag(tag)
            if repository is None:
                continue
            try:
                pushing.push_image(
                    repository, layer, reference=reference, image=place.image, note="after"
                )
                pushing.check_manifest(self.store, repository, place, reference)
            except Exception as error:
                yield Finding("cannot go on", f"{tag_of(place, tag)}: {told(error)}")
        for finding in damaged(self.store) if wanted else ():
            yield Finding("damaged by going on", finding.what)

    def _finish_uploads(self, repositories: dict[RepositoryKey, LocalRepository]) -> list[Place]:
        """Try to finish each upload that is there; return the images that got a blob by that."""
        uploads = self.store.layout.top("uploads")
        records = [name for name in os.listdir(uploads) if name.endswith(".jsonl")]
        finished = [finish_upload(repositories, f"{uploads}/{name}") for name in sorted(records)]
        return [place for place in finished if place is not None]

    def prune(self, seen: Iterable[Thing]) -> Iterator[Finding]:
        """Prune without any grace: every tag stays whole, and nothing half-done is left."""
        pruning = Pruning(self.store, self._definitions, AT_ONCE)
        left: list[str] = []
        try:
            for _ in range(PASSES):
                pruning.run(Options(force=True))
                left = self._half_done()
                if not left:
                    break
        except Exception as error:
            yield Finding("cannot prune", told(error))
        for path in left:
            yield Finding("left over", path)
        repositories = self._repositories()
        for place, tag in map(place_and_tag, seen):
            if place is not None and tag is not None:
                try:
                    pushing.check_manifest(self.store, repositories[place.key], place, Tag(tag))
                except Exception as error:
                    yield Finding("damaged by pruning", f"{tag_of(place, tag)}: {told(error)}")

    def _half_done(self) -> list[str]:
        """Return what stands under names for half-done work."""
        return [
            os.path.relpath(f"{folder}/{name}", self.store.layout.root)
            for folder, folders, names in os.walk(self.store.layout.root)
            for name in (*folders, *names)
            if name.startswith(HALF_DONE)
        ]


def finish_upload(repositories: dict[RepositoryKey, LocalRepository], record: str) -> Place | None:
    """Finish an upload as the blob that its record believes it to be; return its image."""
    with open(record, "rb") as file:
        lines = file.read().splitlines()
    try:
        first, last = json.loads(lines[0]), json.loads(lines[-1])
        place = Place(RepositoryKey(first["repository"]), ImageName(first["image"]))
        digest, identity = Digest(last["digest"]), os.path.basename(record).partition(".")[0]
        repository = repositories[place.key]
        with closing(repository.open_upload(place.image, identity, ALICE)) as writer:
            repository.finish_upload(place.image, writer, digest)
    except (IndexError, KeyError, ValueError, RegistryError):
        # The record or the bytes have not reached the disk; the client has to begin again.
        return None
    return place
