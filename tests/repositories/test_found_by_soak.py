"""What the soak has found in repositories, each as the one order of steps that it takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing

import pytest

from registry.model.digests import Digest
from registry.model.errors import ManifestPartsMissing, ManifestUnknown, RegistryError
from registry.storage import atomic
from registry.storage.manifest_files import Place
from tests.faults.races import gates
from tests.support.bench import ALICE, CONFIG, GRACE, IMAGE, KEY, TAG, Bench, image, index
from tests.support.travel import HOUR

BODY = image(b"layer")

CHANGES: dict[str, tuple[Callable[[Bench], object], type[RegistryError]]] = {
    "push": (lambda bench: bench.put(BODY, TAG), ManifestPartsMissing),
    "untag": (lambda bench: bench.untag(), ManifestUnknown),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_under_which_the_repository_is_deleted_finds_nothing(
    bench: Bench, name: str
) -> None:
    """The tree goes right before the rename that puts a manifest in place."""
    change, error = CHANGES[name]
    bench.push(b"layer", note="other") if name == "push" else bench.push(b"layer")
    other = bench.again()

    def commits(source: str, target: str) -> bool:
        return target.endswith("/manifest.json")

    with (
        gates.at(atomic, "rename", lambda: other.definitions.delete(KEY, ALICE), when=commits),
        pytest.raises(error),
    ):
        change(bench)
    assert [entry.is_repository for entry in bench.entries()] == [True]
    bench.restore(None, None)
    assert bench.pulls()


DELETIONS: dict[str, Callable[[Bench], object]] = {
    "a child": lambda bench: bench.delete(BODY),
    "a tag": lambda bench: bench.repository.delete_tag(IMAGE, TAG, ALICE),
    "an image": lambda bench: bench.repository.delete_image(IMAGE, ALICE),
}


@pytest.mark.parametrize("name", DELETIONS)
def test_an_index_that_a_killed_pass_has_half_deleted_keeps_nothing_from_being_deleted(
    bench: Bench, name: str
) -> None:
    """The pass has taken the name by which the index is shown, and not yet its folder."""
    bench.push(b"layer")
    left = bench.put(index(BODY))
    os.unlink(bench.layout.manifest(KEY, IMAGE, left))
    DELETIONS[name](bench)
    assert not bench.pulls(TAG)
    assert not bench.has(BODY)
    bench.settle()
    assert list(bench.store.manifests.folders(Place(KEY, IMAGE))) == []


def test_a_blob_is_young_when_its_upload_is_finished_long_after_its_last_byte(bench: Bench) -> None:
    repository = bench.repository
    upload = repository.start_upload(IMAGE, "sha256", ALICE)
    with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        writer.write(b"layer")
        repository.settle_upload(IMAGE, writer)
    bench.live_for(2 * GRACE)
    with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        repository.finish_upload(IMAGE, writer, Digest.of(b"layer"))
    bench.live_for(GRACE - HOUR, every=HOUR)
    bench.blob(CONFIG)
    bench.put(BODY, TAG)
    assert bench.pull() == BODY
