"""What is done to a storage folder, and what a folder is made of before."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Final

from registry.config import Config
from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import RepositoryExists
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.targets import Target
from registry.repositories.belongings import Transfer
from registry.repositories.local import LocalRepository
from registry.services.instance import Instance
from registry.services.pruning import Limits, Options, Pruning
from registry.services.setup import set_up
from registry.storage import format as storage_format
from registry.wiring import build
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

Work = Callable[[Instance], object]

OLD, NEW = image_body(b"old", note="old"), image_body(b"new", note="new")
CHILD = image_body(b"child", note="child")
INDEX, EMPTY = index_body(OLD), index_body()
SAME, SECOND = Tag("same"), Tag("2.0")
SPARE = RepositoryKey("docker-spare")
PASSWORD: Final = "a password"
AT_ONCE: Final = Limits(grace=-1, hold=-1, trash=-1, uploads=-1)
"""Everything is old, and nothing waits."""


def opened(root: str) -> Instance:
    """Return the registry of a folder as a process that has just started has it."""
    return build(Config(storage_root=root))


def local(at: Instance) -> LocalRepository:
    """Return the repository that is pushed to, without anybody's rights."""
    return LocalRepository(at.store, at.definitions.get(KEY))


# --- before ----------------------------------------------------------------------------------


def prepared(at: Instance) -> None:
    storage_format.prepare(at.store.layout)


def create(at: Instance) -> None:
    with suppress(RepositoryExists):
        at.definitions.create(KEY, "local", {})


def empty(at: Instance) -> None:
    prepared(at)
    create(at)


def pushed(at: Instance) -> None:
    empty(at)
    push_image(local(at), b"old", note="old")


def pushed_twice(at: Instance) -> None:
    pushed(at)
    push_same(at)


def pushed_often(at: Instance) -> None:
    """So many tags that they are synced all at once."""
    empty(at)
    for number in range(9):
        put(local(at), EMPTY, Tag(f"{number}"))


def pushed_a_tree(at: Instance) -> None:
    """An index under a tag, with a child that has no tag and a manifest that refers to it."""
    pushed(at)
    push_child(at)
    put(local(at), index_body(CHILD), SECOND)
    push_referrer(at)


def forget_the_trash(at: Instance) -> None:
    """Make a folder as a version had it that did not know of the trash."""
    os.rmdir(at.store.layout.top("trash"))


def deleted(at: Instance) -> None:
    pushed(at)
    local(at).delete_tag(IMAGE, TAG, ALICE)


def waste(at: Instance) -> None:
    """Something for every step of the pruner."""
    pushed_a_tree(at)
    at.definitions.update(KEY, {"untaggedRetentionDays": 0})
    push_new(at)
    local(at).delete_manifest(IMAGE, SECOND, ALICE)
    push_blob(local(at), b"alone")
    push_image(local(at), b"spare", image=OTHER)
    local(at).delete_image(OTHER, ALICE)


# --- pushing ---------------------------------------------------------------------------------


def push_new(at: Instance) -> None:
    push_image(local(at), b"new", note="new")


def push_second(at: Instance) -> None:
    push_image(local(at), b"new", note="new", reference=SECOND)


def push_by_digest(at: Instance) -> None:
    push_image(local(at), b"new", note="new", reference=Digest.of(NEW))


def push_tags(at: Instance) -> None:
    push_blob(local(at), b"new")
    put(local(at), NEW, Digest.of(NEW), tags=[SECOND, Tag("2"), TAG])


def push_same(at: Instance) -> None:
    put(local(at), OLD, SAME)


def push_index(at: Instance) -> None:
    put(local(at), INDEX)


def push_old(at: Instance) -> None:
    put(local(at), OLD)


def push_child(at: Instance) -> None:
    push_image(local(at), b"child", note="child", reference=Digest.of(CHILD))


def push_tree(at: Instance) -> None:
    push_child(at)
    put(local(at), index_body(CHILD), SECOND)


