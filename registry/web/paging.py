"""Pages over HTTP: ``n``, ``last`` and the ``Link`` header (OCI distribution, "Content
Discovery")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from flask import Response, request

from registry.model.errors import PageSizeInvalid
from registry.model.paging import PageRequest

PAGE_LIMIT: Final = 1000
"""Entries of one page; a client that asks for more gets a link to the rest."""


def page_request() -> PageRequest:
    """Return which page the request asks for.

    Raises:
        PageSizeInvalid: ``n`` is not a number of entries.
    """
    text = request.args.get("n")
    after = request.args.get("last") or None
    if text is None or text == "":
        return PageRequest(None, after)
    if not text.isascii() or not text.isdigit():
        raise PageSizeInvalid("'n' is a number of entries, 0 or more", {"n": text[:40]})
    return PageRequest(PAGE_LIMIT if len(text) > 6 else min(int(text), PAGE_LIMIT), after)


def link_next(response: Response, path: str, page: PageRequest, names: Sequence[str]) -> None:
    """Tell the client where the next page is; ``path`` is the outside one of this list."""
    if names and page.limit is not None:
        last = quote(names[-1], safe="")
        response.headers["Link"] = f'<{path}?n={page.limit}&last={last}>; rel="next"'
