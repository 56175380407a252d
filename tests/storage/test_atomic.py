from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.model.errors import StorageFailed, StorageFull
from registry.storage import atomic, documents
from registry.storage import open_files as bytes_of
from tests.storage.faults import BUILDING, Watched, fails
from tests.storage.folders import files, inode, make_source, mode, open_files, temporaries

Change = Callable[[str], object]


CHANGES: dict[str, Change] = {
    "replace": lambda folder: documents.replace_bytes(f"{folder}/deep/er/file", b"new"),
    "create": lambda folder: documents.create_bytes(f"{folder}/deep/er/file", b"new"),
    "make_folder": lambda folder: atomic.make_folder(f"{folder}/deep/er"),
}


@pytest.mark.usefixtures("unordered")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_failure_at_any_step_has_a_name_and_leaves_nothing(
    change: Change, code: int, tmp_path: Path
) -> None:
    os.mkdir(tmp_path / "good")
    with Watched(names=BUILDING) as seen:
        change(str(tmp_path / "good"))
    assert len(seen.calls) >= 4
    for number in range(1, len(seen.calls) + 1):
        folder = str(tmp_path / f"{code}-{number}")
        os.mkdir(folder)
        before = open_files()
        with (
            Watched(fails(number, code), BUILDING),
            pytest.raises(StorageFailed if code == errno.EIO else StorageFull),
        ):
            change(folder)
        assert temporaries(folder) == [], seen.calls[number - 1]
        assert set(files(folder).values()) <= {b"new"}
        assert open_files() == before
        change_again(change, folder)


def change_again(change: Change, folder: str) -> None:
    """After a failure nothing stands in the way of the same change."""
    try:
        change(folder)
    except FileExistsError:
        assert files(folder) == {"deep/er/file": b"new"}


@pytest.mark.parametrize("name", ["replace", "create"])
def test_a_document_is_durable_in_the_right_order(name: str, tmp_path: Path) -> None:
    folder = str(tmp_path)
    os.makedirs(f"{folder}/deep/er")
    with Watched() as seen:
        CHANGES[name](folder)
    place = "rename" if name == "replace" else "link"
    order = [call for call in seen.calls if call.name in ("write", "fsync", place)]
    assert [call.name for call in order] == ["write", "fsync", place, "fsync"]
    assert order[0].paths == order[1].paths == order[2].paths[:1]
    assert order[2].paths[1:] == (f"{folder}/deep/er/file",)
    assert order[3].paths == (f"{folder}/deep/er",)


@pytest.mark.usefixtures("unordered")
def test_the_entries_of_new_folders_are_durable(tmp_path: Path) -> None:
    folder = str(tmp_path)
    with Watched() as seen:
        atomic.make_folder(f"{folder}/a/b/c")
    synced = [call.paths[0] for call in seen.calls if call.name == "fsync"]
    assert set(synced) == {folder, f"{folder}/a", f"{folder}/a/b"}
    for parent in synced:
        made = [
            c for c in seen.calls if c.name == "mkdir" and os.path.dirname(c.paths[0]) == parent
        ]
        assert seen.calls.index(made[-1]) < [c.name for c in seen.calls].index("fsync")


