"""The index finds what the tree has, at once after each change by whomever."""

from __future__ import annotations

import pytest

from registry.model.digests import Digest
from registry.model.items import ItemQuery
from registry.model.names import ImageName, RepositoryKey, Tag
from tests.storage.indexing import (
    EVERYTHING,
    MANIFESTS,
    assert_agrees,
    assert_finds,
    copy_tag,
    images,
    located,
    on_disk,
    tags,
)
from tests.support.bench import ALICE, IMAGE, KEY, OTHER, TAG, Bench, image, index

pytestmark = pytest.mark.usefixtures("unsynced")

BEHIND = ImageName("team")


@pytest.fixture(autouse=True)
def _from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tags of small images come from the index, too, which is what is tested here."""
    monkeypatch.setattr("registry.storage.index.index._LISTED", -1)


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


def test_layers_that_were_deployed_before_their_manifest_are_found(
    mine: Bench, theirs: Bench
) -> None:
    mine.blob(b"layer")
    theirs.repository.place_blob(IMAGE, Tag("new"), Digest.of(b"layer"), ALICE)
    assert_agrees(mine.store)
    assert len(assert_finds(mine.store, ItemQuery(sha256=Digest.of(b"layer").encoded))) == 1
    assert tags(mine) == []
    theirs.repository.remove_placed_blob(IMAGE, Tag("new"), Digest.of(b"layer"), ALICE)
    assert_agrees(mine.store)


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
