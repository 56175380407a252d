"""How long manifests without a tag stay, whatever is recorded of them."""

from __future__ import annotations

import pytest

from registry.model.digests import Digest
from registry.model.names import Tag
from registry.storage.manifest_files import Place
from tests.support.accounts import check_accounts
from tests.support.bench import (
    EVERYTHING,
    GRACE,
    IMAGE,
    KEY,
    TAG,
    UNTAGGED,
    Bench,
)
from tests.support.travel import DAY, HOUR

LONG = 2 * EVERYTHING


def generations(bench: Bench, number: int, tag: Tag = TAG) -> list[bytes]:
    """Push so many images to one tag, an hour after each other."""
    bodies = []
    for n in range(number):
        bodies.append(bench.push(f"{tag} {n}".encode(), to=tag, note=f"{tag} {n}"))
        bench.travel.wait(HOUR)
    return bodies


def left(bench: Bench, bodies: list[bytes]) -> list[int]:
    """Return which of the manifests can be pulled."""
    found = [number for number, body in enumerate(bodies) if bench.pulls(body)]
    assert found == [number for number, body in enumerate(bodies) if bench.has(body)]
    return found


# --- generations of a tag ----------------------------------------------------------------------


@pytest.mark.parametrize(("kept", "expected"), [(1, [4]), (2, [3, 4]), (4, [1, 2, 3, 4])])
def test_a_tag_keeps_its_last_generations(bench: Bench, kept: int, expected: list[int]) -> None:
    bench.configure(dockerTagRetention=kept)
    bodies = generations(bench, 5)
    bench.live_for(UNTAGGED - 5 * HOUR, every=DAY)
    assert left(bench, bodies) == [0, 1, 2, 3, 4]
    bench.live_for(LONG, every=3 * DAY)
    assert left(bench, bodies) == expected
    check_accounts(bench.root)


def test_more_generations_than_a_tag_has_had(bench: Bench) -> None:
    bench.configure(dockerTagRetention=100)
    bodies = generations(bench, 3)
    bench.live_for(LONG, every=3 * DAY)
    assert left(bench, bodies) == [0, 1, 2]


def test_a_generation_is_what_the_tag_had_last_not_what_was_pushed_last(bench: Bench) -> None:
    bench.configure(dockerTagRetention=2)
    bodies = generations(bench, 3)
    bench.put(bodies[0], TAG)
    bench.travel.wait(HOUR)
    bench.put(bodies[1], TAG)
    bench.live_for(LONG, every=3 * DAY)
    assert left(bench, bodies) == [0, 1]


def test_every_tag_has_generations_of_its_own(bench: Bench) -> None:
    bench.configure(dockerTagRetention=2)
    first, second = generations(bench, 3, Tag("a")), generations(bench, 3, Tag("b"))
    bench.live_for(LONG, every=3 * DAY)
    assert left(bench, first) == left(bench, second) == [1, 2]


def test_the_generations_of_a_deleted_tag_stay(bench: Bench) -> None:
    bench.configure(dockerTagRetention=2)
    bodies = generations(bench, 3)
    bench.untag()
    bench.live_for(LONG, every=3 * DAY)
    assert left(bench, bodies) == [2]


def test_fewer_generations_later(bench: Bench) -> None:
    bench.configure(dockerTagRetention=5)
    bodies = generations(bench, 5)
    bench.live_for(LONG, every=3 * DAY)
    assert left(bench, bodies) == [0, 1, 2, 3, 4]
    bench.configure(dockerTagRetention=2)
    bench.live_for(2 * DAY)
    assert left(bench, bodies) == [3, 4]


# --- days --------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [0, 1, 3, 30])
def test_the_days_of_an_overwritten_manifest(bench: Bench, days: int) -> None:
    """Never less than the grace, whatever is set."""
    bench.configure(untaggedRetentionDays=days)
    bodies = generations(bench, 2)
    kept = max(days * DAY, GRACE)
    bench.live_for(kept - 2 * HOUR, every=12 * HOUR)
    assert left(bench, bodies) == [0, 1]
    bench.live_for(3 * HOUR)
    assert left(bench, bodies) == [1]


