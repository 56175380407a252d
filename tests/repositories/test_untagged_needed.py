"""What manifests without a tag keep with them: the children of indexes, and what refers to them."""

from __future__ import annotations

import pytest

from registry.model.digests import Digest
from registry.model.names import Tag
from tests.support.accounts import check_accounts
from tests.support.bench import (
    ALICE,
    EVERYTHING,
    IMAGE,
    TAG,
    UNTAGGED,
    Bench,
    index,
    referrer,
)
from tests.support.travel import DAY, HOUR

LONG = 2 * EVERYTHING


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
