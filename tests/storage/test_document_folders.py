from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from registry.storage import document_folders, documents
from registry.storage.document_folders import DocumentFolder
from registry.storage.documents import Documents


@pytest.fixture
def folder(tmp_path: Path) -> DocumentFolder:
    return DocumentFolder(Documents(), str(tmp_path))


def put(folder: Path, name: str, **fields: object) -> None:
    documents.replace(f"{folder}/{name}.json", dict(fields))


def test_documents_are_found_by_their_titles(folder: DocumentFolder, tmp_path: Path) -> None:
    put(tmp_path, "a", x=1)
    put(tmp_path, "Any%20Remote", x=2)
    put(tmp_path, "_ours", x=3)
    (tmp_path / "notes.txt").write_text("{}")
    assert folder.read() == {"a": {"x": 1}, "Any Remote": {"x": 2}}


def test_a_folder_that_is_missing_has_none(tmp_path: Path) -> None:
    folder = DocumentFolder(Documents(), str(tmp_path / "none"))
    assert folder.read() == {}
    (tmp_path / "none").mkdir()
    put(tmp_path / "none", "a", x=1)
    assert folder.read() == {"a": {"x": 1}}


@pytest.mark.parametrize("tick", [-1, 50_000_000, 1 << 62])
def test_every_change_is_seen_however_soon(
    folder: DocumentFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tick: int
) -> None:
    """The clock of files ticks; without that rule only what the filesystem tells apart counts."""
    monkeypatch.setattr(documents, "_TICK", tick)
    for number in range(50 if tick > 0 else 1):
        put(tmp_path, "a", x=number)
        assert folder.read() == {"a": {"x": number}}
        (tmp_path / "a.json").unlink()
        assert folder.read() == {}


def test_what_has_not_changed_is_the_same_object_and_costs_one_look(
    folder: DocumentFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_TICK", -1)
    put(tmp_path, "a", x=1)
    found = folder.read()
    looked: list[str] = []
    stat = os.stat

    def counting(path: str) -> os.stat_result:
        looked.append(path)
        return stat(path)

    monkeypatch.setattr(os, "stat", counting)
    assert folder.read() is found
    assert looked == [str(tmp_path)]
    # While the folder is young all is read again, and what says the same is taken for the same.
    monkeypatch.setattr(documents, "_TICK", 1 << 62)
    put(tmp_path, "a", x=1)
    assert folder.read() is found
    put(tmp_path, "b", x=1)
    assert folder.read() is not found


def test_what_is_written_into_the_same_file_is_seen_after_a_while(
    folder: DocumentFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_TICK", -1)
    put(tmp_path, "a", x=1)
    assert folder.read() == {"a": {"x": 1}}
    (tmp_path / "a.json").write_text('{"x": 2, "y": 3}')
    assert folder.read() == {"a": {"x": 1}}
    monkeypatch.setattr(document_folders, "_CONFIRMED", -1.0)
    put(tmp_path, "b", x=1)
    assert folder.read() == {"a": {"x": 2, "y": 3}, "b": {"x": 1}}
    (tmp_path / "a.json").write_text('{"x": 4}')
    assert folder.read()["a"] == {"x": 4}


def test_a_damaged_one_is_left_out_and_complained_of_once(
    folder: DocumentFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "a", x=1)
    (tmp_path / "bad.json").write_text("[")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            put(tmp_path, "a", x=1)
            assert folder.read() == {"a": {"x": 1}}
    assert len([record for record in caplog.records if "bad.json" in record.getMessage()]) == 1
