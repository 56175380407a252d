"""Sorted lists of several members as one."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from registry.model.paging import Page, PageRequest

Name = TypeVar("Name", bound=str)
ListPage = Callable[[PageRequest], Page[Name]]

_FOLLOWING: Final = 100
"""Names of a page that follows the first one, at least."""


def merged_page(
    lists: Iterable[ListPage[Name]],
    request: PageRequest,
    wanted: Callable[[Name], bool] = lambda name: True,
) -> Page[Name]:
    """Return a page of the names in any of the lists that are ``wanted``, each once."""
    names = heapq.merge(*(_names(one, request) for one in lists))
    distinct = (name for name, _ in itertools.groupby(names) if wanted(name))
    if request.limit is None:
        return Page(list(distinct), more=False)
    found = list(itertools.islice(distinct, request.limit + 1))
    return Page(found[: request.limit], more=len(found) > request.limit)


def _names(one: ListPage[Name], request: PageRequest) -> Iterator[Name]:
    """Yield the names of a list, page by page, as long as somebody wants more of them."""
    if request.limit is None:
        yield from one(request).names
        return
    asked = PageRequest(request.limit + 1, request.after)
    while True:
        page = one(asked)
        yield from page.names
        if not page.more or not page.names:
            return
        asked = PageRequest(max(request.limit, _FOLLOWING), page.names[-1])