def push_deeper(at: Instance) -> None:
    push_image(local(at), b"new", note="new", image=ImageName(f"{IMAGE}/{TAG}"))


def push_referrer(at: Instance) -> None:
    subject = documents.descriptor(OLD, media_types.OCI_IMAGE)
    push_blob(local(at), b"signature")
    body = documents.encode(documents.image(CONFIG, b"signature", subject=subject))
    put(local(at), body, Digest.of(body))


def push_chunked(at: Instance) -> None:
    repository = local(at)
    upload = repository.start_upload(IMAGE, "sha256", ALICE)
    for part in (b"ne", b"w"):
        with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
            writer.write(part)
            repository.settle_upload(IMAGE, writer)
    with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        repository.finish_upload(IMAGE, writer, Digest.of(b"new"))
    push_blob(repository, CONFIG)
    put(repository, NEW)


def mount(at: Instance) -> None:
    for data in (CONFIG, b"old"):
        local(at).mount_blob(OTHER, local(at).blob(IMAGE, Digest.of(data)), ALICE)
    put(local(at), OLD, TAG, OTHER)


# --- promoting -------------------------------------------------------------------------------


def signed_and_spare(at: Instance) -> None:
    """A tree with a signature, and a repository where the tag stands for something else."""
    pushed_a_tree(at)
    push_image(local(at), b"signed", reference=Tag(Digest.of(OLD).replace(":", "-") + ".sig"))
    create_repository(at)
    push_image(LocalRepository(at.store, at.definitions.get(SPARE)), b"before", note="before")


def _bring(at: Instance, tag: Tag, *, move: bool) -> None:
    transfer = Transfer(IMAGE, tag, IMAGE, TAG, event="promote", move=move)
    at.directory.unguarded_transfers().run(KEY, SPARE, transfer, ALICE)


def copy_old(at: Instance) -> None:
    _bring(at, TAG, move=False)


def copy_tree(at: Instance) -> None:
    _bring(at, SECOND, move=False)


def move_old(at: Instance) -> None:
    _bring(at, TAG, move=True)


def move_tree(at: Instance) -> None:
    _bring(at, SECOND, move=True)


# --- deleting --------------------------------------------------------------------------------


def untag(at: Instance) -> None:
    local(at).delete_manifest(IMAGE, TAG, ALICE)


def delete_tag(at: Instance) -> None:
    local(at).delete_tag(IMAGE, TAG, ALICE)


def delete_digest(at: Instance) -> None:
    local(at).delete_manifest(IMAGE, Digest.of(OLD), ALICE)


def delete_many(at: Instance) -> None:
    local(at).delete_manifest(IMAGE, Digest.of(EMPTY), ALICE)


def delete_image(at: Instance) -> None:
    local(at).delete_image(IMAGE, ALICE)


def delete_blob(at: Instance) -> None:
    local(at).delete_blob(IMAGE, Digest.of(b"alone"), ALICE)


def restore(at: Instance) -> None:
    at.trashcan.restore(Target(KEY, IMAGE), ALICE)


def prune(at: Instance) -> None:
    pruning = Pruning(at.store, at.definitions, AT_ONCE)
    for _ in range(2):
        pruning.run(Options(force=True))


# --- definitions and users -------------------------------------------------------------------


def first_start(at: Instance) -> None:
    set_up(at, PASSWORD)


def add_user(at: Instance) -> None:
    at.users.add("bob", PASSWORD)


def change_password(at: Instance) -> None:
    at.users.set_password("bob", "another password")


def remove_user(at: Instance) -> None:
    at.users.remove("bob")


def create_repository(at: Instance) -> None:
    at.definitions.create(SPARE, "local", {})


def change_repository(at: Instance) -> None:
    at.definitions.update(KEY, {"description": "new"})


def remove_repository(at: Instance) -> None:
    at.definitions.remove(SPARE)


def delete_repository(at: Instance) -> None:
    at.definitions.delete(KEY, ALICE)


def restore_repository(at: Instance) -> None:
    at.trashcan.restore(Target(KEY), ALICE)
