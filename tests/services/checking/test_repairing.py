"""What can be made again from what is there is made again; everything else stays a finding."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.model.properties import is_own
from registry.services.findings import Finding
from registry.services.instance import Instance
from registry.services.repairing import LINKS
from tests.conftest import Client
from tests.http.support import CONFIG, digest_of
from tests.services.checking.all_plants import PLANTS, kind_of
from tests.services.checking.stores import OWN, content, flip, found, later, pull_all

IN_VAIN = {"tag-digest-wrong 2", "trash-incomplete 2"}
"""Damage of a kind that can be repaired, of which nothing good is left."""


def repair(instance: Instance, **options: object) -> tuple[list[Finding], list[Finding]]:
    """Return what remains, and what has been repaired."""
    done: list[Finding] = []
    check = later(instance).run
    remaining = instance.repairing.run(check, told=done.append, **options)  # type: ignore[arg-type]
    return remaining, done


def names(root: Path) -> dict[str, tuple[int, int, int]]:
    """Return all names but those of lock files, with what would tell a change."""
    return {
        str(path.relative_to(root)): (path.lstat().st_ino, path.lstat().st_mode, size(path))
        for path in root.rglob("*")
        if path.parent.name != "locks"
    }


def size(path: Path) -> int:
    return path.lstat().st_size if path.is_file() else 0


def repairable(instance: Instance, name: str) -> bool:
    return kind_of(name) in instance.repairing.kinds and name not in IN_VAIN


@pytest.mark.parametrize("name", PLANTS)
def test_it_is_repaired_or_stays(
    instance: Instance, client: Client, storage: Path, name: str
) -> None:
    path = PLANTS[name](storage)
    before = names(storage)
    remaining, done = repair(instance)
    if repairable(instance, name):
        assert remaining == []
        assert [(f.kind, f.path) for f in done][:1] == [(kind_of(name), path)]
        assert found(instance, deep=True) == []
        if name not in ("manifest-without-folder", "manifest-without-folder 2"):
            pull_all(client)
        return
    assert [(f.kind, f.path) for f in remaining] == [(kind_of(name), path)]
    assert done == []
    assert names(storage) == before


def test_nothing_is_done_to_a_healthy_store(instance: Instance, storage: Path) -> None:
    before = names(storage)
    assert repair(instance) == ([], [])
    assert names(storage) == before


@pytest.mark.parametrize("seed", range(6))
def test_many_things_at_once(instance: Instance, client: Client, storage: Path, seed: int) -> None:
    """Damage in one place hides damage in another, until the first has been repaired."""
    names = [name for name in PLANTS if repairable(instance, name)]
    chosen = [name for name in names if "without" not in name and "both" not in name][seed::6]
    for name in chosen:
        try:
            PLANTS[name](storage)
        except OSError:
            # An earlier one has taken away what this one would damage.
            continue
    assert found(instance) != []
    remaining, done = repair(instance)
    assert remaining == []
    assert done
    assert found(instance, deep=True) == []
    pull_all(client)


@pytest.mark.parametrize("name", [n for n in PLANTS if kind_of(n) in LINKS])
def test_relink_repairs_links(instance: Instance, storage: Path, name: str) -> None:
    PLANTS[name](storage)
    PLANTS["sidecar-missing"](storage)
    remaining, done = repair(instance, kinds=LINKS)
    assert {finding.kind for finding in [*remaining, *done]} <= LINKS
    assert (remaining == []) is repairable(instance, name)
    assert next(finding.kind for finding in found(instance)) == "sidecar-missing"


def test_the_makers_stay_known(instance: Instance, storage: Path) -> None:
    folder = storage / "artifacts/docker-local/team/app/1.0"
    path = folder / "manifest.json.properties.json"
    before = instance.store.documents.read(str(path))
    assert before is not None
    for name in ("sidecar-wrong", "sidecar-wrong 2"):
        PLANTS[name](storage)
        assert repair(instance)[0] == []
        after = instance.store.documents.read(str(path))
        # What users had set was nowhere else than in what the second one lost.
        lost = {} if name == "sidecar-wrong" else {"stage": ["test"]}
        assert after is not None
        assert after | {"properties": after["properties"] | lost} == before
    path.unlink()
    assert repair(instance)[0] == []
    after = instance.store.documents.read(str(path))
    assert after is not None
    assert after["createdBy"] == "fsck"
    assert after["properties"] == {n: v for n, v in before["properties"].items() if is_own(n)}


def test_somebody_elses_folder_is_left_alone(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(Exception, match="belongs to user"):
        repair(instance)


def test_a_repair_without_effect_is_not_tried_for_ever(instance: Instance) -> None:
    finding = Finding("folder-missing", "uploads", "is missing, and always will be")
    assert instance.repairing.run(lambda: iter([finding])) == [finding]


def test_bad_bytes_get_no_name(instance: Instance, storage: Path) -> None:
    """Neither in the filestore nor in the trash."""
    own, config = (storage / content(digest_of(data)) for data in (OWN, CONFIG))
    flip(str(own))
    own.unlink()
    flip(str(config))
    entry = PLANTS["trash-incomplete"](storage)
    remaining, done = repair(instance)
    assert sorted((f.kind, f.path) for f in remaining) == [
        ("filestore-missing", content(digest_of(OWN))), ("trash-incomplete", entry)
    ]  # fmt: skip
    assert done == []
    assert not own.exists()
    assert not (storage / entry).exists()
