"""Asking for the usage of a small storage folder whose figures can be worked out by hand."""

from __future__ import annotations

from registry.model.names import Tag
from registry.model.targets import parse_target
from registry.repositories.definitions import Definitions
from registry.services.usage import Usage
from registry.services.usage_report import UsageReport
from registry.storage.store import Store
from tests.repositories.pushing import IMAGE, KEY

BASE, ONE, TWO = b"base" * 100, b"1" * 700, b"2" * 900
SECOND = Tag("2.0")
APP = f"{KEY}/{IMAGE}"


def ask(store: Store, text: str | None = None) -> UsageReport:
    """Ask a fresh object about a target."""
    return Usage(store, Definitions(store)).of(None if text is None else parse_target(text))


def figures(store: Store, text: str) -> tuple[int, int, int, int | None]:
    total = ask(store, text).total
    assert total.name == text
    return total.logical, total.own, total.unique, total.frees


def shares(store: Store, text: str) -> dict[str, int]:
    return {share.name: share.bytes for share in ask(store, text).shared_with}
