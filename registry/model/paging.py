"""Pages of sorted names: ``n`` entries after ``last``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, slots=True)
class Page(Generic[Name]):
    """Some names in byte order; ``more`` says whether others follow."""

    names: Sequence[Name]
    more: bool


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most ``limit`` names (None: all) that sort after ``after`` (None: from the start)."""

    limit: int | None = None
    after: str | None = None
