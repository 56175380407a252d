"""The index finds what the tree has, at once after each change by whomever."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.items import ItemQuery
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.paging import PageRequest
from registry.storage.index_tail import JournalTail
from registry.storage.store import Store
from tests.storage.indexing import (
    EVERYTHING,
    MANIFESTS,
    assert_agrees,
    assert_finds,
    benches,
    copy_tag,
    located,
    on_disk,
)
from tests.support.bench import ALICE, IMAGE, KEY, OTHER, TAG, Bench, image, index

pytestmark = pytest.mark.usefixtures("unsynced")

BEHIND = ImageName("team")


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is durable is tested elsewhere, and takes time."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Bench, Bench]]:
    """A process with an index, and another one that changes things."""
    with benches(tmp_path / "store") as made:
        yield made


@pytest.fixture
def mine(two: tuple[Bench, Bench]) -> Bench:
    two[0].store.index.build()
    return two[0]


@pytest.fixture
def theirs(two: tuple[Bench, Bench]) -> Bench:
    return two[1]


def tags(bench: Bench, name: ImageName = IMAGE) -> list[str]:
    page = bench.store.index.tags(KEY, name, PageRequest())
    return [] if page is None else list(page.names)


def images(bench: Bench, key: RepositoryKey = KEY) -> list[str]:
    return list(bench.store.index.images(key, PageRequest()).names)


# --- what it knows -----------------------------------------------------------------------------


def test_before_it_is_built_the_tree_answers(two: tuple[Bench, Bench]) -> None:
    bench = two[0]
    bench.push(b"layer")
    assert not bench.store.index.is_ready
    assert located(bench.store.index.items(EVERYTHING)) == on_disk(bench.store)
    assert (images(bench), tags(bench)) == ([IMAGE], [TAG])


def test_what_was_there_before_is_found_after_it_has_been_built(two: tuple[Bench, Bench]) -> None:
    bench, other = two
    body = other.push(b"layer", note="a")
    other.push(b"layer", b"more", to=Tag("2.0"), note="b")
    other.push(b"layer", at=BEHIND, to=Tag("app"))
    other.put(index(body), Tag("all"))
    other.push(b"layer", at=OTHER, to=None)
    bench.store.index.build()
    assert bench.store.index.is_ready
    assert_agrees(bench.store)


def test_nothing_is_found_in_an_empty_store(mine: Bench) -> None:
    assert_agrees(mine.store)
    assert list(mine.store.index.items(MANIFESTS)) == []


def test_an_empty_repository_is_a_folder(mine: Bench) -> None:
    found = located(mine.store.index.items(EVERYTHING))
    assert set(found) == {(KEY, "")}


@pytest.mark.parametrize(
    "query",
    [
        ItemQuery(properties={"docker.manifest": "1.0"}),
        ItemQuery(properties={"docker.repoName": str(IMAGE)}),
        ItemQuery(properties={"docker.repoName": str(IMAGE), "docker.manifest": "2.0"}),
        ItemQuery(properties={"docker.manifest": None}, with_folders=True),
        ItemQuery(paths=frozenset({f"{IMAGE}/1.0", "nowhere"})),
        ItemQuery(paths=frozenset({str(IMAGE), "."}), with_folders=True),
        ItemQuery(path_prefix="team/"),
        ItemQuery(path_prefix="team/app/1.", names=frozenset({"manifest.json"})),
        ItemQuery(names=frozenset({"manifest.json"})),
        ItemQuery(names=frozenset({"1.0", "team"}), with_files=False, with_folders=True),
        ItemQuery(sha256=Digest.of(b"shared").encoded),
        ItemQuery(names=frozenset({"sha256__" + Digest.of(b"shared").encoded})),
        ItemQuery(modified_from="2020", modified_to="2021"),
        ItemQuery(created_from="2020"),
        ItemQuery(repositories=frozenset({KEY}), created_to="2020"),
        ItemQuery(repositories=frozenset({RepositoryKey("other")})),
    ],
    ids=str,
)
def test_each_condition_leaves_all_that_fulfil_it(mine: Bench, query: ItemQuery) -> None:
    mine.push(b"shared", note="a")
    mine.push(b"shared", b"own", to=Tag("2.0"), note="b")
    mine.push(b"shared", at=OTHER, note="c")
    assert_finds(mine.store, query)


def test_a_condition_leaves_out_most_of_the_others(mine: Bench) -> None:
    for number in range(5):
        mine.push(f"{number}".encode(), to=Tag(f"{number}"), note=f"{number}")
    for query in (
        ItemQuery(properties={"docker.manifest": "3"}),
        ItemQuery(paths=frozenset({f"{IMAGE}/3"}), names=frozenset({"manifest.json"})),
        ItemQuery(sha256=Digest.of(image(b"3", note="3")).encoded),
        ItemQuery(sha256=Digest.of(b"3").encoded),
    ):
        assert {item.reference for item in mine.store.index.items(query)} == {"3"}


def test_layers_that_were_deployed_before_their_manifest_are_found(mine: Bench) -> None:
    mine.blob(b"layer")
    mine.repository.place_blob(IMAGE, Tag("new"), Digest.of(b"layer"))
    mine.store.journal.record("deploy", KEY, IMAGE, ALICE, tag="new")
    assert_agrees(mine.store)
    assert len(assert_finds(mine.store, ItemQuery(sha256=Digest.of(b"layer").encoded))) == 1
    assert tags(mine) == []


def test_a_folder_of_a_tag_may_be_above_an_image(mine: Bench, theirs: Bench) -> None:
    theirs.push(b"layer", at=BEHIND, to=Tag("app"))
    theirs.push(b"layer", at=IMAGE, to=Tag("1.0"))
    assert_agrees(mine.store)
    theirs.repository.delete_tag(BEHIND, Tag("app"), ALICE)
    assert_agrees(mine.store)
    assert (images(mine), tags(mine, BEHIND)) == ([IMAGE], [])


# --- what happens ------------------------------------------------------------------------------


def test_what_another_process_does_is_seen_by_the_next_query(mine: Bench, theirs: Bench) -> None:
    body = theirs.push(b"layer")
    assert tags(mine) == [TAG]
    assert_agrees(mine.store)
    theirs.push(b"another layer", note="new")
    assert_agrees(mine.store)
    theirs.untag()
    assert tags(mine) == []
    assert_agrees(mine.store)
    theirs.restore()
    assert tags(mine) == [TAG]
    assert_agrees(mine.store)
    theirs.put(index(body), Tag("all"))
    assert_agrees(mine.store)
    theirs.repository.delete_image(IMAGE, ALICE)
    assert images(mine) == []
    assert_agrees(mine.store)


def test_a_tag_that_becomes_an_index_and_an_image_again(mine: Bench, theirs: Bench) -> None:
    body = theirs.push(b"layer")
    for manifest in (index(body), body, index(body)):
        theirs.put(manifest, TAG)
        assert_agrees(mine.store)


def test_a_repository_goes_and_comes_back(mine: Bench, theirs: Bench) -> None:
    theirs.push(b"layer")
    assert images(mine) == [IMAGE]
    theirs.definitions.delete(KEY, ALICE)
    assert located(mine.store.index.items(EVERYTHING)) == {}
    assert images(mine) == []
    theirs.restore(None, None)
    assert images(mine) == [IMAGE]
    assert_agrees(mine.store)
    theirs.definitions.delete(KEY, ALICE)
    theirs.definitions.create(KEY, "local", {})
    assert images(mine) == []
    assert_agrees(mine.store)


def test_a_new_repository_is_seen(mine: Bench, theirs: Bench) -> None:
    key = RepositoryKey("second")
    theirs.definitions.create(key, "local", {})
    assert (key, "") in located(mine.store.index.items(EVERYTHING))
    assert_agrees(mine.store)


def test_an_event_without_a_tag_lets_the_whole_image_be_read_again(
    mine: Bench, theirs: Bench
) -> None:
    theirs.push(b"layer")
    assert tags(mine) == [TAG]
    copy_tag(theirs, IMAGE, TAG, Tag("copied"))
    assert tags(mine) == [TAG]
    theirs.store.journal.record("touch", KEY, IMAGE, ALICE)
    assert tags(mine) == [TAG, "copied"]
    assert_agrees(mine.store)


def test_an_event_without_an_image_lets_the_whole_repository_be_read_again(
    mine: Bench, theirs: Bench
) -> None:
    theirs.push(b"layer")
    theirs.push(b"layer", at=OTHER)
    assert tags(mine, OTHER) == [TAG]
    copy_tag(theirs, OTHER, TAG, Tag("copied"))
    theirs.store.journal.record("properties", KEY, None, ALICE)
    assert tags(mine, OTHER) == [TAG, "copied"]
    assert_agrees(mine.store)


def test_a_line_of_the_journal_is_never_believed(mine: Bench, theirs: Bench) -> None:
    digest = Digest.of(b"never pushed")
    theirs.store.journal.record("push", KEY, IMAGE, ALICE, tag="1.0", digest=digest)
    theirs.store.journal.record("push", KEY, ImageName("../.."), ALICE, tag="../1", digest="x")
    assert list(mine.store.index.items(MANIFESTS)) == []
    theirs.push(b"layer")
    theirs.store.journal.record("delete", KEY, IMAGE, ALICE, tag="1.0", digest=digest)
    assert tags(mine) == [TAG]
    assert_agrees(mine.store)


# --- what is changed by hand -------------------------------------------------------------------


def test_what_was_removed_by_hand_is_not_told_of(mine: Bench) -> None:
    mine.push(b"layer")
    mine.push(b"layer", to=Tag("2.0"))
    os.remove(f"{mine.layout.manifest_folder(KEY, IMAGE, TAG)}/manifest.json")
    assert {item.reference for item in mine.store.index.items(MANIFESTS)} == {"2.0"}
    assert tags(mine) == ["2.0"]


def test_what_was_changed_by_hand_is_healed(mine: Bench) -> None:
    mine.push(b"layer")
    mine.push(b"layer", to=Tag("old"), note="old")
    assert tags(mine) == [TAG, "old"]
    copy_tag(mine, IMAGE, TAG, Tag("copied"))
    folder = mine.layout.manifest_folder(KEY, IMAGE, TAG)
    sidecar = Path(folder, "manifest.json.properties.json")
    document = json.loads(sidecar.read_text())
    document["properties"]["by.hand"] = ["yes"]
    sidecar.write_text(json.dumps(document))
    old = Path(mine.layout.manifest_folder(KEY, IMAGE, Tag("old")))
    for path in old.iterdir():
        path.unlink()
    old.rmdir()
    assert mine.store.index.heal() == 3
    assert_agrees(mine.store)
    assert tags(mine) == [TAG, "copied"]
    assert len(assert_finds(mine.store, ItemQuery(properties={"by.hand": "yes"}))) == 1
    assert mine.store.index.heal() == 0


def test_a_repository_that_is_gone_for_good_takes_no_memory(mine: Bench) -> None:
    mine.push(b"layer")
    assert images(mine) == [IMAGE]
    mine.definitions.delete(KEY, ALICE)
    mine.store.index.heal()
    with mine.store.index._keeper.current() as table:
        assert len(table) == 0
    mine.restore(None, None)
    assert images(mine) == [IMAGE]


def test_sidecars_that_are_damaged_or_missing_are_no_harm(mine: Bench) -> None:
    mine.push(b"layer")
    mine.push(b"layer", to=Tag("bare"), note="b")
    mine.push(b"layer", to=Tag("gone"), note="c")
    for tag, text in (("1.0", "{"), ("bare", '{"created": 1, "properties": [], "digest": "x"}')):
        folder = mine.layout.manifest_folder(KEY, IMAGE, Tag(tag))
        Path(folder, "manifest.json.properties.json").write_text(text)
    folder = mine.layout.manifest_folder(KEY, IMAGE, Tag("gone"))
    os.remove(Path(folder, "manifest.json.properties.json"))
    mine.store.index.heal()
    assert_agrees(mine.store)


# --- the journal's tail ------------------------------------------------------------------------


def followed(tail: JournalTail) -> list[str]:
    return [str(change.image) for change in tail.changes()]


def append(store: Store, day: str, image_name: str, end: str = "\n") -> None:
    line = {"time": "2026-11-23T00:00:00.000Z", "event": "push", "repository": KEY}
    with open(store.layout.journal(day), "a") as file:
        file.write(json.dumps(line | {"image": image_name, "tag": "1.0"}) + end)


def test_the_tail_is_read_from_where_it_ended(store: Store) -> None:
    append(store, "2026-11-23", "before")
    tail = JournalTail(store.layout)
    tail.skip()
    assert followed(tail) == []
    append(store, "2026-11-23", "a")
    append(store, "2026-11-23", "b")
    append(store, "2026-11-23", "a")
    assert followed(tail) == ["a", "b"]
    assert followed(tail) == []


def test_the_tail_goes_over_midnight_and_back(store: Store) -> None:
    append(store, "2026-11-23", "before")
    tail = JournalTail(store.layout)
    tail.skip()
    append(store, "2026-11-24", "new-day")
    assert followed(tail) == ["new-day"]
    append(store, "2026-11-23", "late")
    append(store, "2026-11-24", "next")
    assert followed(tail) == ["late", "next"]


def test_a_journal_that_is_replaced_is_read_anew(store: Store) -> None:
    append(store, "2026-11-23", "before")
    tail = JournalTail(store.layout)
    tail.skip()
    path = store.layout.journal("2026-11-23")
    os.rename(path, f"{path}.old")
    append(store, "2026-11-23", "other-file")
    assert followed(tail) == ["other-file"]
    with open(path, "w"):
        pass
    assert followed(tail) == []
    append(store, "2026-11-23", "short")
    assert followed(tail) == ["short"]


def test_half_a_line_waits_for_its_other_half(store: Store) -> None:
    tail = JournalTail(store.layout)
    append(store, "2026-11-23", "torn", end="")
    assert followed(tail) == []
    append(store, "2026-11-23", "whole")
    assert followed(tail) == ["whole"]


def test_lines_that_are_nonsense_are_left_out(store: Store) -> None:
    tail = JournalTail(store.layout)
    with open(store.layout.journal("2026-11-23"), "w") as file:
        file.write('\n{}\n[]\n{"time": \n{"time": 1, "repository": []}\n{"time": "", "image": 1}\n')
    append(store, "2026-11-23", "good")
    assert followed(tail) == ["good"]