def test_for_ever(bench: Bench) -> None:
    bench.configure(untaggedRetentionDays=-1)
    bodies = generations(bench, 2)
    bench.untag()
    bench.live_for(400 * DAY, every=5 * DAY)
    assert left(bench, bodies) == [0, 1]


def test_the_days_count_from_the_loss_of_the_tag(bench: Bench) -> None:
    body = bench.push(b"layer")
    bench.live_for(300 * DAY, every=5 * DAY)
    bench.untag()
    bench.live_for(UNTAGGED - HOUR, every=DAY)
    bench.pull(body)
    bench.live_for(2 * HOUR)
    assert not bench.has(body)


def test_the_days_of_a_manifest_that_never_had_a_tag(bench: Bench) -> None:
    body = bench.push(b"layer", to=None)
    bench.live_for(UNTAGGED - HOUR, every=DAY)
    bench.pull(body)
    bench.live_for(2 * HOUR)
    assert not bench.has(body)


def test_the_days_begin_anew_when_a_pusher_is_told_that_it_is_here(bench: Bench) -> None:
    body = bench.push(b"layer", to=None)
    for _ in range(4):
        bench.live_for(UNTAGGED - HOUR, every=DAY)
        bench.repository.manifest(IMAGE, Digest.of(body), renew=True)
    bench.pull(body)


def test_a_manifest_that_gets_a_tag_again_stays(bench: Bench) -> None:
    body = bench.push(b"layer")
    bench.untag()
    bench.live_for(UNTAGGED - HOUR, every=DAY)
    bench.put(body, Tag("again"))
    bench.live_for(LONG, every=3 * DAY)
    bench.pull(body)
    check_accounts(bench.root)


def test_what_is_deleted_by_the_pruner_is_in_the_trash(bench: Bench) -> None:
    body = bench.push(b"layer", to=None)
    bench.live_for(UNTAGGED + 2 * HOUR, every=DAY)
    (entry,) = bench.entries()
    assert entry.reference == Digest.of(body)
    assert entry.principal == "pruner"
    bench.restore(Digest.of(body))
    bench.pull(body)


# --- damage ------------------------------------------------------------------------------------

NONSENSE: list[object] = [
    {"1.0": "yesterday"}, {"1.0": 7}, {"1.0": None}, {"1.0": {}}, {"1.0": "0001-01-01T00:00:00"},
    ["1.0"], [["1.0", 7]], [], None, "1.0", "", 7, True,
]  # fmt: skip


def spoil(bench: Bench, body: bytes, former: object) -> None:
    """Let the sidecar of an untagged manifest say nonsense of the tags that it had."""
    manifests, place, digest = bench.store.manifests, Place(KEY, IMAGE), Digest.of(body)
    sidecar = dict(manifests.sidecar(place, digest) or {})
    assert "formerTags" in sidecar
    manifests.replace_sidecar(place, digest, sidecar | {"formerTags": former})


@pytest.mark.parametrize("former", NONSENSE, ids=repr)
def test_a_sidecar_that_says_nonsense_keeps_nothing(bench: Bench, former: object) -> None:
    """Neither itself beyond its days, nor anything else."""
    bench.configure(dockerTagRetention=2)
    bodies = generations(bench, 2)
    spoil(bench, bodies[0], former)
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    assert bench.prune().failed == 0
    bench.live_for(LONG, every=3 * DAY)
    assert left(bench, bodies) == [1]
    assert not bench.stores(b"alone")
    check_accounts(bench.root)


@pytest.mark.parametrize("former", NONSENSE, ids=repr)
def test_over_a_sidecar_that_says_nonsense_tags_move_and_go(bench: Bench, former: object) -> None:
    """And from then on it is known again which tag the manifest had."""
    bench.configure(dockerTagRetention=2)
    bodies = generations(bench, 2)
    bench.put(bodies[0], TAG)
    spoil(bench, bodies[0], former)
    bench.put(bodies[1], TAG)
    bench.live_for(LONG, every=3 * DAY)
    assert left(bench, bodies) == [0, 1]
