"""Making names durable: the entries of folders, each by an fsync, or all before a later one.

The names themselves are changed by `registry.storage.atomic`. Errors come out by cause, see
`registry.storage.open_files`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final

from registry.storage import open_files, ordering
from registry.storage.open_files import translated

_SYNCED_ONE_BY_ONE: Final = 8
"""Folders up to which a sync of each costs less than one of the whole filesystem."""


def sync_folder(path: str) -> None:
    """Make the entries of a folder durable; one that has been removed has none."""
    with translated():
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def barrier(path: str) -> None:
    """Let the entries of a folder be durable before whatever is synced after this.

    A sync on most filesystems, and nothing on those that keep the order by themselves.
    """
    with translated():
        try:
            kept = ordering.is_kept(path)
        except FileNotFoundError:
            return
    if not kept:
        sync_folder(path)


def barriers(path: str, stop: str) -> None:
    """Do the same for a folder and its parents up to ``stop``.

    For a folder that may have been made by somebody who was killed before syncing it.
    """
    while path.startswith(stop):
        barrier(path)
        path = os.path.dirname(path)


def is_bulk(number: int) -> bool:
    """Return whether so many folders are synced by one pass over the whole filesystem."""
    return number > _SYNCED_ONE_BY_ONE


def sync_each(paths: Sequence[str], sync: Callable[[str], None] = sync_folder) -> None:
    """Make the entries of many folders durable; more than a few by one pass over everything.

    ``sync`` is what is done to each of a few: `sync_folder`, or `barrier`.
    """
    if is_bulk(len(paths)):
        open_files.sync_filesystem(paths[0])
        return
    for path in paths:
        sync(path)
