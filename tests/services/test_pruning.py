"""What a pruning pass frees and what it leaves alone, from the first deletion to the last byte."""

from __future__ import annotations

import os
from typing import Any

import pytest

from registry.model.digests import Digest
from registry.model.names import ImageName, Tag
from registry.services.pruning import Limits
from tests.support.accounts import check_accounts
from tests.support.bench import (
    ALICE,
    CONFIG,
    EVERYTHING,
    GRACE,
    HOLD,
    IMAGE,
    KEY,
    LIMITS,
    OTHER,
    TRASH,
    UPLOADS,
    Bench,
    image,
    index,
    referrer,
)
from tests.support.travel import DAY, HOUR, MINUTE


def test_what_is_pushed_stays(bench: Bench) -> None:
    child = bench.push(b"child", to=None, note="child")
    bodies = {
        Tag("image"): bench.push(b"layer", to=Tag("image")),
        Tag("index"): index(child),
    }
    bench.put(bodies[Tag("index")], Tag("index"))
    bench.put(referrer(child))
    bench.live_for(2 * EVERYTHING, every=DAY)
    for tag, body in bodies.items():
        assert bench.pull(tag) == body
    assert bench.has(referrer(child))
    check_accounts(bench.root)


def test_the_way_of_a_deleted_image(bench: Bench) -> None:
    """It is in the trash, then nobody's, then on hold, then gone; each for its time."""
    body = bench.push(b"layer")
    bench.live_for(2 * DAY)
    bench.delete(body)
    assert not bench.has(body)
    bench.live_for(TRASH - HOUR, every=12 * HOUR)
    assert len(bench.entries()) == 1
    assert bench.stores(b"layer")
    expired = bench.prune(after=2 * HOUR)
    assert expired.trash_expired == 1
    assert bench.entries() == []
    assert expired.held["grace"].names == 3
    held = bench.live_for(GRACE - HOUR, every=HOUR)
    assert held.set_on_hold.names == 0
    assert bench.stores(b"layer")
    assert bench.prune(after=2 * HOUR).set_on_hold.names == 3
    assert not bench.stores(b"layer")
    assert bench.prune(after=HOLD - MINUTE).freed.names == 0
    freed = bench.prune(after=HOLD + MINUTE)
    assert freed.freed.names == 3
    assert freed.freed.bytes == len(b"layer") + len(CONFIG) + len(body)
    check_accounts(bench.root)


def test_a_blob_without_a_manifest_has_the_grace(bench: Bench) -> None:
    bench.blob(b"layer")
    bench.live_for(GRACE - HOUR, every=HOUR)
    assert bench.shows(b"layer")
    assert bench.prune(after=2 * HOUR).leases_ended == 1
    assert not bench.shows(b"layer")
    bench.live_for(2 * GRACE + 2 * HOLD, every=HOUR)
    check_accounts(bench.root)


def test_every_yes_gives_a_blob_another_grace(bench: Bench) -> None:
    bench.blob(b"layer")
    for _ in range(5):
        bench.live_for(GRACE - HOUR)
        assert bench.repository.blob(IMAGE, Digest.of(b"layer"), renew=True)
    assert bench.shows(b"layer")


def test_looking_without_relying_on_it_renews_nothing(bench: Bench) -> None:
    bench.blob(b"layer")
    bench.live_for(GRACE - HOUR, every=HOUR)
    assert bench.repository.blob(IMAGE, Digest.of(b"layer"))
    bench.live_for(2 * HOUR, every=HOUR)
    assert not bench.shows(b"layer")


def test_a_layer_that_another_image_has_stays(bench: Bench) -> None:
    gone, kept = bench.push(b"shared", b"own"), bench.push(b"shared", at=OTHER)
    bench.delete(gone)
    bench.settle()
    assert not bench.stores(b"own")
    assert bench.pull(at_other := Tag("1.0"), OTHER) == kept, at_other
    check_accounts(bench.root)


def test_content_nobody_ever_linked_is_freed(bench: Bench) -> None:
    """A pushed manifest that was refused, or an upload that was killed at its end."""
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    bench.live_for(2 * GRACE + 2 * HOLD, every=HOUR)
    check_accounts(bench.root)


def test_the_first_pass_frees_nothing_however_old_it_is(bench: Bench) -> None:
    bench.delete(bench.push(b"layer"))
    bench.blob(b"lonely")
    bench.travel.wait(365 * DAY)
    first = bench.prune()
    assert first.is_quiet
    assert first.trash_expired == first.leases_ended == 0
    assert bench.prune(after=HOUR - MINUTE).is_quiet
    assert not bench.prune(after=2 * MINUTE).is_quiet


def test_a_tenth_or_a_thousand_go_in_one_pass(bench: Bench) -> None:
    small = bench.again(Limits(GRACE, HOLD, TRASH, UPLOADS, most=5))
    for number in range(60):
        data = f"alone {number}".encode()
        bench.store.filestore.store(data, Digest.of(data))
    bench.prune()
    counts = []
    bench.travel.wait(2 * DAY)
    for _ in range(3):
        report = small.prune(after=MINUTE)
        counts.append((report.set_on_hold.names, report.held["limit"].names))
    assert counts == [(6, 54), (5, 49), (5, 44)]
    everything = small.prune(force=True)
    assert everything.set_on_hold.names == 44
    assert everything.held["limit"].names == 0


