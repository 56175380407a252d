"""Renaming: the file has the new name in every case but a failure, and never none at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.model.errors import StorageFailed
from registry.storage import atomic
from tests.storage.faults import Watched, fails
from tests.storage.folders import files, make_source


def test_rename_leaves_no_second_name_of_one_file(tmp_path: Path) -> None:
    source, target = make_source(str(tmp_path)), str(tmp_path / "target")
    os.link(source, target)
    atomic.rename(source, target)
    assert files(str(tmp_path)) == {"target": b"new"}


@pytest.mark.usefixtures("unordered")
def test_rename_over_link_changes_the_name_and_the_old_one_goes_last(tmp_path: Path) -> None:
    """The new name is durable before the old one goes: no crash leaves the file without any."""
    source, target = make_source(str(tmp_path)), str(tmp_path / "target")
    Path(target).write_bytes(b"old")
    with Watched() as seen:
        atomic.rename_over_link(source, target)
    assert files(str(tmp_path)) == {"target": b"new"}
    assert [(call.name, call.paths[-1]) for call in seen.calls] == [
        ("unlink", target),
        ("link", target),
        ("fsync", str(tmp_path)),
        ("unlink", source),
    ]


@pytest.mark.parametrize("linked", [False, True])
def test_what_is_renamed_is_so_even_if_its_old_name_cannot_be_removed(
    tmp_path: Path, linked: bool
) -> None:
    """The caller must not take back what everybody sees; the old name is swept later."""
    source, target = make_source(str(tmp_path)), str(tmp_path / "target")
    if linked:
        os.link(source, target)
    with Watched(fails(1), ["unlink"]) as seen:
        atomic.rename(source, target)
    assert seen.names() == ["unlink"]
    assert files(str(tmp_path)) == {"target": b"new"} | ({"source": b"new"} if linked else {})


def test_what_cannot_be_renamed_has_its_old_name(tmp_path: Path) -> None:
    source, target = make_source(str(tmp_path)), str(tmp_path / "target")
    Path(target).write_bytes(b"old")
    with Watched(fails(1), ["rename"]), pytest.raises(StorageFailed):
        atomic.rename(source, target)
    assert files(str(tmp_path)) == {"source": b"new", "target": b"old"}


def test_a_failure_between_the_names_leaves_the_file_one(tmp_path: Path) -> None:
    for number in range(1, 10):
        folder = str(tmp_path / f"{number}")
        os.mkdir(folder)
        source, target = make_source(folder), f"{folder}/target"
        Path(target).write_bytes(b"old")
        try:
            with Watched(fails(number)):
                atomic.rename_over_link(source, target)
        except StorageFailed:
            assert b"new" in files(folder).values()
        else:
            break
    assert number > 3
