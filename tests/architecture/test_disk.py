"""Every change of the disk, and every lock, is made in the storage room."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.sources import REGISTRY, calls, name_of

CHANGES = {
    f"os.{name}"
    for name in (
        "open", "rename", "renames", "replace", "link", "symlink", "unlink", "remove", "mkdir",
        "makedirs", "rmdir", "removedirs", "truncate", "ftruncate", "chmod", "fchmod", "chown",
        "fchown", "utime", "write", "pwrite", "writev", "fsync", "fdatasync", "mkfifo", "mknod",
        "posix_fallocate", "copy_file_range", "sendfile", "fdopen",
    )
}  # fmt: skip
WHOLE_MODULES = ("shutil.", "tempfile.", "fcntl.", "pathlib.", "mmap.", "sqlite3.", "shelve.")
METHODS = ("write_text", "write_bytes", "touch", "unlink", "mkdir", "rmdir", "symlink_to",
           "hardlink_to")  # fmt: skip

EXCEPTIONS = {
    ("registry/access/lockout.py", "mmap.mmap"): "memory that is shared with no file",
    ("registry/metrics/figures.py", "mmap.mmap"): "memory that is shared with no file",
    ("registry/server/outgoing.py", "os.sendfile"): "sends a file to a socket",
    ("registry/server/listening.py", "os.chmod"): "the unix socket, outside the storage folder",
    ("registry/server/listening.py", "os.unlink"): "the unix socket of a server that has ended",
}
"""Calls elsewhere that change nothing on the disk, each with its reason."""


def found_outside() -> list[tuple[str, str, int]]:
    found = []
    for path in REGISTRY:
        name = name_of(path)
        if name.startswith("registry/storage/"):
            continue
        for line, called, node in calls(path):
            changes = called in CHANGES or called.startswith(WHOLE_MODULES) or opens_to_write(node)
            if changes or (called.rpartition(".")[2] in METHODS and not is_ours(called)):
                found.append((name, called, line))
    return found


def opens_to_write(node: ast.Call) -> bool:
    """Return whether a call of the built-in ``open`` may write."""
    if not isinstance(node.func, ast.Name) or node.func.id != "open":
        return False
    modes = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "mode")]
    return any(not isinstance(m, ast.Constant) or set(str(m.value)) & set("wax+") for m in modes)


def is_ours(called: str) -> bool:
    """Return whether a method belongs to the storage room's own objects."""
    return called.startswith(("atomic.", "syncing.", "self._store.", "storage."))


def test_nothing_else_changes_the_disk() -> None:
    outside = [entry for entry in found_outside() if entry[:2] not in EXCEPTIONS]
    assert outside == []


def test_every_exception_is_still_needed() -> None:
    assert set(EXCEPTIONS) - {entry[:2] for entry in found_outside()} == set()


def test_the_exceptions_are_read_only() -> None:
    """An ``os.open`` outside the storage room names its flags, and none that write."""
    for path in REGISTRY:
        if name_of(path).startswith("registry/storage/"):
            continue
        for _, called, node in calls(path):
            if called == "os.open":
                flags = ast.unparse(node.args[1])
                assert "O_RDONLY" in flags, name_of(path)
                assert not {"O_CREAT", "O_RDWR", "O_WRONLY", "O_TRUNC"} & set(flags.split("os."))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("open(p)", False), ("open(p, 'rb')", False), ("open(p, mode='r')", False),
        ("open(p, 'wb')", True), ("open(p, 'a')", True), ("open(p, 'r+b')", True),
        ("open(p, mode='x')", True), ("open(p, m)", True), ("gzip.open(p, 'wb')", False),
    ],
)  # fmt: skip
def test_the_rule_sees_what_it_is_for(text: str, expected: bool) -> None:
    expression = ast.parse(text, mode="eval").body
    assert isinstance(expression, ast.Call)
    assert opens_to_write(expression) is expected


def test_inside_the_storage_room_few_files_write() -> None:
    """``atomic`` changes names, ``open_files`` bytes; the others have reasons for the rest."""
    allowed = {
        "registry/storage/arrivals.py": {"fcntl.flock"},
        "registry/storage/filestore.py": {"os.open"},
        "registry/storage/format.py": {"os.link"},
        "registry/storage/locks.py": {"fcntl.flock"},
        "registry/storage/manifest_files.py": {"os.open"},
        "registry/storage/repairs.py": {"os.open"},
        "registry/storage/uploads.py": {"os.open"},
        "registry/storage/atomic.py": None,
        "registry/storage/open_files.py": None,
        "registry/storage/syncing.py": None,
    }
    for path in REGISTRY:
        name = name_of(path)
        if not name.startswith("registry/storage/"):
            continue
        used = {
            called
            for _, called, node in calls(path)
            if called in CHANGES or called.startswith(WHOLE_MODULES) or opens_to_write(node)
        }
        known = allowed.get(name, set())
        assert known is None or used <= known, name