def test_force_does_not_wait_for_the_proof_but_for_the_grace(bench: Bench) -> None:
    bench.blob(b"old")
    bench.travel.wait(GRACE + HOUR)
    bench.blob(b"young")
    bench.prune(force=True)
    assert not bench.shows(b"old")
    assert bench.shows(b"young")


def test_a_pass_after_a_restart_of_the_machine_proves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.blob(b"layer")
    bench.live_for(GRACE - HOUR)
    monkeypatch.setattr("registry.storage.passes.boot_id", lambda: "another")
    assert bench.prune(after=2 * HOUR).is_quiet
    assert bench.prune(after=2 * HOUR).leases_ended == 1


def test_another_process_proves_as_well(bench: Bench) -> None:
    """The command line and the server share the record."""
    bench.blob(b"layer")
    bench.travel.wait(2 * DAY)
    bench.again().prune()
    assert bench.prune(after=2 * HOUR).leases_ended == 1
    assert bench.again().pruning.record()["last"]["leases_ended"] == 1


def test_a_pass_is_due_for_all_processes(bench: Bench) -> None:
    other = bench.again()
    assert other.pruning.is_due(HOUR)
    bench.prune()
    assert not other.pruning.is_due(HOUR)
    bench.travel.wait(HOUR)
    assert other.pruning.is_due(HOUR)


def test_without_a_trash_deleted_content_goes_after_the_grace(bench: Bench) -> None:
    bare = Bench(bench.root, bench.travel, keeps_trash=False)
    bare.delete(bare.push(b"layer"))
    bare.live_for(3 * GRACE + 2 * HOLD, every=HOUR)
    assert bare.entries() == []
    assert not bare.stores(b"layer")
    check_accounts(bench.root)


def test_empty_folders_go_and_deep_ones_too(bench: Bench) -> None:
    deep = ImageName("a/b/c/d")
    bench.push(b"layer", at=deep)
    bench.repository.delete_image(deep, ALICE)
    bench.settle()
    assert os.listdir(bench.layout.repository(KEY)) == []
    os.makedirs(f"{bench.layout.repository(KEY)}/x/y/z")
    bench.live_for(HOUR, every=10 * MINUTE)
    assert os.listdir(bench.layout.repository(KEY)) == []


def test_a_folder_that_is_both_tag_and_image(bench: Bench) -> None:
    """Tag ``app`` of image ``team``, and image ``team/app``: one may go and the other stays."""
    parent = ImageName("team")
    bench.push(b"tag", to=Tag("app"), at=parent, note="tag")
    bench.push(b"image")
    bench.live_for(2 * DAY)
    bench.repository.delete_image(parent, ALICE)
    bench.settle()
    bench.pull()
    check_accounts(bench.root)
    bench.push(b"tag", to=Tag("app"), at=parent, note="tag")
    bench.delete(image(b"image"))
    bench.settle()
    bench.pull(Tag("app"), parent)
    check_accounts(bench.root)


def test_names_that_are_written_otherwise_on_disk(bench: Bench) -> None:
    name, tag = ImageName("manifest.json/x"), Tag("_tag")
    kept = bench.push(b"kept", to=tag, at=name)
    bench.push(b"gone", to=Tag("sha256__1"), at=name, note="gone")
    bench.repository.delete_tag(name, Tag("sha256__1"), ALICE)
    bench.settle()
    assert bench.pull(tag, name) == kept
    assert not bench.stores(b"gone")
    check_accounts(bench.root)


def test_content_of_another_algorithm(bench: Bench) -> None:
    body = image(note="sha512")
    bench.blob(CONFIG)
    digest = Digest.of(body, "sha512")
    bench.repository.put_manifest(IMAGE, digest, body, "", ALICE, [Tag("1.0")])
    bench.live_for(2 * DAY)
    assert bench.repository.manifest(IMAGE, digest).body == body
    bench.repository.delete_manifest(IMAGE, digest, ALICE)
    bench.settle()
    check_accounts(bench.root)


def test_a_pass_may_be_broken_off_anywhere(bench: Bench) -> None:
    """The server ends while a pass is under way: the next one does the rest."""

    class Ended(Exception):
        pass

    def fill() -> None:
        for number in range(3):
            bench.push(f"{number}".encode(), to=Tag(f"{number}"), note=f"{number}")
            bench.repository.delete_tag(IMAGE, Tag(f"{number}"), ALICE)

    fill()
    for number in range(60):
        bench.travel.wait(6 * HOUR)
        left = iter(range(number % 7))

        def pause(left: Any = left) -> None:
            if next(left, None) is None:
                raise Ended

        try:
            bench.pruning.run(pause=pause)
        except Ended:
            continue
    bench.settle()
    check_accounts(bench.root)


def test_the_report_says_what_stays_and_why(bench: Bench) -> None:
    bench.push(b"first", note="1")
    bench.push(b"second", note="2")
    bench.blob(b"lonely")
    gone = bench.push(b"gone", to=Tag("gone"), note="gone")
    bench.live_for(2 * DAY)
    bench.delete(gone)
    bench.travel.wait(HOUR)
    report = bench.prune()
    assert report.manifests_kept == {"untaggedRetentionDays": 1}
    assert report.trash_entries == 1
    assert report.held["trash"].bytes == len(gone)
    assert report.content.names == 3 + len({b"first", b"second", b"lonely", b"gone", CONFIG})
    assert report.skipped is None
    assert "held: " in report.line()
    assert bench.pruning.record()["last"] == report.document()


def test_limits_by_default() -> None:
    assert Limits() == LIMITS
