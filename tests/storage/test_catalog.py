from __future__ import annotations

import os
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.paging import PageRequest
from registry.storage.catalog import Catalog
from registry.storage.layout import Layout
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY, PLACE
from tests.storage.pushes import add_blob, image_body, put

BODY = image_body()
TAG = Tag("1.0")

part = st.sampled_from(["a", "b", "a-b", "a.b", "a_b", "a0", "sha256__a", "manifest.json", "ab"])
images = st.lists(part, min_size=1, max_size=3).map("/".join)
tags = st.sampled_from(
    ["a", "A", "_", "_layers", "1.0", "1-0", "manifest.json", "sha256__a", "a.properties.json",
     "__", "z", "Z", "0", "_tmp.x"]
)  # fmt: skip


def plant(layout: Layout, image: str, tag: str, key: RepositoryKey = KEY) -> None:
    """Make what the catalog looks at, without the cost of a push."""
    name = ImageName(image)
    folder = layout.manifest_folder(key, name, Tag(tag))
    os.makedirs(folder, exist_ok=True)
    os.makedirs(layout.manifests(key, name), exist_ok=True)
    for path in (f"{folder}/manifest.json", f"{layout.manifests(key, name)}/sha256__x"):
        with open(path, "wb"):
            pass


@settings(max_examples=60)
@given(
    st.sets(images, max_size=8),
    st.none() | images | st.text(max_size=5),
    st.none() | st.integers(0, 9),
)
def test_a_page_of_images_is_a_slice_of_the_sorted_list(
    names: set[str], after: str | None, limit: int | None
) -> None:
    with tempfile.TemporaryDirectory() as root:
        layout = Layout(root)
        for name in names:
            plant(layout, name, "1.0")
        page = Catalog(layout).images(KEY, PageRequest(limit, after))
    rest = sorted((n for n in names if after is None or n > after), key=str.encode)
    assert list(page.names) == rest[:limit]
    assert page.more == (limit is not None and len(rest) > limit)


@settings(max_examples=60)
@given(
    st.sets(tags, min_size=1, max_size=8),
    st.none() | tags | st.text(max_size=3),
    st.none() | st.integers(0, 9),
)
def test_a_page_of_tags_is_a_slice_of_the_sorted_list(
    names: set[str], after: str | None, limit: int | None
) -> None:
    with tempfile.TemporaryDirectory() as root:
        layout = Layout(root)
        for name in names:
            plant(layout, IMAGE, name)
        page = Catalog(layout).tags(KEY, IMAGE, PageRequest(limit, after))
    rest = sorted((n for n in names if after is None or n > after), key=str.encode)
    assert page is not None
    assert list(page.names) == rest[:limit]
    assert page.more == (limit is not None and len(rest) > limit)


def test_names_come_in_the_order_of_their_bytes(store: Store) -> None:
    names = ["a", "a-b", "a.b", "a/b", "a/b-c", "a/b/c", "a0", "a_b", "b"]
    for name in reversed(names):
        put(store, TAG, BODY, place=Place(KEY, ImageName(name)))
    assert list(store.catalog.images(KEY, PageRequest()).names) == names
    collected: list[str] = []
    while True:
        last = collected[-1] if collected else None
        page = store.catalog.images(KEY, PageRequest(2, last))
        collected += page.names
        if not page.more:
            break
    assert collected == names


def test_an_image_with_blobs_only_is_no_image_yet(store: Store) -> None:
    add_blob(store, b"layer")
    assert list(store.catalog.images(KEY, PageRequest()).names) == []
    put(store, TAG, BODY)
    assert list(store.catalog.images(KEY, PageRequest()).names) == [IMAGE]


def test_a_folder_that_is_tag_and_parent_counts_as_both(store: Store) -> None:
    foo, bar = ImageName("foo"), ImageName("foo/bar")
    put(store, Tag("bar"), BODY, place=Place(KEY, foo))
    put(store, Tag("x"), BODY, place=Place(KEY, foo))
    put(store, Tag("y"), BODY, place=Place(KEY, bar))
    assert list(store.catalog.images(KEY, PageRequest()).names) == [foo, bar]
    for image, expected in ((foo, ["bar", "x"]), (bar, ["y"])):
        page = store.catalog.tags(KEY, image, PageRequest())
        assert page is not None
        assert list(page.names) == expected


def test_untagged_manifests_are_no_tags(store: Store) -> None:
    digest = put(store, TAG, BODY)
    put(store, digest, BODY)
    page = store.catalog.tags(KEY, IMAGE, PageRequest())
    assert page is not None
    assert list(page.names) == [TAG]


@pytest.mark.parametrize("image", ["nothing", "team", "team/app/1.0", "team/app/manifest.json"])
def test_an_unknown_image_has_no_page(store: Store, image: str) -> None:
    put(store, TAG, BODY)
    assert store.catalog.tags(KEY, ImageName(image), PageRequest()) is None


def test_an_unknown_repository_is_empty(store: Store) -> None:
    assert list(store.catalog.images(RepositoryKey("none"), PageRequest()).names) == []


def test_only_wanted_images_count(store: Store) -> None:
    for n in range(6):
        put(store, TAG, BODY, place=Place(KEY, ImageName(f"i{n}")))
    page = store.catalog.images(KEY, PageRequest(2), lambda image: image[-1] in "135")
    assert list(page.names) == ["i1", "i3"]
    assert page.more
    page = store.catalog.images(KEY, PageRequest(3), lambda image: image[-1] in "135")
    assert not page.more


def test_a_page_does_not_look_into_every_folder(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page costs the page: the first two of a hundred do not open a hundred folders."""
    for n in range(100):
        plant(store.layout, f"i{n:03}", "1.0")
    looked: list[str] = []
    scandir = os.scandir

    def counting(path: str) -> object:
        looked.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counting)
    assert list(store.catalog.images(KEY, PageRequest(2)).names) == ["i000", "i001"]
    assert len(looked) < 12
    assert not any(path.endswith("/1.0") for path in looked)


def test_hand_made_names_do_not_break_a_listing(store: Store) -> None:
    put(store, TAG, BODY)
    folder = store.layout.image(KEY, IMAGE)
    os.mkdir(f"{folder}/empty")
    os.symlink("/nowhere", f"{folder}/dangling")
    with open(f"{folder}/file", "wb"):
        pass
    page = store.catalog.tags(KEY, PLACE.image, PageRequest())
    assert page is not None
    assert list(page.names) == [TAG]
    assert list(store.catalog.images(KEY, PageRequest()).names) == [IMAGE]
