"""Killed, or out of disk, at every single step of a push: what is seen then is whole."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.errors import StorageFailed, StorageFull
from registry.model.names import Tag
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.storage import format as storage_format
from registry.storage.layout import parse_content_name
from registry.storage.manifest_files import is_manifest_folder
from registry.storage.store import Store
from tests.repositories.pushing import (
    ALICE,
    IMAGE,
    KEY,
    TAG,
    body_of,
    check_whole,
    image_body,
    index_body,
    push_image,
    put,
)
from tests.storage.faults import BUILDING, STEPS, Watched, fails, in_child, kills
from tests.storage.folders import open_files, temporaries

Flow = Callable[[LocalRepository], None]
OLD, NEW = image_body(b"old", note="old"), image_body(b"new", note="new")
INDEX = index_body(OLD)


def push_new(repository: LocalRepository) -> None:
    push_image(repository, b"new", note="new")


def push_index(repository: LocalRepository) -> None:
    put(repository, INDEX)


def push_chunked(repository: LocalRepository) -> None:
    upload = repository.start_upload(IMAGE, "sha256", ALICE)
    for part in (b"ne", b"w"):
        with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
            writer.write(part)
            repository.settle_upload(IMAGE, writer)
    with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        repository.finish_upload(IMAGE, writer, Digest.of(b"new"))
    push_new(repository)


def delete_tag(repository: LocalRepository) -> None:
    if body_of(repository) is not None:
        repository.delete_manifest(IMAGE, TAG, ALICE)


def delete_digest(repository: LocalRepository) -> None:
    if body_of(repository, Digest.of(OLD)) is not None:
        repository.delete_manifest(IMAGE, Digest.of(OLD), ALICE)


FLOWS: dict[str, tuple[bool, Flow, bytes | None]] = {
    "first push": (False, push_new, NEW),
    "chunked push": (False, push_chunked, NEW),
    "overwrite": (True, push_new, NEW),
    "image to index": (True, push_index, INDEX),
    "delete tag": (True, delete_tag, None),
    "delete digest": (True, delete_digest, None),
}
"""Whether the tag has an image before, what is done, and what the tag has afterwards."""


def fresh(root: str) -> tuple[Store, LocalRepository]:
    """Return new objects over a folder, as a restarted server has them."""
    store = Store(root)
    return store, LocalRepository(store, Definitions(store).get(KEY))


def begin(root: Path, *, pushed: bool) -> str:
    store = Store(str(root))
    storage_format.prepare(store.layout)
    Definitions(store).create(KEY, "local", {})
    if pushed:
        push_image(fresh(str(root))[1], b"old", note="old")
    store.journal.close()
    return str(root)


@pytest.mark.parametrize("name", FLOWS)
def test_killed_at_every_step(name: str, tmp_path: Path) -> None:
    pushed, flow, final = FLOWS[name]
    before = OLD if pushed else None
    for number in range(1, 300):
        root = begin(tmp_path / str(number), pushed=pushed)

        def run(root: str = root, number: int = number) -> None:
            with Watched(kills(number), STEPS):
                flow(fresh(root)[1])

        code = in_child(run)
        store, repository = fresh(root)
        check_whole(store, repository)
        assert body_of(repository) in (before, final)
        flow(repository)
        check_whole(store, repository)
        assert body_of(repository) == final
        store.journal.close()
        if code == 0:
            break
        assert code == -signal.SIGKILL
    else:
        raise AssertionError("the flow never came to its end")
    assert number > 5


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "failed"])
def test_the_disk_fails_at_every_step(name: str, code: int, tmp_path: Path) -> None:
    """The error has the right class, the tag is old or new, and nothing half-done stays."""
    pushed, flow, final = FLOWS[name]
    before = OLD if pushed else None
    left: dict[str, list[str]] = {}
    for number in range(1, 400):
        root = begin(tmp_path / str(number), pushed=pushed)
        store, repository = fresh(root)
        count = open_files()
        with Watched(fails(number, code), BUILDING) as seen:
            try:
                flow(repository)
            except (StorageFull, StorageFailed) as error:
                assert isinstance(error, StorageFull) == (code == errno.ENOSPC)  # noqa: PT017
        store.journal.close()
        assert open_files() == count, seen.calls[-1]
        check_whole(store, repository)
        assert body_of(repository) in (before, final)
        last = seen.calls[min(number, len(seen.calls)) - 1]
        # What a delete leaves behind is a folder without a manifest, which the pruner clears; what
        # a push leaves whose new manifest is in place is the mark of the old one's links, for it.
        committed = body_of(repository) == final
        if not name.startswith("delete") and not committed and leftovers(store):
            left[f"{last.name} {os.path.relpath(last.paths[-1], root)}"] = leftovers(store)
        flow(repository)
        check_whole(store, repository)
        assert body_of(repository) == final
        store.journal.close()
        if len(seen.calls) < number:
            break
    else:
        raise AssertionError("the flow never came to its end")
    assert left == {}


def leftovers(store: Store) -> list[str]:
    """Return half-done work, and links of a folder that is no manifest folder."""
    found = temporaries(store.layout.root)
    for folder, _, names in os.walk(store.layout.repository(KEY)):
        owned = [name for name in names if parse_content_name(name)]
        if owned and not os.path.basename(folder).startswith("_") and "_referrers" not in folder:
            found += [] if is_manifest_folder(folder) else [f"{folder}/{name}" for name in owned]
    return found


def test_a_killed_push_of_another_tag_harms_nothing(tmp_path: Path) -> None:
    """One tag is overwritten, killed half-way, while another shares its layers and manifest."""
    root = begin(tmp_path / "store", pushed=True)
    put(fresh(root)[1], OLD, Tag("same"))
    for number in range(1, 60, 4):

        def run(number: int = number) -> None:
            with Watched(kills(number), STEPS):
                push_new(fresh(root)[1])

        if in_child(run) == 0:
            break
        assert body_of(fresh(root)[1], Tag("same")) == OLD
        check_whole(*fresh(root))
