"""How long manifests without a tag stay, and what they keep with them."""

from __future__ import annotations

import pytest

from registry.model.digests import Digest
from registry.model.names import Tag
from tests.support.accounts import check_accounts
from tests.support.bench import (
    ALICE,
    EVERYTHING,
    GRACE,
    IMAGE,
    TAG,
    UNTAGGED,
    Bench,
    index,
    referrer,
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


# --- indexes and referrers ---------------------------------------------------------------------


def test_the_children_of_a_live_index_stay(bench: Bench) -> None:
    children = [bench.push(f"{n}".encode(), to=None, note=f"{n}") for n in range(3)]
    bench.put(index(*children), TAG)
    bench.live_for(LONG, every=3 * DAY)
    bench.pull()
    check_accounts(bench.root)


def test_indexes_in_indexes_and_referrers_of_referrers_stay(bench: Bench) -> None:
    child = bench.push(b"layer", to=None)
    inner = index(child, note="inner")
    bench.put(inner)
    outer = index(inner, note="outer")
    bench.put(outer, TAG)
    signature = referrer(outer, note="signature")
    bench.put(signature)
    of_child = referrer(child, note="of child")
    bench.put(of_child)
    second = referrer(signature, note="second")
    bench.put(second)
    bench.live_for(LONG, every=3 * DAY)
    for body in (child, inner, outer, signature, of_child, second):
        bench.pull(body)
    assert bench.pull() == outer
    check_accounts(bench.root)
    bench.untag()
    bench.live_for(4 * EVERYTHING, every=DAY)
    check_accounts(bench.root)
    assert not any(map(bench.has, (child, inner, outer, signature, of_child, second)))


def test_a_child_that_a_live_index_shares_with_a_deleted_one_stays(bench: Bench) -> None:
    shared, own = (bench.push(n, to=None, note=str(n)) for n in (b"shared", b"own"))
    bench.put(index(shared, own, note="gone"), Tag("gone"))
    bench.put(index(shared, note="kept"), TAG)
    bench.repository.delete_tag(IMAGE, Tag("gone"), ALICE)
    bench.live_for(LONG, every=3 * DAY)
    bench.pull()
    assert not bench.has(own)
    check_accounts(bench.root)


def test_a_deleted_tag_of_a_child_takes_nothing_from_the_index(bench: Bench) -> None:
    """Platforms are often pushed under tags of their own, and joined by an index later."""
    child = bench.push(b"layer", to=Tag("amd64"))
    bench.put(index(child), TAG)
    bench.live_for(2 * DAY)
    bench.repository.delete_tag(IMAGE, Tag("amd64"), ALICE)
    bench.live_for(LONG, every=3 * DAY)
    bench.pull()
    check_accounts(bench.root)


def test_an_overwritten_tag_of_a_child_takes_nothing_from_the_index(bench: Bench) -> None:
    child = bench.push(b"layer", to=Tag("amd64"))
    bench.put(index(child), TAG)
    bench.live_for(2 * DAY)
    bench.push(b"other", to=Tag("amd64"), note="other")
    bench.live_for(LONG, every=3 * DAY)
    bench.pull()
    check_accounts(bench.root)


@pytest.mark.parametrize("retention", [{"dockerTagRetention": 2}, {"untaggedRetentionDays": -1}])
def test_an_index_that_stays_keeps_its_children(bench: Bench, retention: dict[str, int]) -> None:
    """By whatever it stays."""
    bench.configure(**retention)
    child = bench.push(b"layer", to=None)
    body = index(child)
    bench.put(body, TAG)
    bench.put(referrer(body))
    bench.push(b"new", note="new")
    bench.live_for(LONG, every=3 * DAY)
    bench.pull(body)
    assert bench.has(referrer(body))
    check_accounts(bench.root)


def test_an_index_that_is_asked_for_keeps_its_children(bench: Bench) -> None:
    child = bench.push(b"layer", to=None)
    body = index(child)
    bench.put(body)
    for _ in range(4):
        bench.live_for(UNTAGGED - HOUR, every=DAY)
        bench.repository.manifest(IMAGE, Digest.of(body), renew=True)
    bench.pull(body)


def test_of_an_index_whose_time_is_over_the_children_go_last(bench: Bench) -> None:
    """At no time there is an index with missing children."""
    bodies = []
    for number in range(6):
        child = bench.push(f"{number}".encode(), to=None, note=f"{number}")
        bodies.append(index(child, note=f"{number}"))
        bench.put(bodies[-1])
    for _ in range(40):
        bench.prune(after=12 * HOUR)
        for body in bodies:
            assert bench.pulls(body) is bench.has(body)
    assert not any(map(bench.has, bodies))


def test_a_referrer_goes_after_its_subject(bench: Bench) -> None:
    subject = bench.push(b"layer")
    bench.put(referrer(subject))
    bench.live_for(LONG, every=3 * DAY)
    bench.untag()
    for _ in range(40):
        bench.prune(after=12 * HOUR)
        assert bench.has(referrer(subject)) or not bench.has(subject)
    assert not bench.has(subject)
    assert not bench.has(referrer(subject))


def test_a_referrer_of_nothing_goes_like_any_other(bench: Bench) -> None:
    """It may come before its subject, so it has its time."""
    body = referrer(b"{}")
    bench.blob(b"{}")
    bench.put(body)
    bench.live_for(UNTAGGED - HOUR, every=DAY)
    assert bench.has(body)
    bench.live_for(2 * HOUR)
    assert not bench.has(body)
    bench.live_for(EVERYTHING, every=DAY)
    check_accounts(bench.root)


def test_a_referrer_with_a_tag_of_its_own_stays(bench: Bench) -> None:
    body = referrer(b"{}")
    bench.blob(b"{}")
    bench.put(body, Tag("sbom"))
    bench.live_for(LONG, every=3 * DAY)
    bench.pull(Tag("sbom"))


def test_a_sidecar_that_says_nonsense_keeps_nothing(bench: Bench) -> None:
    bench.configure(dockerTagRetention=2)
    bodies = generations(bench, 2)
    place, digest = bench.repository._place(IMAGE), Digest.of(bodies[0])
    formers: list[object] = [{"1.0": "yesterday"}, {"1.0": 7}, [], None, {"1.0": None}, "1.0", 7]
    for former in formers:
        sidecar = dict(bench.store.manifests.sidecar(place, digest) or {})
        bench.store.manifests.replace_sidecar(place, digest, sidecar | {"formerTags": former})
        bench.prune()
    bench.live_for(LONG, every=3 * DAY)
    assert left(bench, bodies) == [1]
