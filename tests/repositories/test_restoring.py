"""Bringing back: by the steps of a push, completely, over nothing that has come meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.errors import ManifestPartsMissing, RestoreConflict, TrashUnknown
from registry.model.names import ImageName, Tag
from registry.repositories.restoring import Restoration
from registry.storage.manifest_files import Place
from tests.repositories.pushing import all_tags
from tests.storage.faults import STEPS, Watched, in_child, kills
from tests.support.accounts import check_accounts
from tests.support.bench import (
    ALICE,
    IMAGE,
    KEY,
    OTHER,
    TAG,
    TRASH,
    Bench,
    image,
    index,
    referrer,
)
from tests.support.travel import DAY, HOUR

BODY = image(b"layer")
GONE = ("a tag", "its manifest", "an image", "an untagged one")


def lose(bench: Bench, way: str = "its manifest") -> None:
    """Delete the image that was pushed to the tag."""
    if way == "a tag":
        bench.untag()
    elif way == "its manifest":
        bench.repository.delete_tag(IMAGE, TAG, ALICE)
    elif way == "an image":
        bench.repository.delete_image(IMAGE, ALICE)
    else:
        bench.delete(BODY)


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


# --- over something else -----------------------------------------------------------------------


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


# --- indexes and referrers ---------------------------------------------------------------------


def push_index(bench: Bench) -> list[bytes]:
    """Push an index of an index and an image; return all of them, the outermost last."""
    children = [bench.push(f"{n}".encode(), to=None, note=f"{n}") for n in range(2)]
    inner = index(children[0], note="inner")
    bench.put(inner)
    outer = index(inner, children[1], note="outer")
    bench.put(outer, TAG)
    return [*children, inner, outer]


def test_an_index_comes_back_while_its_children_are_here(bench: Bench) -> None:
    bodies = push_index(bench)
    lose(bench)
    bench.restore()
    assert bench.pull() == bodies[-1]


def test_an_index_brings_its_deleted_children_back(bench: Bench) -> None:
    """Deleted one after the other: by hand, and by the pruner."""
    bodies = push_index(bench)
    lose(bench)
    bench.delete(bodies[2])
    bench.delete(bodies[0])
    bench.live_for(TRASH - HOUR, every=DAY)
    assert not any(map(bench.has, bodies))
    bench.restore()
    assert bench.pull() == bodies[-1]
    bench.settle()
    bench.pull()
    check_accounts(bench.root)


def test_an_index_whose_children_have_expired(bench: Bench) -> None:
    bodies = push_index(bench)
    bench.configure(untaggedRetentionDays=-1)
    lose(bench)
    bench.delete(bodies[2])
    bench.delete(bodies[0])
    for entry in bench.entries():
        if entry.digest == Digest.of(bodies[0]):
            bench.store.trash.remove(entry)
    bench.live_for(3 * DAY)
    with pytest.raises(ManifestPartsMissing, match="expired"):
        bench.restore()
    assert not bench.pulls()
    assert not bench.store.manifests.has_folder(Place(KEY, IMAGE), TAG)
    # Once they are pushed again, it comes back.
    bench.push(b"0", to=None, note="0")
    bench.restore()
    assert bench.pull() == bodies[-1]


def test_a_whole_image_comes_back(bench: Bench) -> None:
    bodies = push_index(bench)
    bench.put(referrer(bodies[-1]))
    bench.push(b"layer", to=Tag("2.0"))
    earlier = bench.push(b"earlier", to=Tag("earlier"), note="earlier")
    bench.repository.delete_tag(IMAGE, Tag("earlier"), ALICE)
    bench.travel.wait(HOUR)
    bench.repository.delete_image(IMAGE, ALICE)
    bench.live_for(TRASH - 2 * HOUR, every=DAY)
    bench.restore(None)
    assert sorted(all_tags(bench.repository)) == ["1.0", "2.0"]
    for body in (*bodies, referrer(bodies[-1])):
        assert bench.pull(body) == body
    assert len(bench.repository.referrers(IMAGE, Digest.of(bodies[-1]))) == 1
    assert not bench.has(earlier)
    bench.settle()
    assert bench.pull() == bodies[-1]
    check_accounts(bench.root)


def test_a_conflict_leaves_the_image_as_it_is(bench: Bench) -> None:
    bench.push(b"layer")
    bench.push(b"second", to=Tag("2.0"), note="second")
    bench.repository.delete_image(IMAGE, ALICE)
    new = bench.push(b"new", to=Tag("2.0"), note="new")
    with pytest.raises(RestoreConflict):
        bench.restore(None)
    assert bench.pull(Tag("2.0")) == new
    bench.restore(None, overwrite=True)
    assert bench.pull() == BODY
    assert bench.pull(Tag("2.0")) == image(b"second", note="second")
    assert bench.entries() == []


def test_bringing_back_by_digest(bench: Bench) -> None:
    bench.push(b"layer")
    bench.put(BODY, Tag("2.0"))
    place = Place(KEY, IMAGE)
    restoration = Restoration(bench.store, bench.definitions.get(KEY), place, ALICE)
    with bench.store.locks.image(KEY, IMAGE):
        assert restoration.bring_back(Digest.of(BODY)).body == BODY
    bench.delete(BODY)
    with bench.store.locks.image(KEY, IMAGE):
        assert restoration.bring_back(Digest.of(BODY)).body == BODY
        with pytest.raises(TrashUnknown):
            restoration.bring_back(Digest.of(b"no such"))
    assert bench.pull(BODY) == BODY
    assert not bench.pulls(TAG)
    # The entries of its tags stay: nobody has asked for those.
    assert len(bench.entries()) == 2


# --- damage ------------------------------------------------------------------------------------


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


# --- killed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["image", "index"])
def test_killed_at_every_step(bench: Bench, what: str) -> None:
    """The tag is there, whole, or it is still in the trash; done again it is there."""
    for number in range(1, 300):
        body = push_index(bench)[-1] if what == "index" else bench.push(b"layer")
        bench.repository.delete_image(IMAGE, ALICE)

        def run(number: int = number) -> None:
            with Watched(kills(number), STEPS):
                bench.restore(None)

        code = in_child(run)
        assert bench.pulls(TAG) is bench.store.manifests.has_folder(Place(KEY, IMAGE), TAG)
        left = [entry.reference for entry in bench.entries()]
        assert bench.pulls(TAG) or TAG in left
        bench.live_for(2 * DAY, every=12 * HOUR)
        if TAG in left:
            bench.restore()
        assert bench.pull() == body
        bench.live_for(2 * DAY, every=12 * HOUR)
        check_accounts(bench.root)
        bench.repository.delete_image(IMAGE, ALICE)
        bench.trashcan.empty()
        if code == 0:
            break
        assert code == -signal.SIGKILL
    else:
        raise AssertionError("it never came to its end")
    assert number > 10


# --- repositories ------------------------------------------------------------------------------


def test_a_repository_comes_back(bench: Bench) -> None:
    bodies = push_index(bench)
    bench.push(b"layer", at=ImageName("other/image"))
    bench.definitions.delete(KEY, ALICE)
    assert bench.definitions.find(KEY) is None
    bench.live_for(TRASH - HOUR, every=DAY)
    bench.restore(None, None)
    assert bench.pull() == bodies[-1]
    assert bench.pull(TAG, ImageName("other/image")) == BODY
    bench.settle()
    check_accounts(bench.root)


def test_a_repository_goes_when_its_time_is_over(bench: Bench) -> None:
    bench.push(b"layer")
    bench.definitions.delete(KEY, ALICE)
    bench.live_for(TRASH + 3 * DAY, every=DAY)
    with pytest.raises(TrashUnknown):
        bench.restore(None, None)
    assert os.listdir(bench.layout.top("artifacts")) == []
    bench.settle()
    check_accounts(bench.root)


def test_what_a_late_push_left_does_not_hide_the_repository(bench: Bench) -> None:
    """A push that was under way makes the folder of a deleted repository anew."""
    body = bench.push(b"layer")
    repository = bench.repository
    bench.definitions.delete(KEY, ALICE)
    writer = repository.open_whole_upload(IMAGE, "sha256", ALICE)
    writer.write(b"late")
    repository.finish_upload(IMAGE, writer, Digest.of(b"late"))
    writer.close()
    bench.live_for(3 * DAY)
    assert os.listdir(bench.layout.top("artifacts")) == []
    assert len(bench.entries()) == 2
    bench.restore(None, None)
    assert bench.pull() == body


def test_a_repository_is_not_restored_over_another_one(bench: Bench) -> None:
    bench.push(b"layer")
    bench.definitions.delete(KEY, ALICE)
    bench.definitions.create(KEY, "local", {})
    new = bench.push(b"new", note="new")
    with pytest.raises(RestoreConflict):
        bench.restore(None, None)
    assert bench.pull() == new
