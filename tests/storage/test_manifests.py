from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence

import pytest

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown, StorageFailed
from registry.model.names import ImageName, Tag
from registry.model.paging import PageRequest
from registry.storage.layout import content_name
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY, PLACE
from tests.storage.faults import Call, Watched, fails
from tests.storage.folders import inode, temporaries
from tests.storage.pushes import add_blob, image_body, index_body, put

TAG = Tag("1.0")
FIRST, SECOND, INDEX = image_body(note="1"), image_body(note="2"), index_body(note="3")


def folder(store: Store, tag: Tag = TAG) -> str:
    return store.layout.manifest_folder(KEY, IMAGE, tag)


def test_a_manifest_is_read_by_tag_and_by_digest(store: Store) -> None:
    digest = put(store, TAG, FIRST)
    for reference in (TAG, digest):
        stored = store.manifests.read(PLACE, reference)
        assert (stored.digest, stored.body) == (digest, FIRST)
        assert stored.media_type == media_types.OCI_IMAGE
    assert store.manifests.has(PLACE, digest)
    assert inode(f"{folder(store)}/manifest.json") == inode(store.layout.content(digest))


@pytest.mark.parametrize(
    "reference", [Tag("2.0"), Tag("_layers"), Tag("manifest.json"), Digest.of(b"x")]
)
def test_what_was_not_pushed_is_unknown(store: Store, reference: Tag | Digest) -> None:
    put(store, TAG, FIRST)
    with pytest.raises(ManifestUnknown) as caught:
        store.manifests.read(PLACE, reference)
    assert caught.value.details[0]["name"] == IMAGE
    assert not store.manifests.has_folder(PLACE, reference)


def test_an_index_lies_under_its_own_name(store: Store) -> None:
    put(store, TAG, INDEX)
    assert "list.manifest.json" in os.listdir(folder(store))
    assert store.manifests.read(PLACE, TAG).media_type == media_types.OCI_INDEX


def test_a_tag_that_changes_its_kind_has_one_manifest(store: Store) -> None:
    for body in (FIRST, INDEX, SECOND, INDEX, INDEX, FIRST):
        put(store, TAG, body)
        assert store.manifests.read(PLACE, TAG).body == body
        names = [name for name in os.listdir(folder(store)) if name.endswith("manifest.json")]
        assert names == ["list.manifest.json" if body == INDEX else "manifest.json"]


@pytest.mark.parametrize("body", [SECOND, INDEX], ids=["image", "index"])
def test_the_rename_of_the_manifest_is_the_commit_point(store: Store, body: bytes) -> None:
    for each in (FIRST, body, FIRST):
        put(store, TAG, each)
    with Watched() as seen:
        put(store, TAG, body)
    target = f"{folder(store)}/manifest.json"
    steps = [(call.name, call.paths[-1]) for call in seen.calls]
    commit = steps.index(("rename", target)) + 1
    assert commit > 5
    for number in range(1, commit + 1):
        put(store, TAG, FIRST)
        # What cannot hinder it any more: the rename before has taken that name away already.
        harmless = is_rest_of_rename(seen.calls[number - 2 : number])
        with (
            Watched(fails(number)),
            contextlib.nullcontext() if harmless else pytest.raises(StorageFailed),
        ):
            put(store, TAG, body, note=number)
        expected = body if harmless else FIRST
        assert store.manifests.read(PLACE, TAG).body == expected, seen.calls[number - 1]
    for name in temporaries(store.layout.root):
        os.unlink(f"{store.layout.root}/{name}")


def is_rest_of_rename(calls: Sequence[Call]) -> bool:
    """Return whether the second call removes the old name of what the first one has renamed."""
    return [call.name for call in calls] == ["rename", "unlink"] and calls[0].paths[0] == calls[
        1
    ].paths[0]


@pytest.mark.usefixtures("unordered")
def test_everything_is_durable_before_the_commit(store: Store) -> None:
    blob = add_blob(store, b"layer")
    with Watched() as seen:
        put(store, TAG, image_body(b"layer"), (blob,))
    names = [(call.name, *call.paths) for call in seen.calls]
    target = f"{folder(store)}/manifest.json"
    commit = next(n for n, call in enumerate(names) if call[0] == "rename" and call[-1] == target)
    linked = next(n for n, call in enumerate(names) if call[-1].endswith(content_name(blob)))
    synced = [n for n, call in enumerate(names) if call == ("fsync", folder(store))]
    assert linked < min(synced) < commit < max(synced)
    for other in (store.layout.layers(KEY, IMAGE), store.layout.manifests(KEY, IMAGE)):
        assert names.index(("fsync", other)) < commit


def test_the_folder_of_a_tag_owns_its_layers(store: Store) -> None:
    blob = add_blob(store, b"layer")
    put(store, TAG, image_body(b"layer"), (blob,))
    assert store.manifests.holds(PLACE, TAG, blob)
    put(store, TAG, FIRST)
    assert not store.manifests.holds(PLACE, TAG, blob)


def test_a_layer_without_links_to_give_is_taken_from_the_filestore(store: Store) -> None:
    blob = add_blob(store, b"layer")
    source = store.layout.layer(KEY, IMAGE, blob)
    link = os.link

    def full(src: str, dst: str) -> None:
        if src == source:
            raise OSError(errno.EMLINK, "Too many links")
        link(src, dst)

    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(os, "link", full)
        put(store, TAG, image_body(b"layer"), (blob,))
    assert store.manifests.holds(PLACE, TAG, blob)


