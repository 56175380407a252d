"""R9: the children of an index, which have no tag, go or are deleted before the index comes."""

from __future__ import annotations

import os
from typing import Any

import pytest

from registry.model.digests import Digest
from registry.model.errors import ManifestPartsMissing, ManifestUnknown
from registry.model.names import ImageName, Tag
from registry.repositories.deleting import ManifestDeletion
from registry.storage import atomic, held
from registry.storage.manifests import Manifests
from registry.storage.trash import Trash
from tests.faults.races.gates import at
from tests.faults.races.images import BODY, LAYERS
from tests.faults.races.scenes import live_to_the_last_minute, settle
from tests.storage.faults import STEPS, Watched, in_child, kills
from tests.support.bench import (
    ALICE,
    CONFIG,
    GRACE,
    IMAGE,
    KEY,
    TAG,
    UNTAGGED,
    Bench,
    image,
    index,
)
from tests.support.travel import DAY, HOUR, MINUTE


def yes(bench: Bench, name: ImageName = IMAGE, child: bytes = BODY) -> bool:
    """Ask as a pusher whether the image has the child."""
    try:
        bench.repository.manifest(name, Digest.of(child), renew=True)
    except ManifestUnknown:
        return False
    return True


def old_child(bench: Bench, days: int = 7) -> Bench:
    """Let the image have a manifest whose time is over; return the pruner."""
    bench.configure(untaggedRetentionDays=days)
    bench.push(*LAYERS, to=None)
    bench.prune(after=MINUTE)
    bench.travel.wait(max(days * DAY, GRACE) + HOUR)
    return bench.again()


def check_index(bench: Bench) -> None:
    assert bench.pull() == index(BODY)
    settle(bench)
    assert bench.pull() == index(BODY)


def test_r9_passes_between_the_children_and_the_index(bench: Bench) -> None:
    bench.push(*LAYERS, to=None)
    bench.live_for(UNTAGGED - HOUR, every=DAY)
    bench.put(index(BODY), TAG)
    check_index(bench)


PLACES: list[tuple[Any, str, bool]] = [
    (ManifestDeletion, "untagged", False),
    (held, "hold", False),
    (atomic, "move", False),
    (atomic, "move", True),
    (held, "hold", True),
    (ManifestDeletion, "untagged", True),
    (Trash, "stage", False),
    (Trash, "stage", True),
    (Manifests, "remove_folders", True),
    (Manifests, "unregister", False),
    (Manifests, "unregister", True),
]
WANTED = PLACES[2:6]
"""How far the pruner comes with what somebody wants: to its second look."""


@pytest.mark.parametrize(("owner", "function", "after"), PLACES)
def test_r9_the_index_comes_while_its_child_is_deleted(
    bench: Bench, owner: Any, function: str, after: bool
) -> None:
    """A client asks, pushes what is missing, and then the index; whenever it comes, it is taken."""
    pruner = old_child(bench)

    def push() -> None:
        if not yes(bench):
            bench.push(*LAYERS, to=None)
        bench.put(index(BODY), TAG)

    with at(owner, function, push, after=after):
        pruner.prune()
    check_index(bench)


@pytest.mark.parametrize(("owner", "function", "after"), PLACES[2:])
def test_r9_the_yes_was_given_a_moment_before(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, owner: Any, function: str, after: bool
) -> None:
    """The "yes" after the pruner's look, the index at any later time."""
    pruner, hold = old_child(bench), held.hold

    def hold_after_yes(path: str, before: float) -> Any:
        assert yes(bench)
        return hold(path, before)

    monkeypatch.setattr(held, "hold", hold_after_yes)
    reached = (owner, function, after) in WANTED
    with at(owner, function, lambda: bench.put(index(BODY), TAG), after=after, reached=reached):
        assert pruner.prune().manifests_deleted == 0
    if not reached:
        bench.put(index(BODY), TAG)
    check_index(bench)


