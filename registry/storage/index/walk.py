"""Answers to queries for items out of the tree alone: right at any time, and as slow as the disk.

This is what answers while the index is being built, and what the index has to agree with.
"""

from __future__ import annotations

from collections.abc import Iterator

from registry.model.items import ROOT, Item, ItemQuery
from registry.model.names import RepositoryKey
from registry.storage.catalog import Catalog
from registry.storage.tree import Tree


class TreeWalk:
    """Looks for items in the trees of all repositories."""

    def __init__(self, tree: Tree, catalog: Catalog) -> None:
        self._tree = tree
        self._catalog = catalog

    def items(self, query: ItemQuery) -> Iterator[Item]:
        """Yield at least the items that are wanted, each repository after the other."""
        for key in self._catalog.repositories():
            if query.repositories is None or key in query.repositories:
                for item in self._candidates(key, query):
                    if may_want(query, item):
                        yield item

    def _candidates(self, key: RepositoryKey, query: ItemQuery) -> Iterator[Item]:
        root = self._tree.item(key, "") if query.with_folders else None
        if root is not None and (query.paths is None or ROOT in query.paths):
            yield root
        if query.paths is None:
            yield from self._tree.walk(key)
        else:
            for path in sorted(query.paths):
                yield from self._tree.children(key, "" if path == ROOT else path)


def may_want(query: ItemQuery, item: Item) -> bool:
    """Return whether an item fulfils the conditions that are cheap to look at."""
    return (
        (query.with_folders if item.is_folder else query.with_files)
        and (query.names is None or item.name in query.names)
        and item.path.startswith(query.path_prefix)
    )
