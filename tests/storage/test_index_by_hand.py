"""What is changed by hand: never told of wrongly, and healed after a while."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from registry.model.items import ItemQuery
from registry.model.names import Tag
from registry.model.paging import PageRequest
from registry.storage.manifest_files import Place
from tests.storage.indexing import (
    MANIFESTS,
    assert_agrees,
    assert_finds,
    copy_tag,
    images,
    located,
    on_disk,
    tags,
)
from tests.support.bench import ALICE, IMAGE, KEY, TAG, Bench

pytestmark = pytest.mark.usefixtures("unsynced")

PLACE = Place(KEY, IMAGE)


@pytest.fixture(autouse=True)
def _from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tags of small images come from the index, too, which is what is tested here."""
    monkeypatch.setattr("registry.storage.index.index._LISTED", -1)


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


def test_an_image_that_shows_manifests_without_folders_is_listed_as_by_the_tree(
    mine: Bench,
) -> None:
    mine.push(b"layer")
    assert images(mine) == [IMAGE]
    shutil.rmtree(mine.layout.manifest_folder(KEY, IMAGE, TAG))
    mine.store.journal.record("touch", KEY, IMAGE, ALICE, tag=TAG)
    assert images(mine) == list(mine.store.catalog.images(KEY, PageRequest()).names) == [IMAGE]
    shutil.rmtree(mine.layout.manifests(KEY, IMAGE))
    mine.store.journal.record("touch", KEY, IMAGE, ALICE, tag=TAG)
    assert images(mine) == []
    with mine.store.index._keeper.current() as table:
        assert table.image(PLACE) is None


def test_folders_with_names_that_stand_for_others_are_left_out(mine: Bench) -> None:
    mine.push(b"layer")
    image = Path(mine.layout.image(KEY, IMAGE))
    for name in ("%31.0", "%zz", "%", "a b", "x" * 200):
        shutil.copytree(image / TAG, image / name)
    mine.store.index.build()
    mine.store.index.heal()
    assert tags(mine) == [TAG]
    assert {item.reference for item in mine.store.index.items(MANIFESTS)} == {TAG}


def test_links_that_lead_nowhere_or_round_in_circles_hide_nothing(mine: Bench) -> None:
    mine.push(b"layer")
    folder = Path(mine.layout.manifest_folder(KEY, IMAGE, TAG))
    for name, target in (("circle", "circle"), ("nowhere", "missing"), ("up", "..")):
        for place in (folder, folder.parent):
            os.symlink(target, place / name)
    mine.store.index.build()
    assert {item.reference for item in mine.store.index.items(MANIFESTS)} == {TAG}
    assert mine.store.index.heal() == 0


def test_a_manifest_that_was_exchanged_by_hand_is_told_of_as_it_is(mine: Bench) -> None:
    mine.push(b"layer")
    mine.push(b"layer", b"another", to=Tag("2.0"))
    assert tags(mine) == [TAG, "2.0"]
    shutil.rmtree(mine.layout.manifest_folder(KEY, IMAGE, TAG))
    copy_tag(mine, IMAGE, Tag("2.0"), TAG)
    assert located(mine.store.index.items(MANIFESTS)) == on_disk(mine.store, MANIFESTS)


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 4, 100])
def test_pages_go_on_where_names_have_gone(
    mine: Bench, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.storage.index.index._BLOCK", 1)
    body = mine.push(b"layer", to=Tag("a"))
    for tag in ("b", "c", "d", "e"):
        mine.put(body, Tag(tag))
    assert tags(mine) == ["a", "b", "c", "d", "e"]
    for tag in ("b", "c"):
        os.remove(f"{mine.layout.manifest_folder(KEY, IMAGE, Tag(tag))}/manifest.json")
    page = mine.store.index.tags(KEY, IMAGE, PageRequest(limit))
    assert page is not None
    assert (list(page.names), page.more) == (["a", "d", "e"][:limit], limit < 3)


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
