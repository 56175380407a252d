"""A folder of a repository as a plain page, for people who follow its address with a browser."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from flask import Response

from registry.model.items import Item
from registry.web.answers import Answer
from registry.web.artifactory.item_answers import download_uri

_PAGE: Final = (
    "<!DOCTYPE html>\n"
    '<html lang="en"><head><meta charset="utf-8"><title>Index of {title}</title></head>\n'
    "<body><h1>Index of {title}</h1>\n<ul>\n{entries}</ul>\n</body></html>\n"
)
_ENTRY: Final = '<li><a href="{href}">{name}</a></li>\n'


def page(key: str, item: Item, names: Sequence[tuple[str, bool]]) -> Response:
    """Return the page of a folder, with the names in it and whether these are folders."""
    below = f"{item.location}/" if item.location else ""
    links = [(f"{below}{name}", name, is_folder) for name, is_folder in names]
    if item.location:
        links.insert(0, (item.location.rpartition("/")[0], "..", True))
    entries = "".join(
        _ENTRY.format(
            href=escape(download_uri(key, at) + "/" * is_folder),
            name=escape(name + "/" * is_folder),
        )
        for at, name, is_folder in links
    )
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", "default-src 'none'"),
    ]
    title = escape(f"{key}/{item.location}")
    return Answer(200, headers, _PAGE.format(title=title, entries=entries).encode())
