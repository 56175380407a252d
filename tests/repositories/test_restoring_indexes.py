"""Bringing back what belongs together: indexes with their children, images; at every step."""

from __future__ import annotations

import signal

import pytest

from registry.model.digests import Digest
from registry.model.errors import ManifestPartsMissing, RestoreConflict, TrashUnknown
from registry.model.names import Tag
from registry.repositories.restoring import Restoration
from registry.storage.manifest_files import Place
from tests.repositories.losing import BODY, lose, push_index
from tests.repositories.pushing import all_tags
from tests.storage.faults import STEPS, Watched, in_child, kills
from tests.support.accounts import check_accounts
from tests.support.bench import ALICE, IMAGE, KEY, TAG, TRASH, Bench, image, referrer
from tests.support.travel import DAY, HOUR


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


# --- killed -----------------------------------------------------------------------------------


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
