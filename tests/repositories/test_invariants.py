"""The invariants of the architecture, each under its name."""

from __future__ import annotations

import os

import pytest

from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, ManifestPartsMissing, ManifestUnknown
from registry.repositories.local import LocalRepository
from registry.storage.layout import TEMPORARY_PREFIX, content_name
from registry.storage.store import Store
from tests.model import documents
from tests.repositories.pushing import (
    ALICE,
    IMAGE,
    KEY,
    OTHER,
    TAG,
    image_body,
    index_body,
    push_image,
    put,
)
from tests.storage.faults import Call, Watched
from tests.storage.folders import files, inode

NAMING = ("link", "rename")


def given_names(store: Store, calls: list[Call]) -> list[str]:
    """Return the final names that were given, relative to the root, in order."""
    names = [os.path.relpath(c.paths[1], store.layout.root) for c in calls if c.name in NAMING]
    return [name for name in names if not os.path.basename(name).startswith(TEMPORARY_PREFIX)]


def first(names: list[str], part: str) -> int:
    return next(n for n, name in enumerate(names) if part in name)


def test_invariant_1_write_order(repository: LocalRepository, store: Store) -> None:
    layer, body = Digest.of(b"one"), image_body(b"one")
    digest = Digest.of(body)
    with Watched() as seen:
        push_image(repository, b"one")
    names = given_names(store, seen.calls)
    tag = f"{IMAGE}/{TAG}"
    order = [
        first(names, f"filestore/sha256/{layer.encoded[:2]}"),
        first(names, f"_layers/{content_name(layer)}"),
        first(names, f"{tag}/{content_name(layer)}"),
        first(names, f"_manifests/{content_name(digest)}"),
        first(names, f"{tag}/manifest.json.properties.json"),
        len(names) - 1,
    ]
    assert order == sorted(order)
    assert names[-1] == f"artifacts/{KEY}/{tag}/manifest.json"
    content = first(names, f"filestore/sha256/{digest.encoded[:2]}/{digest.encoded}")
    assert order[1] < content < order[3]


def test_invariant_1_delete_order(repository: LocalRepository, store: Store) -> None:
    digest = Digest.of(push_image(repository, b"one"))
    with Watched() as seen:
        repository.delete_manifest(IMAGE, digest, ALICE)
        repository.delete_blob(IMAGE, Digest.of(b"one"), ALICE)
    gone = [c.paths[0] for c in seen.calls if c.name == "unlink"]
    order = [
        first(gone, f"{IMAGE}/{TAG}/manifest.json"),
        first(gone, f"{IMAGE}/{TAG}/{content_name(Digest.of(b'one'))}"),
        first(gone, f"_manifests/{content_name(digest)}"),
        first(gone, f"_layers/{content_name(Digest.of(b'one'))}"),
    ]
    assert order == sorted(order)
    assert store.filestore.has(Digest.of(b"one"))
    assert store.filestore.has(digest)


def test_invariant_1_only_the_pruner_frees_bytes(repository: LocalRepository, store: Store) -> None:
    with Watched() as seen:
        digest = Digest.of(push_image(repository, b"one"))
        push_image(repository, b"two")
        repository.delete_manifest(IMAGE, digest, ALICE)
        repository.delete_manifest(IMAGE, TAG, ALICE)
    filestore = store.layout.top("filestore")
    removed = [
        c.paths[0] for c in seen.calls if c.name == "unlink" and c.paths[0].startswith(filestore)
    ]
    assert [p for p in removed if TEMPORARY_PREFIX not in p] == []


@pytest.mark.usefixtures("unordered")
def test_invariant_2_final_names_are_durable(repository: LocalRepository, store: Store) -> None:
    """Before the tag has its manifest, every file and every folder entry of it is synced."""
    root = store.layout.root
    with Watched() as seen:
        push_image(repository, b"one", b"two")
    commit = max(n for n, c in enumerate(seen.calls) if c.name == "rename")
    calls = seen.calls
    for number, call in enumerate(calls[:commit]):
        path = call.paths[-1]
        if call.name in ("link", "rename", "mkdir") and path.startswith(f"{root}/artifacts"):
            synced = range(number + 1, commit)
            folder = os.path.dirname(path)
            assert any(calls[n] == Call("fsync", (folder,)) for n in synced), call
        if call.name == "write" and path.startswith((f"{root}/filestore", f"{root}/artifacts")):
            after = range(number + 1, commit)
            assert any(calls[n] == Call("fsync", (path,)) for n in after), call
    assert Call("fsync", (os.path.dirname(calls[commit].paths[1]),)) in calls[commit + 1 :]


def test_invariant_2_half_done_work_has_a_temporary_name(
    repository: LocalRepository, store: Store
) -> None:
    """Only new files are written, and never under a name that means something."""
    push_image(repository, b"one")
    places = (store.layout.top("filestore"), store.layout.top("artifacts"))
    with Watched() as seen:
        push_image(repository, b"two")
        put(repository, index_body(image_body(b"two")))
    opened = [c.paths[0] for c in seen.calls if c.name == "open" and c.paths[0].startswith(places)]
    assert opened
    assert [p for p in opened if not os.path.basename(p).startswith(TEMPORARY_PREFIX)] == []


def test_invariant_3_no_blob_without_a_link(repository: LocalRepository, store: Store) -> None:
    body = push_image(repository, b"one")
    child = documents.encode(documents.index(body))
    for digest in (Digest.of(b"one"), Digest.of(body)):
        assert store.filestore.has(digest)
        with pytest.raises(BlobUnknown):
            repository.blob(OTHER, digest)
        with pytest.raises(ManifestUnknown):
            repository.manifest(OTHER, digest)
    for referring in (body, child):
        with pytest.raises(ManifestPartsMissing):
            put(repository, referring, image=OTHER)
    with pytest.raises(BlobUnknown):
        repository.blob(IMAGE, Digest.of(body))


def test_invariant_4_bytes_never_change(repository: LocalRepository, store: Store) -> None:
    body = push_image(repository, b"one")
    odd = body.replace(b"{", b" {\t ", 1) + b"\n\n"
    put(repository, odd)
    assert repository.manifest(IMAGE, TAG).body == odd
    before = {path: (inode(f"{store.layout.root}/{path}"), data)
              for path, data in files(store.layout.root).items()
              if path.startswith("filestore")}  # fmt: skip
    push_image(repository, b"one")
    push_image(repository, b"two")
    repository.delete_manifest(IMAGE, TAG, ALICE)
    after = files(store.layout.root)
    for path, (number, data) in before.items():
        assert (inode(f"{store.layout.root}/{path}"), after[path]) == (number, data)