def test_r9_the_yes_comes_before_the_pruner_has_the_lock(bench: Bench) -> None:
    """The name is not even taken for a moment: the index could come just then."""
    pruner = old_child(bench)
    with (
        at(held, "hold", lambda: None, reached=False),
        at(ManifestDeletion, "untagged", lambda: yes(bench)),
    ):
        assert pruner.prune().manifests_deleted == 0
    assert bench.pull(BODY) == BODY


def test_r9_an_index_that_is_wanted_at_the_last_moment_keeps_its_children(bench: Bench) -> None:
    """Its own time is over, too; somebody asks for it while the pruner is about to delete it."""
    old_child(bench)
    bench.put(index(BODY))
    bench.travel.wait(8 * DAY)
    bench.prune(after=MINUTE)
    digest = Digest.of(index(BODY))

    def ask() -> None:
        bench.repository.manifest(IMAGE, digest, renew=True)

    bench.travel.wait(HOUR)
    with at(ManifestDeletion, "untagged", ask):
        bench.again().prune()
    bench.live_for(GRACE - HOUR)
    assert bench.pull(index(BODY)) == index(BODY)
    bench.put(index(BODY), TAG)
    check_index(bench)


def test_r9_a_pusher_that_is_stopped_for_longer_than_the_grace(bench: Bench) -> None:
    """But not for longer than grace and hold, even if manifests have no days beyond the grace."""
    bench.configure(untaggedRetentionDays=0)
    bench.prune()
    bench.push(*LAYERS, to=None)
    assert yes(bench)
    live_to_the_last_minute(bench)
    bench.put(index(BODY), TAG)
    check_index(bench)


@pytest.mark.parametrize("tagged", [False, True])
def test_r9_the_push_of_a_child_is_killed(bench: Bench, tagged: bool) -> None:
    """The client comes back, asks, pushes what is missing, and then the index.

    At each step, in an image of its own.
    """
    pushed: dict[ImageName, bytes] = {}
    for number in range(1, 100):
        name, layers = ImageName(f"team/app-{number}"), (b"first", f"{number}".encode())
        child = image(*layers)
        for data in (*layers, CONFIG):
            bench.blob(data, name)

        def run(number: int = number, child: bytes = child, name: ImageName = name) -> None:
            with Watched(kills(number), STEPS):
                bench.put(child, Tag("child") if tagged else None, name)

        code = in_child(run)
        if not yes(bench, name, child):
            bench.push(*layers, to=None, at=name)
        pushed[name] = index(child)
        bench.put(pushed[name], TAG, name)
        if code == 0:
            break
    assert number > 10
    bench.live_for(5 * DAY, every=DAY)
    for name, body in pushed.items():
        assert bench.pull(TAG, name) == body
        bench.repository.delete_image(name, ALICE)
    bench.trashcan.empty()
    settle(bench)
    assert os.listdir(bench.layout.repository(KEY)) == []


def test_r9_the_child_is_deleted_by_hand_before_the_index_comes(bench: Bench) -> None:
    """Deleted means gone: the index is refused, and nothing of it is left."""
    old_child(bench)
    with (
        at(Manifests, "store", lambda: bench.delete(BODY)),
        pytest.raises(ManifestPartsMissing) as error,
    ):
        bench.put(index(BODY), TAG)
    assert Digest.of(BODY) in str(error.value.details)
    assert not bench.pulls(TAG)
    assert not bench.has(index(BODY))
    settle(bench)


def test_r9_the_child_is_deleted_by_hand_while_the_index_waits(bench: Bench) -> None:
    """It waits for the lock that the deletion has, and finds its child gone."""
    old_child(bench)
    with (
        pytest.raises(ManifestPartsMissing),
        at(ManifestDeletion, "manifest", lambda: bench.put(index(BODY), TAG)),
    ):
        bench.delete(BODY)
    assert not bench.pulls(TAG)
    assert not bench.has(index(BODY))
    settle(bench)


def test_r9_a_tag_for_a_manifest_that_is_about_to_go(bench: Bench) -> None:
    pruner = old_child(bench)
    with at(held, "hold", lambda: bench.put(BODY, TAG)):
        pruner.prune()
    assert bench.pull() == BODY
    settle(bench)
    assert bench.pull() == BODY
