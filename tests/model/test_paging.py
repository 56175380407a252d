from __future__ import annotations

import dataclasses

import pytest

from registry.model.names import Tag
from registry.model.paging import Page, PageRequest


def test_a_request_asks_for_everything_unless_told_otherwise() -> None:
    assert PageRequest() == PageRequest(limit=None, after=None)


def test_pages_do_not_change() -> None:
    page = Page([Tag("a")], more=True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        page.more = False  # type: ignore[misc]
