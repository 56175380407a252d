"""Every kind of damage is found where it is, as that kind, and as nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.services.findings import KINDS, Severity
from registry.services.instance import Instance
from registry.storage import walk
from tests.services.checking.all_plants import PLANTS, kind_of
from tests.services.checking.plants import APP
from tests.services.checking.stores import found
from tests.support.tools import require_root

ELSEWHERE = {"content-damaged", "content-quarantined", "owner-wrong", "unreadable"}
"""Kinds with tests of their own, here or with the scrub."""


def test_there_is_a_plant_for_every_kind() -> None:
    assert {kind_of(name) for name in PLANTS} | ELSEWHERE == set(KINDS)


@pytest.mark.parametrize("name", PLANTS)
def test_it_is_found(instance: Instance, storage: Path, name: str) -> None:
    path = PLANTS[name](storage)
    findings = found(instance)
    assert [(f.kind, f.path) for f in findings] == [(kind_of(name), path)]
    assert findings[0].message
    assert findings[0].remedy


def test_another_owner(instance: Instance, storage: Path) -> None:
    require_root()
    path = storage / "etc/users/bob.json"
    os.chown(path, 12345, -1)
    assert [(f.kind, f.path) for f in found(instance)] == [("owner-wrong", "etc/users/bob.json")]


def test_every_kind_is_documented() -> None:
    lines = (Path(__file__).parents[3] / "docs/checking.md").read_text().splitlines()
    rows = [tuple(cell.strip(" `") for cell in line.split("|")[1:-1]) for line in lines]
    documented = [row for row in rows if row and row[0] in KINDS]
    assert documented == [(name, kind.meaning, kind.remedy) for name, kind in KINDS.items()]
    for severity in Severity:
        assert any(line.startswith("### ") and severity.value in line.lower() for line in lines)


def test_what_cannot_be_read(
    instance: Instance, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another user, or from a failing disk."""
    folder, file = f"{APP}/_layers", f"{APP}/own/manifest.json"
    list_folder, read_file = walk.entries, walk.read

    def entries(path: str) -> list[walk.Entry]:
        if path == str(storage / folder):
            raise PermissionError(13, "Permission denied")
        return list_folder(path)

    def read(path: str) -> bytes | None:
        if path == str(storage / file):
            raise OSError(5, "Input/output error")
        return read_file(path)

    monkeypatch.setattr("registry.services.inspection.walk.entries", entries)
    monkeypatch.setattr("registry.services.inspection.walk.read", read)
    assert sorted((f.kind, f.path) for f in found(instance)) == [
        ("unreadable", folder), ("unreadable", file)
    ]  # fmt: skip
