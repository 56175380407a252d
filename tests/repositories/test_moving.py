"""Moving a manifest: what leaves the source, and what stays there because something needs it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from registry.model.digests import Digest
from registry.model.errors import OperationUnsupported
from registry.model.items import ItemQuery
from registry.model.names import ImageName, Tag
from registry.repositories.copying import Arrival
from registry.storage.store import Store
from tests.model import documents
from tests.repositories.pushing import ALICE, IMAGE, KEY, TAG, push_blob, push_image, put
from tests.repositories.transferring import (
    PROMOTED,
    TARGET,
    Pair,
    folders,
    images,
    make_pair,
    push_family,
    referring,
    shown,
    stands_for,
)

MOVED = replace(PROMOTED, event="move", move=True)
NEW = Tag("release")


@pytest.fixture
def pair(store: Store) -> Pair:
    return make_pair(store)


def test_nothing_is_left_of_an_image_that_was_moved(pair: Pair) -> None:
    family = push_family(pair.source)
    pair.run(MOVED)
    assert images(pair.source) == []
    assert folders(pair.source, pair.store) == set()
    assert shown(pair.source, pair.store) == set()
    assert folders(pair.target, pair.store) == {TAG, family.signature_tag} | family.by_digest
    pair.check()


def test_what_was_moved_is_not_in_the_trash(pair: Pair) -> None:
    push_family(pair.source)
    pair.run(MOVED)
    assert list(pair.store.trash.entries()) == []


def test_layers_that_other_tags_share_stay(pair: Pair) -> None:
    push_image(pair.source, b"shared", b"own")
    other = push_image(pair.source, b"shared", reference=Tag("2.0"))
    pair.run(MOVED)
    assert pair.source.manifest(IMAGE, Tag("2.0")).body == other
    assert folders(pair.source, pair.store) == {"2.0"}
    pair.check()


def test_children_that_another_index_names_stay(pair: Pair) -> None:
    family = push_family(pair.source)
    again = documents.encode(documents.index(*family.children, annotations={"note": "again"}))
    put(pair.source, again, Tag("again"))
    pair.run(MOVED)
    children = {Digest.of(child) for child in family.children}
    kept = {"again", Digest.of(family.attestation)} | children
    assert folders(pair.source, pair.store) == kept
    pair.check()


def test_all_stays_that_belongs_to_a_manifest_with_a_second_tag(pair: Pair) -> None:
    family = push_family(pair.source)
    put(pair.source, family.index, Tag("same"))
    pair.run(MOVED)
    wanted = {"same", family.signature_tag} | family.by_digest
    assert folders(pair.source, pair.store) == wanted
    pair.run(MOVED, reference=Tag("same"), new=Tag("same"))
    assert folders(pair.source, pair.store) == set()
    pair.check()


def test_a_child_with_a_tag_stays_for_its_index_when_that_tag_is_moved(pair: Pair) -> None:
    child = push_image(pair.source, b"layer", reference=Tag("1.0-amd64"))
    signature = Tag(Digest.of(child).replace(":", "-") + ".sig")
    push_image(pair.source, b"signature", reference=signature)
    put(pair.source, documents.encode(documents.index(child)))
    pair.run(MOVED, reference=Tag("1.0-amd64"), new=NEW)
    assert folders(pair.source, pair.store) == {TAG, signature, Digest.of(child)}
    assert folders(pair.target, pair.store) == {NEW, signature}
    pair.check()


def test_an_artifact_with_a_tag_of_its_own(pair: Pair) -> None:
    body = push_image(pair.source, b"layer")
    push_blob(pair.source, b"{}")
    artifact = referring(body, b"layer")
    put(pair.source, artifact, Tag("sbom"))
    pair.run(MOVED, reference=Tag("sbom"), new=NEW)
    assert folders(pair.source, pair.store) == {TAG}
    assert pair.source.referrers(IMAGE, Digest.of(body)) == []
    assert pair.target.manifest(IMAGE, NEW).body == artifact


def test_what_another_tag_had_before_stays_for_it(pair: Pair) -> None:
    old = push_image(pair.source, b"old", reference=Tag("latest"))
    push_image(pair.source, b"new", reference=Tag("latest"))
    put(pair.source, old)
    pair.run(MOVED)
    assert folders(pair.source, pair.store) == {"latest", Digest.of(old)}


def test_what_the_moved_tag_itself_had_before_does_not_keep_it(pair: Pair) -> None:
    old = push_image(pair.source, b"old")
    push_image(pair.source, b"new")
    put(pair.source, old)
    assert Digest.of(old) in folders(pair.source, pair.store)
    pair.run(MOVED)
    assert Digest.of(old) not in folders(pair.source, pair.store)


def test_a_new_name_in_the_same_image(pair: Pair) -> None:
    family = push_family(pair.source)
    pair.transfers.run(KEY, KEY, replace(MOVED, new=NEW), ALICE)
    assert folders(pair.source, pair.store) == {NEW, family.signature_tag} | family.by_digest
    pair.check()


def test_another_image_of_the_same_repository(pair: Pair) -> None:
    family = push_family(pair.source)
    to = ImageName("team/app/sub")
    pair.transfers.run(KEY, KEY, replace(MOVED, to=to), ALICE)
    assert images(pair.source) == [to]
    wanted = {TAG, family.signature_tag} | family.by_digest
    assert folders(pair.source, pair.store, to) == wanted
    pair.check()


def test_a_tag_that_is_overwritten_meanwhile_stays(pair: Pair) -> None:
    old = push_image(pair.source, b"old")
    bring = Arrival.bring

    def overwritten(self: Arrival, *arguments: object) -> None:
        bring(self, *arguments)  # type: ignore[arg-type]
        push_image(pair.source, b"new")

    with patch.object(Arrival, "bring", overwritten):
        pair.run(MOVED)
    assert stands_for(pair.target) == Digest.of(old)
    assert stands_for(pair.source) not in (None, Digest.of(old))
    pair.check()


def test_a_tag_that_is_deleted_meanwhile_is_moved_all_the_same(pair: Pair) -> None:
    body = push_image(pair.source, b"old")
    bring = Arrival.bring

    def deleted(self: Arrival, *arguments: object) -> None:
        bring(self, *arguments)  # type: ignore[arg-type]
        pair.source.delete_tag(IMAGE, TAG, ALICE)

    with patch.object(Arrival, "bring", deleted):
        pair.run(MOVED)
    assert stands_for(pair.target) == Digest.of(body)


def test_a_target_that_is_deleted_meanwhile_is_filled_again(pair: Pair) -> None:
    family = push_family(pair.source)
    bring, calls = Arrival.bring, list[int]()

    def emptied(self: Arrival, *arguments: object) -> None:
        calls.append(1)
        if len(calls) == 1:
            # As a deletion of the image's blobs does between the two locks.
            assert pair.store.links.remove(TARGET, IMAGE, Digest.of(b"amd64 "))
        bring(self, *arguments)  # type: ignore[arg-type]

    with patch.object(Arrival, "bring", emptied):
        pair.run(MOVED)
    assert len(calls) == 2
    assert stands_for(pair.target) == Digest.of(family.index)
    pair.check()


def test_a_manifest_without_a_tag(pair: Pair) -> None:
    family = push_family(pair.source)
    child = Digest.of(family.children[0])
    with pytest.raises(OperationUnsupported):
        pair.run(MOVED, reference=child, new=child)
    assert child in folders(pair.source, pair.store)
    alone = push_image(pair.source, b"alone", note="alone", reference=Tag("gone"))
    pair.source.delete_manifest(IMAGE, Tag("gone"), ALICE)
    pair.run(MOVED, reference=Digest.of(alone), new=NEW)
    assert Digest.of(alone) not in shown(pair.source, pair.store)
    assert pair.target.manifest(IMAGE, NEW).body == alone
    pair.check()


def test_a_chain_of_what_refers_to_what_refers(pair: Pair) -> None:
    body = push_image(pair.source, b"layer")
    push_image(pair.source, b"{}", reference=Tag("spare"))
    chain = [body]
    for _ in range(12):
        chain.append(referring(chain[-1], b"{}"))
        put(pair.source, chain[-1], Digest.of(chain[-1]))
    pair.run(MOVED)
    wanted = {Digest.of(link) for link in chain[1:]} | {TAG}
    assert folders(pair.target, pair.store) == wanted
    assert folders(pair.source, pair.store) == {"spare"}


def test_the_journal_of_the_source_says_where_it_went(pair: Pair) -> None:
    family = push_family(pair.source)
    pair.run(MOVED, new=NEW)
    lines = [x for x in pair.journal() if x["repository"] == KEY and x["event"] == "move"]
    tagged = {x["tag"]: x for x in lines if "tag" in x}
    assert tagged[TAG]["previous"] == Digest.of(family.index)
    assert "digest" not in tagged[TAG]
    assert tagged[TAG]["to"] == f"{TARGET}/{IMAGE}:{NEW}"
    signature = family.signature_tag
    assert tagged[signature]["to"] == f"{TARGET}/{IMAGE}:{signature}"
    by_digest = {x["digest"]: x["to"] for x in lines if "tag" not in x}
    assert by_digest == {d: f"{TARGET}/{IMAGE}@{d}" for d in family.by_digest}


def test_an_image_with_a_damaged_manifest_is_moved_and_the_rest_stays(pair: Pair) -> None:
    family = push_family(pair.source)
    push_image(pair.source, b"damaged", reference=Tag("damaged"))
    folder = pair.store.layout.manifest_folder(KEY, IMAGE, Tag("damaged"))
    path = Path(folder, "manifest.json")
    path.unlink()
    path.write_bytes(b"damaged")
    pair.run(MOVED)
    assert stands_for(pair.target) == Digest.of(family.index)
    assert stands_for(pair.source) is None
    assert family.by_digest <= folders(pair.source, pair.store)


def test_queries_find_it_at_once_where_it_has_come_to_and_only_there(pair: Pair) -> None:
    push_family(pair.source)
    push_image(pair.source, b"other", reference=Tag("2.0"))
    pair.store.index.build()
    pair.run(MOVED)
    for key in (KEY, TARGET):
        query = ItemQuery(repositories=frozenset({key}), with_folders=True)
        found = {item.location for item in pair.store.index.items(query)}
        there = {item.location for item in pair.store.tree.walk(key, "")}
        assert found - {""} == there - {""}, key
