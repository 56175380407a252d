"""Uploads that nobody goes on with, and half-done work beside them."""

from __future__ import annotations

import contextlib
import os

from registry.storage import atomic, open_files
from registry.storage.layout import TEMPORARY_PREFIX, Layout
from registry.storage.manifest_files import listed


def abandoned(layout: Layout, before: float) -> list[str]:
    """Return the ids of uploads on which nothing has happened since that time."""
    youngest: dict[str, float] = {}
    folder = layout.top("uploads")
    for name in listed(folder):
        upload = name if name.startswith(TEMPORARY_PREFIX) else name.partition(".")[0]
        with contextlib.suppress(FileNotFoundError):
            changed = os.stat(f"{folder}/{name}").st_mtime
            youngest[upload] = max(youngest.get(upload, changed), changed)
    return [upload for upload, changed in youngest.items() if changed < before]


def remove(layout: Layout, upload: str) -> bool:
    """Remove an abandoned upload; return whether it is gone.

    One that somebody is writing to right now stays, however slowly the bytes come.
    """
    if upload.startswith(TEMPORARY_PREFIX):
        return atomic.remove(f"{layout.top('uploads')}/{upload}")
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(FileNotFoundError):
            descriptor = atomic.open_append(layout.upload_data(upload), create=False)
            stack.callback(os.close, descriptor)
            if not open_files.try_lock(descriptor):
                return False
        # In the order of `Uploads.remove`: without its record nothing finds it.
        gone = atomic.remove(layout.upload_record(upload))
        return atomic.remove(layout.upload_data(upload)) or gone
