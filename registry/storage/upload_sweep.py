"""Uploads that nobody goes on with, and half-done work outside of the images."""

from __future__ import annotations

import contextlib
import os

from registry.storage import atomic, open_files
from registry.storage.layout import FOLDERS, TEMPORARY_PREFIX, Layout
from registry.storage.manifest_files import listed

_SWEPT_ELSEWHERE = ("trash",)


def abandoned(layout: Layout, before: float) -> list[str]:
    """Return the ids of uploads on which nothing has happened since that time."""
    names = listed(layout.top("uploads"))
    ids = {name.partition(".")[0] for name in names if not name.startswith("_")}
    return [upload for upload in sorted(ids) if _last_change(layout, upload) < before]


def _last_change(layout: Layout, upload: str) -> float:
    latest = float("-inf")
    for path in (layout.upload_data(upload), layout.upload_record(upload)):
        with contextlib.suppress(FileNotFoundError):
            latest = max(latest, os.stat(path).st_mtime)
    return latest


def remove(layout: Layout, upload: str, before: float) -> bool:
    """Remove an upload if it is still abandoned; return whether it is gone.

    One that somebody is writing to right now stays, however slowly the bytes come.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(FileNotFoundError):
            descriptor = open_files.open_to_lock(layout.upload_data(upload))
            stack.callback(os.close, descriptor)
            if not open_files.try_lock(descriptor):
                return False
        if _last_change(layout, upload) >= before:
            return False
        # In the order of `Uploads.remove`: without its record nothing finds it.
        gone = atomic.remove(layout.upload_record(upload))
        return atomic.remove(layout.upload_data(upload)) or gone


def remove_half_done(layout: Layout, before: float) -> int:
    """Remove what killed processes left half-done in our own folders; return how much."""
    removed = 0
    tops = {name.partition("/")[0] for name in FOLDERS} - set(_SWEPT_ELSEWHERE)
    folders = [layout.root, *map(layout.top, sorted(tops | set(FOLDERS) - set(_SWEPT_ELSEWHERE)))]
    for folder in folders:
        for name in listed(folder):
            path = f"{folder}/{name}"
            with contextlib.suppress(FileNotFoundError):
                if name.startswith(TEMPORARY_PREFIX) and os.stat(path).st_mtime < before:
                    removed += _remove_unlocked(path)
    return removed


def _remove_unlocked(path: str) -> bool:
    """Remove half-done work; that of somebody who has locked it, and is only slow, stays."""
    with contextlib.ExitStack() as stack:
        if not os.path.islink(path):
            descriptor = open_files.open_to_lock(path)
            stack.callback(os.close, descriptor)
            if not open_files.try_lock(descriptor):
                return False
        return atomic.remove(path)
