"""What is deleted, brought back from the trash, and pruned."""

from __future__ import annotations

from registry.model.digests import Digest
from registry.model.names import Tag
from registry.model.targets import Target
from registry.services.instance import Instance
from registry.storage import atomic
from registry.storage.manifest_files import Place
from tests.faults.injection.pushes import (
    FRESH,
    INDEX,
    LATE,
    LOOSE,
    OLD,
    REFERRER,
    begin_upload,
    push_further,
    repository,
)
from tests.faults.injection.sweeping import prune
from tests.repositories.pushing import ALICE, IMAGE, KEY, OTHER, TAG, push_blob, put


def untag(instance: Instance) -> None:
    """Delete a tag alone: its manifest gets a folder by its digest."""
    repository(instance).delete_manifest(IMAGE, TAG, ALICE)


def delete_tag(instance: Instance) -> None:
    """Delete a tag and its manifest."""
    repository(instance).delete_tag(IMAGE, TAG, ALICE)


def second_tag(instance: Instance) -> None:
    put(repository(instance), OLD, Tag("same"))


def delete_digest(instance: Instance) -> None:
    repository(instance).delete_manifest(IMAGE, Digest.of(OLD), ALICE)


def delete_index(instance: Instance) -> None:
    repository(instance).delete_manifest(IMAGE, Digest.of(INDEX), ALICE)


def delete_referrer(instance: Instance) -> None:
    repository(instance).delete_manifest(IMAGE, Digest.of(REFERRER), ALICE)


def delete_image(instance: Instance) -> None:
    repository(instance).delete_image(IMAGE, ALICE)


def many_tags(instance: Instance) -> None:
    """More than are made durable one by one."""
    for number in range(9):
        put(repository(instance), OLD, Tag(f"same-{number}"))


def loose_blob(instance: Instance) -> None:
    push_blob(repository(instance), LOOSE, FRESH)


def delete_blob(instance: Instance) -> None:
    """The image has nothing else, so its folders go as well."""
    repository(instance).delete_blob(FRESH, Digest.of(LOOSE), ALICE)


def deleted_index(instance: Instance) -> None:
    put(repository(instance), INDEX)
    repository(instance).delete_image(IMAGE, ALICE)


def restore(instance: Instance) -> None:
    instance.trashcan.restore(Target(KEY, IMAGE, TAG), ALICE)


def empty_trash(instance: Instance) -> None:
    instance.trashcan.empty()


def litter(instance: Instance) -> None:
    """Leave some of everything that the pruner takes."""
    repo, layout = repository(instance), instance.store.layout
    for number, image in enumerate((FRESH, OTHER)):
        digest = push_blob(repo, b"orphan %d" % number, image)
        repo.delete_blob(image, digest, ALICE)
    push_blob(repo, LATE, OTHER)
    begin_upload(instance)
    push_further(instance)
    repo.delete_manifest(IMAGE, Tag("2.0"), ALICE)
    instance.store.trash.stage(Place(KEY, IMAGE), [(TAG, Digest.of(OLD))], ALICE)
    folder = layout.manifest_folder(KEY, OTHER, TAG)
    for place in (folder, layout.top("uploads")):
        atomic.write_temporary(place, b"half-done")


def littered(instance: Instance) -> None:
    """The same, with some of it on hold already."""
    litter(instance)
    prune(instance)
    litter(instance)
