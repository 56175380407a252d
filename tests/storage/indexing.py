"""An index that has to agree with the tree, and another process that pushes behind its back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from registry.model.items import Item, ItemQuery
from registry.model.names import ImageName, Tag
from registry.model.paging import PageRequest
from registry.storage.index.walk import TreeWalk, may_want
from registry.storage.store import Store
from tests.support.bench import IMAGE, KEY, Bench
from tests.support.travel import Travel

EVERYTHING: Final = ItemQuery(with_folders=True)
MANIFESTS: Final = ItemQuery(names=frozenset({"manifest.json", "list.manifest.json"}))


def located(items: Iterator[Item]) -> dict[tuple[str, str], Item]:
    """Return items by their places; none may come twice."""
    found: dict[tuple[str, str], Item] = {}
    for item in items:
        assert (item.repository, item.location) not in found, item
        found[item.repository, item.location] = item
    return found


def on_disk(store: Store, query: ItemQuery = EVERYTHING) -> dict[tuple[str, str], Item]:
    """Return what the tree has for a query."""
    return located(TreeWalk(store.tree, store.catalog).items(query))


def is_wanted(query: ItemQuery, item: Item) -> bool:
    """Return whether an item fulfils all conditions of a query."""
    return (
        may_want(query, item)
        and (query.repositories is None or item.repository in query.repositories)
        and (query.paths is None or item.path in query.paths)
        and (query.sha256 is None or f"sha256:{query.sha256}" == item.digest)
        and query.created_from <= item.created
        and (not query.created_to or item.created <= query.created_to)
        and query.modified_from <= item.modified
        and (not query.modified_to or item.modified <= query.modified_to)
        and all(
            name in item.properties if value is None else value in item.properties.get(name, ())
            for name, value in query.properties.items()
        )
    )


def assert_finds(store: Store, query: ItemQuery) -> dict[tuple[str, str], Item]:
    """Assert that the index gives all items that a query wants, as they are; return these."""
    everything = on_disk(store)
    wanted = {place: item for place, item in everything.items() if is_wanted(query, item)}
    given = located(store.index.items(query))
    assert wanted.items() <= given.items()
    assert given.items() <= everything.items()
    return wanted


def assert_agrees(store: Store) -> None:
    """Assert that the index shows what the disk shows, in every way of asking for all of it."""
    expected = on_disk(store)
    assert located(store.index.items(EVERYTHING)) == expected
    for item in expected.values():
        for query in queries_for(item):
            given = located(store.index.items(query))
            assert given.get((item.repository, item.location)) == item, query


def queries_for(item: Item) -> Iterator[ItemQuery]:
    """Yield queries that want an item, each by another condition."""
    base = ItemQuery(with_files=not item.is_folder, with_folders=item.is_folder)
    yield replace(base, repositories=frozenset({item.repository}))
    yield replace(base, paths=frozenset({item.path}))
    yield replace(base, names=frozenset({item.name}))
    yield replace(base, path_prefix=item.path[:4])
    yield replace(base, created_from=item.created, created_to=item.created)
    yield replace(base, modified_from=item.modified, modified_to=item.modified)
    if item.digest is not None:
        yield replace(base, sha256=item.digest.encoded)
    for name, values in item.properties.items():
        yield replace(base, properties={name: None})
        for value in values:
            yield replace(base, properties={name: value})


@contextmanager
def benches(folder: Path) -> Iterator[tuple[Bench, Bench]]:
    """Yield two processes over one folder; nothing is indexed yet."""
    first = Bench(str(folder), Travel())
    second = first.again()
    yield first, second
    first.close()
    second.close()


def tags(bench: Bench, name: ImageName = IMAGE) -> list[str]:
    """Return what the index lists of an image."""
    page = bench.store.index.tags(KEY, name, PageRequest())
    return [] if page is None else list(page.names)


def images(bench: Bench) -> list[str]:
    """Return what the index lists of the repository."""
    return list(bench.store.index.images(KEY, PageRequest()).names)


def copy_tag(bench: Bench, image: ImageName, source: Tag, target: Tag) -> None:
    """Copy a manifest folder by hand, as an admin does with ``cp -a``."""
    layout = bench.layout
    key = bench.repository.key
    shutil.copytree(
        layout.manifest_folder(key, image, source), layout.manifest_folder(key, image, target)
    )
