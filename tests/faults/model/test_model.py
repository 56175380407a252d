"""The models of a filesystem, the recorder and the workbench, by cases that can be done by hand."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from registry.storage import atomic, open_files, syncing
from tests.faults.model.crashes import Model, Ordered, Weakest
from tests.faults.model.recording import Killed, Recorder
from tests.faults.model.shadow import Shadow, same_names
from tests.faults.model.trace import ROOT, Disk, Site, Sync, Trace
from tests.faults.model.workbench import Workbench

Shown = frozenset[str]
BOTH = pytest.mark.parametrize("model", [Weakest, Ordered])


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A folder with a file ``file``, and the folders ``a`` and ``b``."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    return str(tmp_path)


def record(root: str, work: Callable[[], object]) -> Trace:
    with Recorder(root, {}) as recorder:
        work()
        recorder.acknowledge({})
    return recorder.trace


def at_the_end(
    model: type[Model], trace: Trace, without: Collection[Site] = ()
) -> set[tuple[str, ...]]:
    """Return which files may be there after all, each with its bytes if it has any."""
    return {
        tuple(f"{path}={data.decode()}" for path, _, data in crash.tree if data is not None)
        for crash in model(trace, without).crashes(since=1)
    }


def names(root: str, count: int) -> None:
    for number in range(count):
        atomic.link(f"{root}/file", f"{root}/a/{number}")


def test_the_weakest_loses_each_name_by_itself(root: str) -> None:
    found = at_the_end(Weakest, record(root, lambda: names(root, 2)))
    first, second, old = "/a/0=old", "/a/1=old", "/file=old"
    assert found == {(old,), (old, first), (old, second), (old, first, second)}


def test_the_ordered_keeps_the_first_names(root: str) -> None:
    found = at_the_end(Ordered, record(root, lambda: names(root, 2)))
    first, second, old = "/a/0=old", "/a/1=old", "/file=old"
    assert found == {(old,), (old, first), (old, first, second)}


@BOTH
def test_a_sync_of_the_folder_keeps_its_names(model: type[Model], root: str) -> None:
    def work() -> None:
        names(root, 2)
        syncing.sync_folder(f"{root}/a")

    assert at_the_end(model, record(root, work)) == {("/file=old", "/a/0=old", "/a/1=old")}


def test_a_sync_of_another_folder(root: str) -> None:
    """Only an ordered journal takes along what happened before in other folders."""

    def work() -> None:
        names(root, 1)
        atomic.link(f"{root}/file", f"{root}/b/last")
        syncing.sync_folder(f"{root}/b")

    trace = record(root, work)
    both = ("/file=old", "/b/last=old", "/a/0=old")
    assert at_the_end(Ordered, trace) == {both}
    assert at_the_end(Weakest, trace) == {both, both[:2]}


def test_a_sync_of_what_has_not_changed_keeps_nothing(root: str) -> None:
    def work() -> None:
        names(root, 1)
        syncing.sync_folder(f"{root}/b")

    trace = record(root, work)
    assert at_the_end(Ordered, trace) == {("/file=old",), ("/file=old", "/a/0=old")}
    assert at_the_end(Weakest, trace) == {("/file=old",), ("/file=old", "/a/0=old")}


@BOTH
def test_bytes_without_their_own_sync(model: type[Model], root: str) -> None:
    def work() -> None:
        os.close(written(root))
        syncing.sync_folder(root)

    found = {names[-1] for names in at_the_end(model, record(root, work))}
    assert found == {"/new=", "/new=\0\0\0\0", "/new=by", "/new=byte"}


def written(root: str) -> int:
    descriptor = atomic.create_file(f"{root}/new")
    open_files.write_all(descriptor, b"byte")
    return descriptor


@BOTH
def test_bytes_that_are_synced(model: type[Model], root: str) -> None:
    def work() -> None:
        descriptor = written(root)
        open_files.sync_file(descriptor)
        os.close(descriptor)
        syncing.sync_folder(root)

    assert at_the_end(model, record(root, work)) == {("/file=old", "/new=byte")}


@BOTH
def test_bytes_that_are_appended_or_cut_off(model: type[Model], root: str) -> None:
    def work() -> None:
        descriptor = atomic.open_append(f"{root}/file")
        open_files.write_all(descriptor, b"er")
        open_files.truncate(descriptor, 4)
        os.close(descriptor)

    found = at_the_end(model, record(root, work))
    assert found == {("/file=olde",), ("/file=old",), ("/file=old\0",)}


@BOTH
@pytest.mark.parametrize("folder", ["a", "b"])
def test_a_rename_between_folders_is_one_change(model: type[Model], folder: str, root: str) -> None:
    names(root, 1)
    old, new = ("/file=old", "/a/0=old"), ("/file=old", "/b/0=old")

    def work() -> None:
        atomic.move(f"{root}/a/0", f"{root}/b/0")

    def work_and_sync() -> None:
        work()
        syncing.sync_folder(f"{root}/{folder}")

    assert at_the_end(model, record(root, work)) == {old, new}
    atomic.move(f"{root}/b/0", f"{root}/a/0")
    assert at_the_end(model, record(root, work_and_sync)) == {new}


@BOTH
def test_a_folder_that_is_lost_takes_along_what_is_in_it(model: type[Model], root: str) -> None:
    def work() -> None:
        os.mkdir(f"{root}/c")
        os.close(atomic.create_file(f"{root}/c/file"))
        syncing.sync_folder(f"{root}/c")

    expected = {("/file=old", "/c/file=")} | ({("/file=old",)} if model is Weakest else set())
    assert at_the_end(model, record(root, work)) == expected


@BOTH
def test_everything_at_once(model: type[Model], root: str) -> None:
    def work() -> None:
        os.close(written(root))
        names(root, 1)
        open_files.sync_filesystem(root)

    assert at_the_end(model, record(root, work)) == {("/file=old", "/new=byte", "/a/0=old")}


@BOTH
def test_a_sync_that_is_left_out_does_nothing(model: type[Model], root: str) -> None:
    def work() -> None:
        names(root, 1)
        syncing.sync_folder(f"{root}/a")

    trace = record(root, work)
    (sync,) = trace.syncs()
    assert sync.site.text == 'syncing.sync_folder(f"{root}/a")'
    assert len(at_the_end(model, trace)) == 1
    assert len(at_the_end(model, trace, [sync.site])) == 2


def test_a_change_that_is_not_watched_is_noticed(root: str) -> None:
    with pytest.raises(AssertionError), Recorder(root, {}):
        Path(root, "secret").write_bytes(b"not through the os module")
    assert os.link.__module__ == "posix"


def test_what_is_changed_outside_is_not_noted(
    root: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = str(tmp_path_factory.mktemp("elsewhere"))
    trace = record(root, lambda: os.mkdir(f"{elsewhere}/folder"))
    assert len(trace.steps) == 1


def test_a_killed_process_changes_nothing_more(root: str) -> None:
    with Recorder(root, {}) as recorder:
        recorder.kill_after(1)
        names(root, 1)
        for _ in range(2):
            with pytest.raises(Killed):
                atomic.remove(f"{root}/a/0")
        recorder.kill_after(None)
        syncing.sync_folder(root)
    assert len(recorder.trace.steps) == 2
    assert isinstance(recorder.trace.steps[-1], Sync)
    assert os.path.exists(f"{root}/a/0")


def test_the_workbench_shows_any_tree() -> None:
    """Also where a folder or file is another one than before under the same name."""
    dice = random.Random(1)
    with Workbench() as bench:
        for _ in range(200):
            disk = any_disk(dice)
            shown = Shadow(bench.show(disk.tree())).disk.tree()
            assert same_names(shown) == same_names(disk.tree())


def any_disk(dice: random.Random) -> Disk:
    disk = Disk({ROOT: {}}, {number: b"%d" % dice.randrange(2) for number in (10, 11, 12)})
    folders = [ROOT]
    for number in dice.sample(range(1, 5), 3):
        disk.folders[dice.choice(folders)][dice.choice("abc") + "d"] = number
        disk.folders[number] = {}
        folders.append(number)
    for _ in range(6):
        disk.folders[dice.choice(folders)][dice.choice("abc")] = dice.choice([10, 11, 12])
    return disk
