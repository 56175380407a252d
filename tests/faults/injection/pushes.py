"""The registry that all flows begin with, and what is pushed to it."""

from __future__ import annotations

from contextlib import closing
from typing import Final

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown, UploadUnknown
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.repositories.base import Repository
from registry.services.instance import Instance
from registry.services.setup import set_up
from registry.storage.manifest_files import listed
from tests.faults.injection.state import PASSWORDS
from tests.model import documents
from tests.repositories.pushing import (
    ALICE,
    CONFIG,
    IMAGE,
    KEY,
    OTHER,
    TAG,
    image_body,
    index_body,
    push_blob,
    push_image,
    put,
)

ADMIN_PASSWORD, OLD_PASSWORD, NEW_PASSWORD = PASSWORDS
FRESH: Final = ImageName("fresh/app")
SPARE: Final = RepositoryKey("spare-local")
OLD: Final = image_body(b"old", note="old")
NEW: Final = image_body(b"new", note="new")
INDEX: Final = index_body(OLD)
LOOSE: Final = b"a blob that no manifest names"
CHILD: Final = image_body(LOOSE, note="child")
LATE: Final = b"a blob that comes in two parts"
REFERRER: Final = documents.encode(
    documents.image(LOOSE, subject=documents.descriptor(OLD, media_types.OCI_IMAGE))
)


def repository(instance: Instance) -> Repository:
    """Return the repository that all flows work on."""
    return instance.directory.unguarded_repository(KEY)


def furnish(instance: Instance) -> None:
    """Set up a registry: what is in it has been acknowledged, and has to outlive every fault."""
    set_up(instance, ADMIN_PASSWORD)
    instance.users.add("alice", OLD_PASSWORD)
    instance.definitions.create(SPARE, "local", {"description": "spare"})
    push_image(repository(instance), b"old", note="old")
    push_image(repository(instance), b"other", image=OTHER, note="other")


def push(instance: Instance) -> None:
    """A new image: folders, configuration, layer and manifest are all new."""
    config = b'{"config": {"Labels": {"maintainer": "bob"}}}'
    for data in (config, b"first", b"second"):
        push_blob(repository(instance), data, FRESH)
    put(repository(instance), image_body(b"first", b"second", config=config), TAG, FRESH)


def push_further(instance: Instance) -> None:
    """A further tag of an image that is there, and shares the configuration."""
    push_image(repository(instance), b"new", reference=Tag("2.0"), note="new")


def push_referrer(instance: Instance) -> None:
    push_blob(repository(instance), LOOSE)
    put(repository(instance), REFERRER, Digest.of(REFERRER))


def push_digest_with_tags(instance: Instance) -> None:
    push_blob(repository(instance), b"new")
    put(repository(instance), NEW, Digest.of(NEW), tags=(Tag("2.0"), Tag("2.1")))


def append(instance: Instance, upload: str, data: bytes) -> None:
    with closing(repository(instance).open_upload(IMAGE, upload, ALICE)) as writer:
        writer.write(data)
        repository(instance).settle_upload(IMAGE, writer)


def push_chunked(instance: Instance) -> None:
    upload = repository(instance).start_upload(IMAGE, "sha256", ALICE).id
    append(instance, upload, LATE[:9])
    append(instance, upload, LATE[9:])
    finish(instance, upload)
    put(repository(instance), image_body(LATE), Tag("late"))


def begin_upload(instance: Instance) -> None:
    upload = repository(instance).start_upload(IMAGE, "sha256", ALICE).id
    append(instance, upload, LATE)


def pending(instance: Instance) -> str:
    """Return the upload that `begin_upload` began."""
    names = listed(instance.store.layout.top("uploads"))
    found = [name[:-6] for name in names if name.endswith(".jsonl")]
    if not found:
        raise UploadUnknown("nothing is pending")
    return found[0]


def finish(instance: Instance, upload: str) -> None:
    with closing(repository(instance).open_upload(IMAGE, upload, ALICE)) as writer:
        repository(instance).finish_upload(IMAGE, writer, Digest.of(LATE))


def finish_pending(instance: Instance) -> None:
    finish(instance, pending(instance))


def finish_or_push(instance: Instance) -> None:
    """What a client does that is told that there is no such upload: it begins a new one."""
    try:
        finish_pending(instance)
    except UploadUnknown:
        push_blob(repository(instance), LATE)


def cancel(instance: Instance) -> None:
    repository(instance).cancel_upload(IMAGE, pending(instance), ALICE)


def mount(instance: Instance) -> None:
    blob = repository(instance).blob(OTHER, Digest.of(b"other"))
    repository(instance).mount_blob(FRESH, blob, ALICE)


def push_untagged(instance: Instance) -> None:
    """What an index or an image is going to replace a tag with."""
    push_blob(repository(instance), b"new")
    put(repository(instance), NEW, Digest.of(NEW))


def overwrite(instance: Instance) -> None:
    push_image(repository(instance), b"new", note="new")


def overwrite_with_index(instance: Instance) -> None:
    put(repository(instance), INDEX)


def overwrite_index(instance: Instance) -> None:
    put(repository(instance), NEW)


def push_index(instance: Instance) -> None:
    """An index with its child, as a client pushes it that looks what is there already."""
    try:
        repository(instance).manifest(FRESH, Digest.of(CHILD))
    except ManifestUnknown:
        for data in (CONFIG, LOOSE):
            push_blob(repository(instance), data, FRESH)
        put(repository(instance), CHILD, Digest.of(CHILD), FRESH)
    put(repository(instance), index_body(CHILD), TAG, FRESH)


def tagged_index(instance: Instance) -> None:
    put(repository(instance), INDEX)
    push_untagged(instance)
