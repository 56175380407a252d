"""Steps in the wrong order are found out: each mutant breaks one rule of the order of writes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import pytest

from registry.model.digests import Digest
from registry.repositories.pushing import ManifestPush
from registry.storage import atomic, documents, open_files, syncing
from registry.storage.filestore import Filestore
from registry.storage.layout import parse_content_name
from registry.storage.manifests import Manifests
from tests.faults.model.crashes import Weakest
from tests.faults.model.flows import FLOWS
from tests.faults.model.trial import Trial
from tests.faults.model.workbench import Workbench

Mutate = Callable[[pytest.MonkeyPatch], None]


def swapped(patch: pytest.MonkeyPatch, owner: type, early: str, late: str) -> None:
    """Let calls of ``early`` be done only after the next call of ``late``."""
    first, second = getattr(owner, early), getattr(owner, late)
    waiting: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def wait(*args: Any, **kwargs: Any) -> None:
        waiting.append((args, kwargs))

    def then(*args: Any, **kwargs: Any) -> Any:
        result = second(*args, **kwargs)
        while waiting:
            earlier, options = waiting.pop(0)
            first(*earlier, **options)
        return result

    patch.setattr(owner, early, wait)
    patch.setattr(owner, late, then)


def commit_before_stage(patch: pytest.MonkeyPatch) -> None:
    swapped(patch, Manifests, "stage", "commit")


def commit_before_register(patch: pytest.MonkeyPatch) -> None:
    swapped(patch, Manifests, "register", "commit")


def commit_before_links(patch: pytest.MonkeyPatch) -> None:
    swapped(patch, Manifests, "_link_layer", "commit")


def stale_links_before_commit(patch: pytest.MonkeyPatch) -> None:
    put = ManifestPush.put

    def first_drop(self: ManifestPush, reference: Any, candidate: Any, **how: Any) -> None:
        self._store.manifests.drop_stale_links(self._place, reference, candidate.blobs)
        put(self, reference, candidate, **how)

    patch.setattr(ManifestPush, "put", first_drop)


def old_manifest_away_before_commit(patch: pytest.MonkeyPatch) -> None:
    commit = Manifests.commit

    def first_remove(self: Manifests, temporary: str, *, index: bool) -> None:
        atomic.remove(f"{os.path.dirname(temporary)}/manifest.json")
        commit(self, temporary, index=index)

    patch.setattr(Manifests, "commit", first_remove)


def name_before_bytes(patch: pytest.MonkeyPatch) -> None:
    def publish(self: Filestore, descriptor: int, digest: Digest, give_up: object = None) -> None:
        atomic.link_open(descriptor, self._layout.content(digest))
        open_files.sync_file(descriptor)

    patch.setattr(Filestore, "publish", publish)


def manifest_written_in_place(patch: pytest.MonkeyPatch) -> None:
    def store(self: Filestore, data: bytes, digest: Digest) -> None:
        if not self.has(digest):
            descriptor = atomic.create_file(self._layout.content(digest))
            open_files.write_all(descriptor, data)
            open_files.sync_file(descriptor)
            os.close(descriptor)

    patch.setattr(Filestore, "store", store)


def document_written_in_place(patch: pytest.MonkeyPatch) -> None:
    def replace_bytes(path: str, data: bytes, mode: int = 0) -> None:
        atomic.remove(path)
        descriptor = atomic.create_file(path)
        open_files.write_all(descriptor, data)
        open_files.sync_file(descriptor)
        os.close(descriptor)
        syncing.sync_folder(os.path.dirname(path))

    patch.setattr(documents, "replace_bytes", replace_bytes)


def digest_away_before_tags(patch: pytest.MonkeyPatch) -> None:
    swapped(patch, Manifests, "remove_folders", "unregister")


def links_away_before_manifest(patch: pytest.MonkeyPatch) -> None:
    remove = Manifests.remove_folders

    def first_clear(self: Manifests, place: Any, references: Any) -> None:
        for reference in references:
            folder = self._layout.manifest_folder(place.key, place.image, reference)
            for name in filter(parse_content_name, os.listdir(folder)):
                atomic.remove(f"{folder}/{name}")
        remove(self, place, references)

    patch.setattr(Manifests, "remove_folders", first_clear)


MUTANTS: Final[dict[Mutate, str]] = {
    commit_before_stage: "push to an image",
    commit_before_register: "push to an image",
    commit_before_links: "push to an image",
    stale_links_before_commit: "overwrite",
    old_manifest_away_before_commit: "overwrite",
    name_before_bytes: "push to an image",
    manifest_written_in_place: "push to an image",
    document_written_in_place: "change a repository",
    digest_away_before_tags: "delete a digest",
    links_away_before_manifest: "delete a tag",
}
"""What is done in the wrong order, and a flow in which it matters."""


@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda mutate: mutate.__name__)
def test_the_wrong_order_is_found(mutate: Mutate, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = FLOWS[MUTANTS[mutate]]
    with Workbench() as bench:
        assert violations(Trial(flow, Weakest, bench)) == []
        with monkeypatch.context() as patch:
            mutate(patch)
            mutant = Trial(flow, Weakest, bench)
        assert violations(mutant) != []


def violations(trial: Trial) -> list[str]:
    return [str(found) for found in trial.violations(trial.crashes())][:3]
