"""A dry run changes nothing at all, and tells what the next pass will do."""

from __future__ import annotations

import os

import pytest

from registry.model.digests import Digest
from registry.model.names import Tag
from tests.services.dry_runs import compare, listing, predicted
from tests.support.bench import (
    ALICE,
    EVERYTHING,
    HOLD,
    IMAGE,
    UNTAGGED,
    Bench,
    image,
    index,
    referrer,
)
from tests.support.travel import DAY, HOUR, MINUTE


def fill(bench: Bench) -> None:
    """Let there be something of everything."""
    bench.push(b"kept", to=Tag("kept"))
    bench.push(b"first", note="1")
    bench.push(b"second", note="2")
    bench.push(b"gone", to=Tag("gone"), note="gone")
    bench.repository.delete_tag(IMAGE, Tag("gone"), ALICE)
    bench.blob(b"lonely")
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    bench.repository.start_upload(IMAGE, "sha256", ALICE)


def test_a_dry_run_at_any_time_tells_what_the_next_pass_does(bench: Bench) -> None:
    fill(bench)
    done = dict.fromkeys(("leases_ended", "manifests_deleted", "trash_expired", "uploads_removed"),
                         0)  # fmt: skip
    freed = 0
    for _ in range(round(EVERYTHING / (12 * HOUR))):
        report = compare(bench)
        freed += report.freed.names
        for name in done:
            done[name] += getattr(report, name)
        bench.travel.wait(12 * HOUR)
    assert done == {"leases_ended": 3, "manifests_deleted": 1, "trash_expired": 2,
                    "uploads_removed": 1}  # fmt: skip
    assert freed == 6


def test_a_dry_run_proves_nothing(bench: Bench) -> None:
    bench.blob(b"lonely")
    bench.travel.wait(2 * DAY)
    bench.prune(dry_run=True)
    assert bench.prune(after=2 * HOUR, dry_run=True).leases_ended == 0
    assert bench.prune(after=2 * HOUR).leases_ended == 0


def test_a_dry_run_is_not_the_last_pass(bench: Bench) -> None:
    bench.prune()
    record = bench.pruning.record()
    bench.prune(after=HOUR, dry_run=True)
    assert bench.pruning.record() == record
    assert bench.pruning.is_due(HOUR)


def test_a_dry_run_with_force_tells_what_force_would_do(bench: Bench) -> None:
    fill(bench)
    bench.travel.wait(2 * DAY)
    before = listing(bench.root)
    dry = bench.prune(dry_run=True, force=True)
    assert listing(bench.root) == before
    wet = bench.prune(force=True)
    assert predicted(dry) == predicted(wet)
    assert wet.leases_ended == 2


def test_a_dry_run_after_a_jump_says_that_nothing_is_done(bench: Bench) -> None:
    bench.prune()
    bench.travel.jump(-DAY)
    compare(bench)
    assert bench.prune(dry_run=True).skipped is None


def test_a_dry_run_of_what_is_on_hold_and_wanted(bench: Bench) -> None:
    data, digest = b"alone", Digest.of(b"alone")
    bench.store.filestore.store(data, digest)
    bench.prune()
    bench.prune(after=2 * DAY)
    bench.store.filestore.give(digest, f"{bench.layout.top('uploads')}/{'0' * 32}.data")
    os.unlink(bench.layout.content(digest))
    bench.travel.wait(MINUTE)
    compare(bench)
    bench.travel.wait(HOLD + HOUR)
    assert compare(bench).brought_back == 1


@pytest.mark.parametrize("days", [0, 7])
def test_a_dry_run_where_manifests_need_each_other(bench: Bench, days: int) -> None:
    """Indexes, their children and what refers to them go one after the other, not in one pass."""
    bench.configure(untaggedRetentionDays=days)
    child = bench.push(b"layer", to=None)
    bench.put(index(child))
    subject = bench.push(b"subject", to=None, note="subject")
    bench.put(referrer(subject))
    bench.put(referrer(image(b"layer"), note="of a child"))
    bench.prune(after=MINUTE)
    bench.travel.wait(UNTAGGED + 2 * DAY)
    deleted = 0
    for _ in range(60):
        deleted += compare(bench).manifests_deleted
        bench.travel.wait(12 * HOUR)
    assert deleted == 5
