"""The index: which items there are that a query may want."""

from __future__ import annotations

from collections.abc import Iterator

from registry.model.items import Item, ItemQuery
from registry.storage.catalog import Catalog
from registry.storage.index_walk import TreeWalk
from registry.storage.tree import Tree


class Index:
    """Answers queries over the items of all repositories of one storage folder."""

    def __init__(self, tree: Tree, catalog: Catalog) -> None:
        self._walk = TreeWalk(tree, catalog)

    def items(self, query: ItemQuery) -> Iterator[Item]:
        """Yield at least the items that are wanted, as the disk has them now."""
        return self._walk.items(query)
