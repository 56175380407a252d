from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from registry.model.errors import StorageUnusable
from registry.storage import format as storage_format
from registry.storage.layout import FOLDERS, FORMAT_VERSION, Layout
from tests.storage.faults import Watched, fails
from tests.storage.folders import files, temporaries


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path / "deep" / "store"))


def test_a_new_folder_is_made_and_stamped_once(layout: Layout) -> None:
    assert storage_format.prepare(layout)
    assert storage_format.prepare(layout), "it is new until the first start has been finished"
    storage_format.stamp(layout)
    assert files(layout.root).keys() == {"format.json"}
    with open(layout.format_file(), encoding="utf-8") as file:
        assert json.load(file)["version"] == FORMAT_VERSION
    for name in FOLDERS:
        assert os.path.isdir(layout.top(name))
    assert os.stat(layout.root).st_mode & 0o7 == 0
    before = os.stat(layout.format_file())
    assert not storage_format.prepare(layout)
    assert os.stat(layout.format_file()) == before


@pytest.mark.usefixtures("unordered")
def test_a_new_store_is_durable_when_it_is_stamped(layout: Layout) -> None:
    """Otherwise the first image that was pushed may lose the folder that it lies in."""
    with Watched(names=["mkdir", "fsync"]) as seen:
        storage_format.prepare(layout)
    made = [(n, c.paths[0]) for n, c in enumerate(seen.calls) if c.name == "mkdir"]
    synced = [(n, c.paths[0]) for n, c in enumerate(seen.calls) if c.name == "fsync"]
    assert len(made) >= len(FOLDERS)
    not_durable = [
        path for n, path in made if not any(m > n and p == os.path.dirname(path) for m, p in synced)
    ]
    assert not_durable == []


@pytest.mark.parametrize("name", ["", "artifacts", "uploads", "etc", "etc/users"])
def test_a_file_in_the_place_of_a_folder_is_named(layout: Layout, name: str) -> None:
    path = layout.top(name).rstrip("/")
    os.makedirs(os.path.dirname(path))
    with open(path, "wb"):
        pass
    with pytest.raises(StorageUnusable, match="--storage"):
        storage_format.prepare(layout)


def test_a_parent_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnusable, match="--storage"):
        storage_format.prepare(Layout(str(tmp_path / "file" / "store")))


@pytest.mark.parametrize("name", ["mkdir", "open", "write", "fsync"])
@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_is_explained(layout: Layout, name: str, code: int) -> None:
    if name != "mkdir":
        storage_format.prepare(layout)
    with Watched(fails(1, code), [name]), pytest.raises(StorageUnusable) as caught:
        storage_format.prepare(layout)
    assert layout.root in caught.value.message
    assert "right" in caught.value.message
    if os.path.isdir(layout.root):
        assert temporaries(layout.root) == []


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
@pytest.mark.parametrize("number", [1, 2])
def test_a_folder_without_hard_links_is_explained(layout: Layout, code: int, number: int) -> None:
    storage_format.prepare(layout)
    with Watched(fails(number, code), ["link"]), pytest.raises(StorageUnusable) as caught:
        storage_format.probe(layout)
    for word in ("one filesystem", "hard links", "ext4"):
        assert word in caught.value.message
    assert temporaries(layout.root) == []


def test_another_filesystem_inside_is_explained(layout: Layout) -> None:
    """A mount or a symbolic link, as somebody makes to put the layers on a larger disk."""
    elsewhere = "/dev/shm"
    storage_format.prepare(layout)
    if os.stat(elsewhere).st_dev == os.stat(layout.root).st_dev:
        pytest.skip("there is no other filesystem to try")
    os.rmdir(layout.top("filestore"))
    os.symlink(elsewhere, layout.top("filestore"))
    with pytest.raises(StorageUnusable, match="one filesystem"):
        storage_format.prepare(layout)


def test_a_filesystem_that_does_not_count_links_is_explained(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage_format.prepare(layout)
    stat = os.stat

    def uncounted(path: str, **options: bool) -> os.stat_result:
        real = stat(path, **options)
        return os.stat_result([*real[:3], 1, *real[4:]])

    with monkeypatch.context() as context:
        context.setattr(os, "stat", uncounted)
        with pytest.raises(StorageUnusable, match="count hard links"):
            storage_format.probe(layout)
    assert temporaries(layout.root) == []


@pytest.mark.parametrize("name", ["artifacts", "filestore", "uploads"])
@pytest.mark.parametrize("harm", ["file", "missing"])
def test_a_store_that_was_harmed_while_serving_is_unusable(
    layout: Layout, name: str, harm: str
) -> None:
    storage_format.prepare(layout)
    os.rmdir(layout.top(name))
    if harm == "file":
        with open(layout.top(name), "wb"):
            pass
    elif name == "uploads":
        storage_format.probe(layout)
        return
    with pytest.raises(StorageUnusable):
        storage_format.probe(layout)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '"1"', '{"version', "\x00"])
def test_a_damaged_stamp_is_not_written_over(layout: Layout, text: str) -> None:
    storage_format.prepare(layout)
    with open(layout.format_file(), "w", encoding="utf-8") as file:
        file.write(text)
    with pytest.raises(StorageUnusable, match="backup"):
        storage_format.prepare(layout)
    with open(layout.format_file(), encoding="utf-8") as file:
        assert file.read() == text


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, "1", None, 99])
def test_another_format_is_not_touched(layout: Layout, version: object) -> None:
    storage_format.prepare(layout)
    with open(layout.format_file(), "w", encoding="utf-8") as file:
        json.dump({"version": version}, file)
    with pytest.raises(StorageUnusable, match=f"format {version}.*newer"):
        storage_format.prepare(layout)
