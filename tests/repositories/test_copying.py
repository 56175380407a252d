"""Copying a manifest with all that belongs to it: what arrives, and what is recorded."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from registry.model.digests import Digest
from registry.model.errors import (
    Denied,
    DigestMismatch,
    ManifestPartsMissing,
    ManifestUnknown,
    OperationUnsupported,
    TagInvalid,
)
from registry.model.names import ImageName, Tag
from registry.repositories.definitions import Definitions
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.model import documents
from tests.repositories.pushing import (
    ALICE,
    CONFIG,
    IMAGE,
    KEY,
    OTHER,
    TAG,
    push_blob,
    push_image,
    put,
)
from tests.repositories.transferring import (
    PROMOTED,
    TARGET,
    Pair,
    folders,
    images,
    make_pair,
    push_family,
    shown,
    stands_for,
)

NEW = Tag("release")


@pytest.fixture
def pair(store: Store) -> Pair:
    return make_pair(store)


def test_an_image_arrives_byte_for_byte_and_shares_all_of_its_bytes(pair: Pair) -> None:
    body = push_image(pair.source, b"layer")
    pair.run(to=OTHER, new=NEW)
    stored = pair.target.manifest(OTHER, NEW)
    assert (stored.body, stored.digest) == (body, Digest.of(body))
    assert stands_for(pair.source) == Digest.of(body)
    layout = pair.store.layout
    for name in (CONFIG, b"layer"):
        there = (
            layout.manifest_folder(TARGET, OTHER, NEW) + "/" + Digest.of(name).replace(":", "__")
        )
        assert os.path.samefile(there, layout.content(Digest.of(name)))
    pair.check()


def test_everything_that_belongs_to_an_index_comes_along(pair: Pair) -> None:
    family = push_family(pair.source)
    push_image(pair.source, b"unrelated", reference=Tag("unrelated"))
    parcel = pair.run(new=NEW)
    assert folders(pair.target, pair.store) == {NEW, family.signature_tag} | family.by_digest
    assert parcel.root.digest == Digest.of(family.index)
    found = pair.target.referrers(IMAGE, Digest.of(family.index))
    assert [referrer.body for referrer in found] == [family.sbom]
    assert stands_for(pair.target, family.signature_tag) == Digest.of(family.signature)
    pair.check()


@pytest.mark.parametrize("kind", ["", ".sig", ".att", ".sbom"])
def test_tags_that_are_made_of_a_digest_come_along(pair: Pair, kind: str) -> None:
    body = push_image(pair.source, b"layer")
    other = push_image(pair.source, b"other", reference=Tag("2.0"))
    tags = [Tag(Digest.of(of).replace(":", "-") + kind) for of in (body, other)]
    for tag in tags:
        push_image(pair.source, b"about", reference=tag)
    pair.run()
    assert folders(pair.target, pair.store) == {TAG, tags[0]}


def test_the_tag_comes_last(pair: Pair) -> None:
    family = push_family(pair.source)
    parcel = pair.run()
    order = [part.digest for part in parcel.parts]
    assert order[-1] == Digest.of(family.index)
    assert order.index(Digest.of(family.sbom)) < order.index(Digest.of(family.seal))
    assert len(order) == len(family.by_digest) + 2
    events = [event for event in pair.journal() if event["repository"] == TARGET]
    assert events[-1]["tag"] == TAG


def test_properties_travel_and_those_of_the_place_are_those_of_the_place(pair: Pair) -> None:
    push_image(pair.source, b"layer")
    place = Place(KEY, IMAGE)
    given = {
        "properties": {**pair.sidecar(KEY)["properties"], "qa": ["passed"]},
        "fileProperties": {"sha256__x": {"a": ["b"]}},
        "folderProperties": {"stage": ["test"]},
        "pinned": True,
    }
    pair.store.manifests.replace_sidecar(place, TAG, pair.sidecar(KEY) | given)
    pair.run(to=OTHER, new=NEW)
    found = pair.store.manifests.sidecar(Place(TARGET, OTHER), NEW)
    assert found is not None
    assert found["properties"]["qa"] == ["passed"]
    assert found["properties"]["docker.manifest"] == ["release"]
    assert found["properties"]["docker.repoName"] == ["team/other"]
    assert found["properties"]["docker.label.maintainer"] == ["alice"]
    assert found["fileProperties"] == given["fileProperties"]
    assert found["folderProperties"] == given["folderProperties"]
    assert "pinned" not in found
    assert found["createdBy"] == ALICE.name
    assert found["created"] == pair.sidecar(KEY)["created"]
    assert found["modifiedBy"] == "bob"


def test_a_pin_of_the_target_stays(pair: Pair) -> None:
    push_image(pair.source, b"layer")
    push_image(pair.target, b"before")
    place = Place(TARGET, IMAGE)
    pair.store.manifests.replace_sidecar(place, TAG, pair.sidecar(TARGET) | {"pinned": True})
    pair.run()
    assert pair.sidecar(TARGET)["pinned"] is True


def test_what_a_tag_stood_for_in_the_target_can_still_be_pulled_by_digest(pair: Pair) -> None:
    body = push_image(pair.source, b"layer")
    before = push_image(pair.target, b"before")
    pair.run()
    assert stands_for(pair.target) == Digest.of(body)
    assert pair.target.manifest(IMAGE, Digest.of(before)).body == before
    pair.check()


def test_who_may_not_replace_a_tag_changes_nothing(pair: Pair) -> None:
    family = push_family(pair.source)
    push_image(pair.target, b"before")
    was = folders(pair.target, pair.store)

    def refuse(tag: Tag) -> None:
        raise Denied("no")

    with pytest.raises(Denied):
        pair.run(may_replace=refuse)
    assert folders(pair.target, pair.store) == was
    pair.run(new=NEW, may_replace=refuse)
    pair.run(new=NEW, may_replace=refuse)
    assert stands_for(pair.target, NEW) == Digest.of(family.index)
    push_image(pair.target, b"x", reference=family.signature_tag)
    with pytest.raises(Denied):
        pair.run(new=NEW, may_replace=refuse)


def test_the_journal_says_from_where(pair: Pair) -> None:
    body = push_image(pair.source, b"layer")
    before = push_image(pair.target, b"before", reference=NEW)
    pair.run(new=NEW)
    line = pair.journal()[-1]
    assert line["event"] == "promote"
    assert (line["repository"], line["image"], line["tag"]) == (TARGET, IMAGE, NEW)
    assert (line["digest"], line["previous"]) == (Digest.of(body), Digest.of(before))
    assert line["from"] == f"{KEY}/{IMAGE}:{TAG}"
    assert (line["principal"], line["address"]) == ("bob", "192.0.2.7")
    assert not [x for x in pair.journal() if x["repository"] == KEY and x["event"] != "push"]


def test_another_tag_of_the_same_image(pair: Pair) -> None:
    family = push_family(pair.source)
    transfer = replace(PROMOTED, new=NEW)
    pair.transfers.run(KEY, KEY, transfer, ALICE)
    wanted = {TAG, NEW, family.signature_tag} | family.by_digest
    assert folders(pair.source, pair.store) == wanted
    assert pair.journal()[-1]["tag"] == NEW
    pair.check()


def test_what_has_no_tag_is_copied_by_digest_or_gets_one(pair: Pair) -> None:
    family = push_family(pair.source)
    child, digest = family.children[0], Digest.of(family.children[0])
    pair.run(reference=digest, new=digest)
    assert folders(pair.target, pair.store) == {digest, Digest.of(family.attestation)}
    pair.run(reference=digest, new=NEW)
    assert pair.target.manifest(IMAGE, NEW).body == child
    with pytest.raises(DigestMismatch):
        pair.run(reference=digest, new=Digest.of(b"another"))
    pair.check()


def test_what_is_not_there(pair: Pair) -> None:
    push_image(pair.source, b"layer")
    with pytest.raises(ManifestUnknown):
        pair.run(reference=Tag("none"))
    with pytest.raises(ManifestUnknown):
        pair.run(image=ImageName("none"))
    assert images(pair.target) == []


def test_an_index_whose_children_are_missing_stays_where_that_is_allowed(pair: Pair) -> None:
    Definitions(pair.store).update(KEY, {"allowSparseIndexes": True})
    pair = replace(pair, source=type(pair.source)(pair.store, Definitions(pair.store).get(KEY)))
    put(pair.source, documents.encode(documents.index(b"not there")))
    with pytest.raises(ManifestPartsMissing):
        pair.run()
    assert stands_for(pair.target) is None


def test_manifests_of_schema_1_come_where_they_could_be_pushed(store: Store) -> None:
    pair = make_pair(store, blockPushingSchema1=True)
    Definitions(store).update(KEY, {"blockPushingSchema1": False})
    source = type(pair.source)(store, Definitions(store).get(KEY))
    push_blob(source, b"layer")
    put(source, documents.encode(documents.schema1(b"layer", tag="1.0")))
    with pytest.raises(OperationUnsupported):
        pair.run()
    Definitions(store).update(TARGET, {"blockPushingSchema1": False})
    pair.run()
    with pytest.raises(TagInvalid):
        pair.run(new=NEW)


def test_the_limit_of_tags_of_the_target_is_kept_and_what_has_just_come_stays(
    store: Store,
) -> None:
    pair = make_pair(store, maxUniqueTags=2)
    for name in ("1.0", "2.0", "3.0"):
        push_image(pair.source, name.encode(), reference=Tag(name))
    for name in ("3.0", "2.0", "1.0"):
        pair.run(reference=Tag(name), new=Tag(name))
    tags = {str(r) for r in folders(pair.target, store) if isinstance(r, Tag)}
    assert tags == {"1.0", "2.0"}


def test_a_manifest_that_only_a_tag_has_is_a_child_elsewhere(pair: Pair) -> None:
    child = push_image(pair.source, b"layer", reference=Tag("1.0-amd64"))
    put(pair.source, documents.encode(documents.index(child)), Tag("1.0"))
    pair.run()
    assert folders(pair.target, pair.store) == {TAG, Digest.of(child)}
    assert shown(pair.target, pair.store) == shown(pair.source, pair.store)
    assert pair.sidecar(TARGET, Digest.of(child))["createdBy"] == "alice"
    pair.check()