def test_missing_blobs_are_all_named_and_nothing_stays(store: Store) -> None:
    blobs = [Digest.of(str(n).encode()) for n in range(3)]
    content = store.manifests.store(FIRST)
    temporary, missing = store.manifests.prepare(PLACE, TAG, content, blobs)
    assert missing == blobs
    store.manifests.discard(temporary)
    assert not os.path.exists(folder(store))


def test_giving_up_a_push_does_not_harm_the_tag(store: Store) -> None:
    blob = add_blob(store, b"layer")
    put(store, TAG, image_body(b"layer"), (blob,))
    temporary, _ = store.manifests.prepare(PLACE, TAG, store.manifests.store(SECOND), [])
    store.manifests.discard(temporary)
    assert store.manifests.holds(PLACE, TAG, blob)
    assert store.manifests.read(PLACE, TAG).body == image_body(b"layer")


def test_a_removed_tag_is_gone_with_its_folder(store: Store) -> None:
    blob = add_blob(store, b"layer")
    put(store, TAG, image_body(b"layer"), (blob,))
    with Watched() as seen:
        store.manifests.remove_folders(PLACE, [TAG])
    assert seen.calls[0].paths == (f"{folder(store)}/manifest.json",)
    assert [c.paths for c in seen.calls if c.name == "fsync"] == [(folder(store),)]
    assert seen.names()[-1] == "rmdir"
    assert not os.path.exists(folder(store))
    store.manifests.remove_folders(PLACE, [TAG])


def test_a_folder_may_be_a_tag_and_hold_an_image(store: Store) -> None:
    foo, bar = ImageName("foo"), ImageName("foo/bar")
    first = put(store, Tag("bar"), FIRST, place=Place(KEY, foo))
    second = put(store, TAG, SECOND, place=Place(KEY, bar))
    assert store.manifests.read(Place(KEY, foo), Tag("bar")).digest == first
    assert store.manifests.read(Place(KEY, bar), TAG).digest == second
    assert set(store.manifests.folders(Place(KEY, foo))) == {"bar"}
    assert set(store.manifests.folders(Place(KEY, bar))) == {TAG}
    store.manifests.remove_folders(Place(KEY, foo), [Tag("bar")])
    assert store.manifests.read(Place(KEY, bar), TAG).digest == second
    put(store, Tag("bar"), FIRST, place=Place(KEY, foo))
    store.manifests.remove_folders(Place(KEY, bar), [TAG])
    assert store.manifests.read(Place(KEY, foo), Tag("bar")).digest == first


def test_referrers_come_in_the_order_of_their_digests(store: Store) -> None:
    subject = Digest.of(b"subject")
    bodies = [image_body(note=str(n)) for n in range(5)]
    for body in bodies:
        content = store.manifests.store(body)
        store.manifests.register(PLACE, content, content, subject)
    found = store.manifests.referrers(PLACE, subject)
    assert [stored.digest for stored in found] == sorted(map(Digest.of, bodies))
    assert store.manifests.referrers(PLACE, Digest.of(b"none")) == []
    store.manifests.unregister(PLACE, found[0].digest, subject)
    assert store.manifests.referrers(PLACE, subject) == found[1:]
    with pytest.raises(ManifestUnknown):
        store.manifests.read(PLACE, found[0].digest)


def test_damaged_bytes_are_no_answer(store: Store) -> None:
    put(store, TAG, FIRST)
    for damaged in (b"", b"{", FIRST.replace(b"schemaVersion", b"schemaVersio\xff")):
        os.unlink(f"{folder(store)}/manifest.json")
        with open(f"{folder(store)}/manifest.json", "wb") as file:
            file.write(damaged)
        with pytest.raises(StorageFailed):
            store.manifests.read(PLACE, TAG)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_tag_names_a_digest_that_the_image_has(store: Store, algorithm: str) -> None:
    """The sidecar may be of the manifest before or after: it is not read in the same moment."""
    other = {"sha256": "sha512", "sha512": "sha256"}[algorithm]
    digest = Digest.of(FIRST, algorithm)
    content = store.manifests.store(FIRST)
    temporary, _ = store.manifests.prepare(PLACE, TAG, content, [])
    store.manifests.register(PLACE, digest, content, None)
    store.manifests.stage(PLACE, TAG, temporary, {"digest": Digest.of(SECOND, other)})
    store.manifests.commit(temporary, index=False)
    store.manifests.settle(PLACE, TAG, index=False)
    assert store.manifests.read(PLACE, TAG).digest == digest


def test_is_at_knows_the_same_bytes_without_hard_links(store: Store) -> None:
    first, second = put(store, TAG, FIRST), put(store, Tag("2.0"), SECOND)
    assert len(FIRST) == len(SECOND)
    path = f"{folder(store)}/manifest.json"
    os.rename(path, f"{path}.old")
    with open(path, "wb") as file:
        file.write(FIRST)
    assert store.manifests.is_at(PLACE, TAG, first)
    assert not store.manifests.is_at(PLACE, TAG, second)
    assert not store.manifests.is_at(PLACE, Tag("3.0"), first)


def test_an_image_without_manifests_has_no_tags(store: Store) -> None:
    add_blob(store, b"layer")
    assert store.catalog.tags(KEY, IMAGE, PageRequest()) is None
    assert list(store.manifests.folders(PLACE)) == []
