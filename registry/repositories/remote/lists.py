"""Lists of a remote repository: the names in the cache, and those that upstream has beside them.

What upstream lists is remembered for the retrieval period. Where it fails, or lists nothing to us,
the names in the cache are the list.
"""

from __future__ import annotations

import bisect
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from registry.model.errors import ImageUnknown, RegistryError
from registry.model.names import ImageName, Tag
from registry.model.paging import Page, PageRequest
from registry.model.upstream_errors import UpstreamError
from registry.repositories.remote.shared import Shared

logger = logging.getLogger(__name__)

Name = TypeVar("Name", bound=str)

_EVERYTHING: Final = PageRequest()
_MOST: Final = 100_000
"""Names of one list of upstream that are taken in."""


class RemoteLists:
    """The lists of one remote repository."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def tags(self, image: ImageName, request: PageRequest) -> Page[Tag]:
        """Return a page of the tags of an image. Raises ImageUnknown, UpstreamError."""
        shared = self._shared
        try:
            cached = shared.cache.tags(image, _EVERYTHING).names
        except ImageUnknown:
            cached = None
        listed, failure = self._listed(
            ("tags", image), lambda: shared.upstream.tags(image), Tag.parse
        )
        if cached is None and listed is None:
            if failure is not None:
                raise shared.told(failure)
            raise ImageUnknown("repository name not known to registry", {"name": image})
        return _page({*(cached or ()), *(listed or ())}, request)

    def images(self, request: PageRequest, wanted: Callable[[ImageName], bool]) -> Page[ImageName]:
        """Return a page of the images that are wanted."""
        shared = self._shared
        listed, _ = self._listed("images", lambda: shared.upstream.images(), ImageName.parse)
        if not listed:
            return shared.cache.images(request, wanted)
        cached = shared.cache.images(_EVERYTHING, wanted).names
        return _page({*cached, *filter(wanted, listed)}, request)

    def _listed(
        self,
        what: object,
        ask: Callable[[], Sequence[str] | None],
        parse: Callable[[str], Name],
    ) -> tuple[list[Name] | None, UpstreamError | None]:
        """Return what upstream lists, None if it lists nothing; and why it could not say."""
        shared = self._shared
        if shared.asks_nobody or not shared.definition.flag("listRemoteFolderItems"):
            return None, None
        known = shared.lists.get(what)
        if known is None:
            known, failure = self._asked(what, ask)
            if failure is not None:
                return None, failure
        names = []
        for text in known[:_MOST]:
            with contextlib.suppress(RegistryError):
                names.append(parse(text))
        return names or None, None

    def _asked(
        self, what: object, ask: Callable[[], Sequence[str] | None]
    ) -> tuple[Sequence[str], UpstreamError | None]:
        shared = self._shared
        failed = shared.failures.get(what)
        try:
            if isinstance(failed, UpstreamError):
                raise failed
            listed = shared.flights.result(("list", what), ask)
        except UpstreamError as error:
            if failed is None and shared.remembers:
                seconds = shared.definition.number("failedRetrievalCachePeriodSecs")
                shared.failures.put(what, error, seconds)
                logger.warning("'%s' lists what its cache has: %s", shared.definition.key, error)
            return (), error
        known = tuple((listed or ())[:_MOST])
        absent = "missedRetrievalCachePeriodSecs"
        period = "retrievalCachePeriodSecs" if known else absent
        if shared.remembers:
            shared.lists.put(what, known, shared.definition.number(period), len(known) + 1)
        return known, None


def _page(names: set[Name], request: PageRequest) -> Page[Name]:
    ordered = sorted(names)
    if request.after is not None:
        ordered = ordered[bisect.bisect_right(ordered, request.after) :]
    limit = len(ordered) if request.limit is None else request.limit
    return Page(ordered[:limit], more=len(ordered) > limit)
