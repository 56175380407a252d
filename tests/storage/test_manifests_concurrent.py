"""Readers and writers of one tag at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown
from registry.model.names import Tag
from registry.model.paging import PageRequest
from registry.storage import manifest_files
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY, PLACE
from tests.storage.pushes import add_blob, image_body, index_body, put

Found = TypeVar("Found")

TAG = Tag("1.0")
IMAGE_BODY, INDEX_BODY = image_body(b"layer"), index_body(note="index")


def together(*actions: Callable[[], None]) -> None:
    """Run all actions in threads of their own; the first failure is raised here."""
    failures: list[BaseException] = []

    def guarded(action: Callable[[], None]) -> None:
        try:
            action()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_a_tag_that_changes_its_kind_is_never_absent_nor_mixed(store: Store) -> None:
    blob = add_blob(store, b"layer")
    put(store, TAG, IMAGE_BODY, (blob,))
    done = threading.Event()
    seen: set[bytes] = set()

    def write() -> None:
        try:
            for number in range(10_000):
                if number >= 100 and len(seen) == 2:
                    break
                put(store, TAG, INDEX_BODY)
                put(store, TAG, IMAGE_BODY, (blob,))
        finally:
            done.set()

    def read() -> None:
        while not done.is_set():
            stored = store.manifests.read(PLACE, TAG)
            assert stored.digest == Digest.of(stored.body)
            assert ("index" in stored.media_type) == (stored.body == INDEX_BODY)
            assert store.manifests.read(PLACE, stored.digest).body == stored.body
            seen.add(stored.body)

    together(write, read, read)
    assert seen == {IMAGE_BODY, INDEX_BODY}


@pytest.fixture
def unlucky(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever looks under one name of the tag's manifest: it has just changed to the other."""
    put(store, TAG, INDEX_BODY)
    pushes = [IMAGE_BODY, INDEX_BODY] * 3
    original = manifest_files.look

    def look(folder: str, at: Callable[[str], Found]) -> Found | None:
        def at_a_bad_moment(path: str) -> Found:
            try:
                return at(path)
            except FileNotFoundError:
                if pushes:
                    with monkeypatch.context() as context:
                        context.setattr(manifest_files, "look", original)
                        put(store, TAG, pushes.pop(0))
                raise

        return original(folder, at_a_bad_moment)

    monkeypatch.setattr(manifest_files, "look", look)
    yield
    assert pushes == []


@pytest.mark.usefixtures("unlucky")
def test_a_reader_between_the_looks_of_an_unlucky_one(store: Store) -> None:
    assert store.manifests.read(PLACE, TAG).body == INDEX_BODY


@pytest.mark.usefixtures("unlucky")
@pytest.mark.parametrize("listing", ["tags", "folders", "has_folder"])
def test_a_tag_that_changes_its_kind_is_listed_all_the_time(store: Store, listing: str) -> None:
    if listing == "tags":
        page = store.catalog.tags(KEY, IMAGE, PageRequest())
        assert page is not None
        assert list(page.names) == [TAG]
    elif listing == "folders":
        assert list(store.manifests.folders(PLACE)) == [TAG]
    else:
        assert store.manifests.has_folder(PLACE, TAG)


def test_two_pushers_of_one_tag_leave_one_whole_manifest(store: Store) -> None:
    blobs = {n: add_blob(store, f"layer {n}".encode()) for n in range(2)}
    bodies = {n: [image_body(f"layer {n}".encode(), note=f"{n} {i}") for i in range(40)]
              for n in range(2)}  # fmt: skip

    def push(n: int) -> Callable[[], None]:
        def run() -> None:
            for body in bodies[n]:
                put(store, TAG, body, (blobs[n],))

        return run

    together(push(0), push(1))
    stored = store.manifests.read(PLACE, TAG)
    winner = 0 if stored.body in bodies[0] else 1
    assert stored.body == bodies[winner][-1]
    assert store.manifests.holds(PLACE, TAG, blobs[winner])
    assert not store.manifests.holds(PLACE, TAG, blobs[1 - winner])
    for body in bodies[0] + bodies[1]:
        assert store.manifests.read(PLACE, Digest.of(body)).body == body


def test_pushing_and_deleting_at_once(store: Store) -> None:
    def push() -> None:
        for n in range(60):
            put(store, TAG, image_body(note=str(n)))

    def delete() -> None:
        for _ in range(200):
            with store.locks.image(KEY, IMAGE):
                store.manifests.remove_folders(PLACE, [TAG])

    together(push, delete)
    try:
        stored = store.manifests.read(PLACE, TAG)
    except ManifestUnknown:
        assert not os.path.exists(store.layout.manifest_folder(KEY, IMAGE, TAG))
    else:
        assert stored.digest == Digest.of(stored.body)