def test_the_bytes_under_a_name_are_old_or_new(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    documents.replace_bytes(path, b"old")
    looks: list[bytes] = []

    def look(number: int, call: object) -> None:
        looks.append(Path(path).read_bytes())

    with Watched(look):
        documents.replace_bytes(path, b"new")
    assert set(looks) == {b"old", b"new"}
    assert looks == sorted(looks, reverse=True)


def test_a_failed_fsync_is_not_tried_again(tmp_path: Path) -> None:
    """The kernel marks the pages clean: a second fsync would promise lost bytes."""
    path = str(tmp_path / "file")

    def fail(number: int, call: object) -> None:
        raise OSError(errno.EIO, "lost")

    with Watched(fail, ["fsync"]) as seen, pytest.raises(StorageFailed):
        documents.replace_bytes(path, b"new")
    assert len(seen.calls) == 1
    assert files(str(tmp_path)) == {}


def test_a_taken_name_is_not_given_again(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    documents.create_bytes(path, b"first")
    with pytest.raises(FileExistsError):
        documents.create_bytes(path, b"second")
    assert files(str(tmp_path)) == {"file": b"first"}


@pytest.mark.parametrize("target", ["victim", "nowhere"])
def test_a_planted_symbolic_link_is_not_followed(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path)
    victim = tmp_path / "victim"
    victim.write_bytes(b"safe")
    os.symlink(f"{folder}/{target}", f"{folder}/planted")
    monkeypatch.setattr(atomic, "temporary_name", lambda folder: f"{folder}/planted")
    with pytest.raises(FileExistsError):
        atomic.write_temporary(folder, b"evil")
    for opens in (atomic.open_append, atomic.lock_file):
        with pytest.raises(StorageFailed):
            opens(f"{folder}/planted")
    with pytest.raises(FileExistsError):
        atomic.create_file(f"{folder}/planted")
    monkeypatch.undo()
    documents.replace_bytes(f"{folder}/planted", b"document")
    assert not os.path.islink(f"{folder}/planted")
    assert files(folder) == {"victim": b"safe", "planted": b"document"}


def test_a_link_does_not_follow_a_planted_target(tmp_path: Path) -> None:
    source = make_source(str(tmp_path))
    os.symlink(str(tmp_path / "nowhere"), str(tmp_path / "planted"))
    assert not atomic.link(source, str(tmp_path / "planted"))
    assert not (tmp_path / "nowhere").exists()


def test_a_vanished_parent_is_made_again(tmp_path: Path) -> None:
    folder = str(tmp_path)
    source = make_source(folder)
    assert atomic.link(source, f"{folder}/a/b/linked")
    os.close(atomic.create_file(f"{folder}/c/d/created"))
    os.close(atomic.open_append(f"{folder}/e/appended"))
    os.close(atomic.lock_file(f"{folder}/f/lock"))
    atomic.remove(atomic.write_temporary(f"{folder}/g/h", b""))
    assert set(files(folder)) == {"source", "a/b/linked", "c/d/created", "e/appended", "f/lock"}


@pytest.mark.usefixtures("unordered")
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("name", ["fsync", "link", "mkdir"])
def test_a_parent_that_vanishes_at_a_bad_moment_is_made_again(
    name: str, times: int, tmp_path: Path
) -> None:
    """Whoever finds a folder empty removes it at any time, with its empty parents."""
    folder = str(tmp_path)
    source = make_source(folder)
    seen = []

    def vanish(number: int, call: object) -> None:
        if number <= times:
            seen.append(atomic.remove_folder(f"{folder}/a/b"))
            seen.append(atomic.remove_folder(f"{folder}/a"))

    with Watched(vanish, [name]):
        assert atomic.link(source, f"{folder}/a/b/linked")
    assert seen
    assert inode(f"{folder}/a/b/linked") == inode(source)


def test_a_link_says_whether_it_is_new(tmp_path: Path) -> None:
    source = make_source(str(tmp_path))
    target = str(tmp_path / "target")
    assert atomic.link(source, target)
    assert not atomic.link(source, target)
    with pytest.raises(FileNotFoundError):
        atomic.link(str(tmp_path / "missing"), str(tmp_path / "x" / "y"))
    assert not (tmp_path / "x").exists()


def test_too_many_links_are_told_apart(tmp_path: Path) -> None:
    source = make_source(str(tmp_path))
    with Watched(fails(1, errno.EMLINK), ["link"]), pytest.raises(bytes_of.LinksExhausted):
        atomic.link(source, str(tmp_path / "target"))


def test_a_short_write_goes_on_where_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    path = atomic.write_temporary(str(tmp_path), b"0123456789")
    monkeypatch.undo()
    assert Path(path).read_bytes() == b"0123456789"


def test_b14_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        path = atomic.write_temporary(str(tmp_path), b"", atomic.CONTENT_MODE)
        documents.replace_bytes(str(tmp_path / "secret"), b"", atomic.SECRET_MODE)
    finally:
        os.umask(old)
    assert mode(path) == 0o444
    assert mode(str(tmp_path / "secret")) == 0o600


def test_removing_what_is_not_there_is_an_answer(tmp_path: Path) -> None:
    path = make_source(str(tmp_path))
    assert (atomic.remove(path), atomic.remove(path)) == (True, False)
    assert not atomic.touch(path)
    assert atomic.remove_folder(str(tmp_path / "missing"))


def test_only_empty_folders_are_removed_and_never_the_last(tmp_path: Path) -> None:
    root = str(tmp_path)
    os.makedirs(f"{root}/a/b/c/d")
    Path(f"{root}/a/b/file").touch()
    atomic.remove_empty_folders(f"{root}/a/b/c/d", root)
    assert os.listdir(f"{root}/a/b") == ["file"]
    os.unlink(f"{root}/a/b/file")
    atomic.remove_empty_folders(f"{root}/a/b", root)
    assert os.listdir(root) == []
    assert not atomic.remove_folder(str(tmp_path.parent))


def test_an_appending_open_can_demand_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic.open_append(str(tmp_path / "missing"), create=False)
    assert files(str(tmp_path)) == {}


def test_a_copy_of_a_range_ends_with_an_error_where_the_source_ends(tmp_path: Path) -> None:
    source = os.open(make_source(str(tmp_path)), os.O_RDONLY)
    target = atomic.create_file(str(tmp_path / "target"))
    try:
        bytes_of.copy_range(source, target, 3)
        assert files(str(tmp_path))["target"] == b"new"
        with pytest.raises(StorageFailed):
            bytes_of.copy_range(source, target, 4)
    finally:
        os.close(source)
        os.close(target)


def test_a_lock_is_held_by_one_opening(tmp_path: Path) -> None:
    first, second = (atomic.lock_file(str(tmp_path / "lock")) for _ in range(2))
    assert bytes_of.try_lock(first)
    assert not bytes_of.try_lock(second)
    os.close(first)
    assert bytes_of.try_lock(second)
    os.close(second)
