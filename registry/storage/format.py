"""The storage folder as a whole: making it, checking that it can serve, its format version."""

from __future__ import annotations

import contextlib
import json
import logging
import os

from registry.model.errors import RegistryError, StorageFull, StorageReadOnly, StorageUnusable
from registry.storage import atomic, documents, open_files, syncing
from registry.storage.layout import FOLDERS, FORMAT_VERSION, Layout

logger = logging.getLogger(__name__)


def prepare(layout: Layout) -> bool:
    """Make the folders of a storage root and check that it can serve.

    Returns whether it is new, that is, whether the first start has not been finished. Only that
    needs to write: on a full disk pulls go on, and pruning makes room; on a read-only one pulls do.

    Raises:
        StorageUnusable: with the reason and the remedy in one sentence.
    """
    root = layout.root
    try:
        atomic.make_folder(root)
        for name in FOLDERS:
            atomic.make_folder(layout.top(name))
    except FileExistsError:
        raise StorageUnusable(
            f"'{root}' or a part of it is a file; name a folder with --storage"
        ) from None
    except RegistryError as error:
        cause = error.__cause__
        if isinstance(cause, NotADirectoryError):
            raise StorageUnusable(
                f"'{root}' or a part of it is a file; name a folder with --storage"
            ) from None
        reason = cause.strerror if isinstance(cause, OSError) else error.message
        raise StorageUnusable(_unwritable(root, reason)) from None
    except FileNotFoundError as error:
        raise StorageUnusable(_unwritable(root, error.strerror)) from None
    new = not _is_stamped(layout)
    try:
        _try(layout)
    except (StorageFull, StorageReadOnly) as error:
        if new:
            raise _unwritten(layout, error) from None
        logger.warning("the storage folder '%s': %s", root, error)
    return new


def _unwritable(root: str, reason: str | None) -> str:
    return (
        f"the storage folder '{root}' cannot be written ({reason}); give the server's user the "
        "right to write there, or name another folder with --storage"
    )


def probe(layout: Layout) -> None:
    """Check by doing: the folder can be written, and its parts take links of each other's files.

    Raises:
        StorageUnusable: with the reason and the remedy in one sentence.
    """
    try:
        _try(layout)
    except (StorageFull, StorageReadOnly) as error:
        raise _unwritten(layout, error) from None


def _unwritten(layout: Layout, error: RegistryError) -> StorageUnusable:
    return StorageUnusable(
        f"the storage folder '{layout.root}' cannot be written ({error}); check free space "
        "and the rights of the server's user"
    )


def _try(layout: Layout) -> None:
    """Raise StorageFull, StorageReadOnly or StorageUnusable if it cannot be written and linked."""
    try:
        temporary = atomic.write_temporary(layout.top("uploads"), b"probe")
    except (StorageFull, StorageReadOnly):
        raise
    except RegistryError as error:
        raise _unwritten(layout, error) from None
    try:
        for name in ("artifacts", "filestore"):
            _probe_link(layout, temporary, layout.top(name))
    finally:
        atomic.remove(temporary)


def _probe_link(layout: Layout, temporary: str, folder: str) -> None:
    target = atomic.temporary_name(folder)
    try:
        # The plain call, because the errno tells what is wrong.
        os.link(temporary, target)
        linked = os.stat(target).st_nlink == 2
    except OSError as error:
        if error.errno in open_files.FULL:
            raise StorageFull(open_files.NO_ROOM) from None
        raise StorageUnusable(
            f"'{folder}' takes no hard links from '{layout.top('uploads')}' ({error.strerror}); "
            "the whole storage folder must lie on one filesystem that has hard links, such as "
            "ext4, xfs or btrfs"
        ) from None
    finally:
        # What is wrong has been found; that the trial's own name resists must not hide it.
        with contextlib.suppress(RegistryError):
            atomic.remove(target)
    if not linked:
        raise StorageUnusable(
            f"the filesystem of '{layout.root}' does not count hard links; use ext4, xfs or btrfs"
        )


def stamp(layout: Layout) -> None:
    """Mark the storage folder as set up, in this format; the last step of the first start.

    What it stands for is durable before it, also where an earlier start made it and was killed.
    """
    root = layout.root
    folders = {os.path.dirname(f"{root}/{path}") for path in FOLDERS}
    documents_in = {layout.top(name) for name in ("artifacts", "etc/repositories", "etc/users")}
    for folder in sorted({os.path.dirname(root), *folders, *documents_in}):
        syncing.barrier(folder)
    documents.replace(
        layout.format_file(), {"layout": "docker-registry", "version": FORMAT_VERSION}
    )


def _is_stamped(layout: Layout) -> bool:
    path = layout.format_file()
    try:
        with open(path, "rb") as file:
            version = json.load(file)["version"]
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError):
        raise StorageUnusable(f"'{path}' is damaged; restore it from a backup") from None
    if version != FORMAT_VERSION:
        raise StorageUnusable(
            f"'{layout.root}' has storage format {version}, this server knows {FORMAT_VERSION}; "
            "run the server version that wrote it, or a newer one"
        )
    return True
