"""Bringing back: by the steps of a push, completely, over nothing that has come meanwhile."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.errors import ManifestPartsMissing, RestoreConflict, TrashUnknown
from registry.model.names import Tag
from registry.storage.manifest_files import Place
from tests.repositories.losing import BODY, GONE, lose
from tests.support.accounts import check_accounts
from tests.support.bench import IMAGE, KEY, OTHER, TAG, TRASH, Bench, index
from tests.support.travel import DAY, HOUR


@pytest.mark.parametrize("later", [0.0, 5 * DAY, TRASH - HOUR], ids=["at once", "days", "last"])
@pytest.mark.parametrize("way", GONE)
def test_what_was_deleted_comes_back_and_pulls_at_once(
    bench: Bench, way: str, later: float
) -> None:
    bench.push(b"layer")
    bench.live_for(2 * DAY)
    lose(bench, way)
    bench.live_for(later, every=12 * HOUR)
    (entry,) = [entry for entry in bench.entries() if entry.reference == TAG]
    assert bench.restore() == [entry]
    assert bench.pull() == bench.pull(BODY) == BODY
    assert TAG not in [left.reference for left in bench.entries()]
    bench.settle()
    assert bench.pull() == BODY
    check_accounts(bench.root)


def test_after_its_time_it_does_not_come_back(bench: Bench) -> None:
    bench.push(b"layer")
    lose(bench)
    bench.live_for(TRASH + HOUR, every=DAY)
    with pytest.raises(TrashUnknown):
        bench.restore()


@pytest.mark.parametrize("reference", [Tag("2.0"), Digest.of(b"no such")])
def test_what_was_not_deleted_does_not_come_back(bench: Bench, reference: Tag | Digest) -> None:
    bench.push(b"layer")
    lose(bench)
    with pytest.raises(TrashUnknown):
        bench.restore(reference)
    with pytest.raises(TrashUnknown):
        bench.restore(TAG, OTHER)
    assert not bench.pulls()


def test_the_last_of_several_comes_back_first(bench: Bench) -> None:
    bodies = [bench.push(b"layer", note=str(n)) for n in range(3)]
    bench.untag()
    bench.travel.wait(HOUR)
    for body in bodies[1::-1]:
        bench.put(body, TAG)
        bench.untag()
        bench.travel.wait(HOUR)
    for expected in (bodies[0], bodies[1], bodies[2]):
        bench.restore(overwrite=True)
        assert bench.pull() == expected
    with pytest.raises(TrashUnknown):
        bench.restore(overwrite=True)


def test_its_makers_stay_known(bench: Bench) -> None:
    place = Place(KEY, IMAGE)
    bench.push(b"layer")
    before = bench.store.manifests.sidecar(place, TAG)
    bench.travel.wait(3 * DAY)
    lose(bench)
    bench.restore()
    after = bench.store.manifests.sidecar(place, TAG)
    assert before is not None
    assert after is not None
    for name in ("digest", "created", "createdBy", "modified", "modifiedBy", "size", "properties"):
        assert after[name] == before[name]


def test_the_journal_says_so(bench: Bench) -> None:
    bench.push(b"layer")
    lose(bench)
    bench.restore()
    folder = bench.layout.top("journal")
    lines = [
        json.loads(line)
        for name in sorted(os.listdir(folder))
        for line in Path(folder, name).read_text(encoding="utf-8").splitlines()
    ]
    assert [line["event"] for line in lines][-2:] == ["delete", "restore"]
    assert lines[-1]["tag"] == str(TAG)
    assert lines[-1]["digest"] == Digest.of(BODY)
    assert lines[-1]["principal"] == "alice"


# --- over something else ----------------------------------------------------------------------


def test_over_another_manifest_only_if_that_is_wanted(bench: Bench) -> None:
    bench.push(b"layer")
    lose(bench)
    new = bench.push(b"new", note="new")
    with pytest.raises(RestoreConflict, match=r"1\.0"):
        bench.restore()
    assert bench.pull() == new
    assert len(bench.entries()) == 1
    bench.restore(overwrite=True)
    assert bench.pull() == BODY
    assert bench.pull(new) == new
    assert bench.entries() == []


def test_over_the_same_manifest(bench: Bench) -> None:
    bench.push(b"layer")
    lose(bench)
    bench.push(b"layer")
    bench.restore()
    assert bench.pull() == BODY
    assert bench.entries() == []


def test_a_tag_that_is_an_index_now(bench: Bench) -> None:
    bench.push(b"layer")
    bench.untag()
    bench.put(index(BODY), TAG)
    with pytest.raises(RestoreConflict):
        bench.restore()
    bench.restore(overwrite=True)
    assert bench.pull() == BODY
    bench.settle()
    check_accounts(bench.root)


# --- damage -----------------------------------------------------------------------------------


def test_an_entry_that_has_lost_its_manifest(bench: Bench) -> None:
    bench.push(b"layer")
    lose(bench)
    os.unlink(f"{bench.store.trash.path(bench.entries()[0])}/manifest.json")
    with pytest.raises(TrashUnknown):
        bench.restore()
    assert not bench.pulls()
    assert not bench.store.manifests.has_folder(Place(KEY, IMAGE), TAG)


def test_an_entry_that_has_lost_a_blob(bench: Bench) -> None:
    bench.push(b"layer")
    lose(bench)
    bench.live_for(3 * DAY)
    path = bench.store.trash.path(bench.entries()[0])
    os.unlink(f"{path}/sha256__{Digest.of(b'layer').encoded}")
    bench.live_for(5 * DAY)
    with pytest.raises(ManifestPartsMissing):
        bench.restore()
    assert not bench.pulls()
    assert not bench.has(BODY)
    bench.blob(b"layer")
    bench.restore()
    bench.pull()


def test_in_a_copy_without_hard_links(bench: Bench, tmp_path: Path) -> None:
    bench.push(b"layer")
    lose(bench)
    shutil.copytree(bench.root, tmp_path / "copy", copy_function=shutil.copyfile)
    copy = Bench(str(tmp_path / "copy"), bench.travel)
    copy.live_for(3 * DAY)
    copy.restore()
    assert copy.pull() == BODY
