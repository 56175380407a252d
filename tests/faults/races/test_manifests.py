"""R5, R6, R9: manifests that are pulled or named while they, or their tags, go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry.model.digests import Digest
from registry.model.errors import ManifestPartsMissing, ManifestUnknown
from registry.model.names import Tag
from registry.repositories.deleting import ManifestDeletion
from registry.storage import atomic, held, image_scan, leases
from registry.storage.manifests import Manifests
from registry.storage.trash import Trash
from tests.faults.races.gates import at
from tests.storage.faults import STEPS, Watched, in_child, kills
from tests.support.accounts import check_accounts
from tests.support.bench import (
    ALICE,
    GRACE,
    HOLD,
    IMAGE,
    OTHER,
    TAG,
    UNTAGGED,
    Bench,
    image,
    index,
)
from tests.support.travel import DAY, HOUR, MINUTE

LAYERS = (b"first", b"second")
BODY = image(*LAYERS)

# --- R5: deleted or overwritten during a pull --------------------------------------------------

LOSSES: dict[str, Callable[[Bench], object]] = {
    "overwritten": lambda bench: bench.push(b"new", note="new"),
    "overwritten by an index": lambda bench: bench.put(index(BODY), TAG),
    "untagged": lambda bench: bench.untag(),
    "tag deleted": lambda bench: bench.repository.delete_tag(IMAGE, TAG, ALICE),
    "manifest deleted": lambda bench: bench.delete(BODY),
    "image deleted": lambda bench: bench.repository.delete_image(IMAGE, ALICE),
}


def old_image(bench: Bench, body: bytes = BODY) -> Bench:
    """Push an image, long ago; return the pruner."""
    bench.push(*LAYERS)
    assert bench.pull() == body
    bench.prune(after=MINUTE)
    bench.live_for(30 * DAY, every=5 * DAY)
    return bench.again()


@pytest.mark.parametrize("passes", [GRACE - HOUR, 0.0], ids=["a long pull", "one pass"])
@pytest.mark.parametrize("loss", LOSSES)
def test_r5_a_pull_goes_on_when_its_tag_goes(bench: Bench, loss: str, passes: float) -> None:
    pruner = old_image(bench)

    def lose() -> None:
        LOSSES[loss](bench)
        pruner.live_for(passes, every=2 * HOUR)

    assert bench.pull(between=lose) == BODY


@pytest.mark.parametrize("keeps_trash", [True, False])
def test_r5_a_pull_goes_on_without_a_trash(bench: Bench, keeps_trash: bool) -> None:
    bench = Bench(bench.root, bench.travel, keeps_trash=keeps_trash)
    pruner = old_image(bench)

    def lose() -> None:
        bench.delete(BODY)
        pruner.live_for(GRACE - HOUR)

    assert bench.pull(between=lose) == BODY


def test_r5_a_pull_goes_on_when_the_pruner_deletes_the_manifest(bench: Bench) -> None:
    pruner = old_image(bench)
    bench.untag()
    bench.live_for(UNTAGGED - HOUR)

    def lose() -> None:
        pruner.live_for(2 * HOUR, every=HOUR)
        assert not bench.has(BODY)
        pruner.live_for(GRACE - 3 * HOUR)

    assert bench.pull(BODY, between=lose) == BODY


@pytest.mark.parametrize("loss", ["overwritten", "overwritten by an index", "untagged"])
@pytest.mark.parametrize(
    ("owner", "function", "after"),
    [(image_scan, "listed", True), (image_scan.ImageScanner, "_scan_folder", False),
     (image_scan.ImageScanner, "_scan_folder", True), (image_scan.ImageScanner, "scan", True),
     (leases, "end", False), (held, "hold", False), (atomic, "move", False)],
)  # fmt: skip
def test_r5_what_loses_its_tag_under_the_pruners_eyes_keeps_its_blobs(
    bench: Bench, loss: str, owner: Any, function: str, after: bool
) -> None:
    """The pruner has listed the image, and does not see where the manifest moves to."""
    pruner = old_image(bench)
    bench.blob(b"lonely")
    bench.live_for(GRACE - MINUTE)
    bench.travel.wait(HOUR)
    with at(owner, function, lambda: LOSSES[loss](bench), after=after):
        pruner.prune()
    pruner.live_for(3 * HOUR, every=HOUR)
    bench.pull(BODY)
    bench.pull(BODY, between=lambda: pruner.live_for(UNTAGGED - 5 * HOUR))


@pytest.mark.parametrize("name", ["remove_folders", "unregister", "prepare", "commit"])
@pytest.mark.parametrize("loss", LOSSES)
def test_r5_a_pass_in_the_middle_of_a_deletion(bench: Bench, loss: str, name: str) -> None:
    pruner = old_image(bench)

    def lose() -> None:
        with at(Manifests, name, pruner.prune):
            LOSSES[loss](bench)

    try:
        assert bench.pull(between=lose) == BODY
    except AssertionError as error:
        assert "never reached" in str(error)  # noqa: PT017 - not every loss does all of it
    pruner.settle()
    check_accounts(bench.root)


# --- R6: moved during a pull -------------------------------------------------------------------


def test_r6_a_pull_goes_on_when_the_image_moves_to_another_repository(bench: Bench) -> None:
    pruner = old_image(bench)

    def move() -> None:
        for data in (*LAYERS, b"{}"):
            blob = bench.repository.blob(IMAGE, Digest.of(data), renew=True)
            bench.repository.mount_blob(OTHER, blob, ALICE)
        bench.put(BODY, TAG, at=OTHER)
        bench.repository.delete_image(IMAGE, ALICE)
        pruner.live_for(GRACE - HOUR)

    assert bench.pull(between=move) == BODY
    assert bench.pull(TAG, OTHER) == BODY
    pruner.settle()
    assert bench.pull(TAG, OTHER) == BODY
    check_accounts(bench.root)


# --- R9: an index whose children have no tag ---------------------------------------------------


def yes(bench: Bench) -> bool:
    """Ask as a pusher whether the image has the child."""
    try:
        bench.repository.manifest(IMAGE, Digest.of(BODY), renew=True)
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
    bench.settle()
    assert bench.pull() == index(BODY)
    check_accounts(bench.root)


def test_r9_passes_between_the_children_and_the_index(bench: Bench) -> None:
    bench.push(*LAYERS, to=None)
    bench.live_for(UNTAGGED - HOUR)
    bench.put(index(BODY), TAG)
    check_index(bench)


PLACES: list[tuple[Any, str, bool]] = [
    (ManifestDeletion, "untagged", False),
    (held, "hold", False),
    (atomic, "move", False),
    (atomic, "move", True),
    (held, "hold", True),
    (Trash, "stage", False),
    (Trash, "stage", True),
    (Manifests, "remove_folders", True),
    (Manifests, "unregister", False),
    (Manifests, "unregister", True),
    (ManifestDeletion, "untagged", True),
]


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
    bench: Bench, owner: Any, function: str, after: bool
) -> None:
    """The "yes" after the pruner's look, the index at any later time."""
    pruner = old_child(bench)

    def hold_after_yes(path: str, before: float) -> Any:
        assert yes(bench)
        return hold(path, before)

    hold = held.hold
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held, "hold", hold_after_yes)
        try:
            with at(owner, function, lambda: bench.put(index(BODY), TAG), after=after):
                pruner.prune()
        except AssertionError as error:
            # The pruner has found that it is wanted, and goes no further.
            assert "never reached" in str(error)  # noqa: PT017
            bench.put(index(BODY), TAG)
    check_index(bench)


def test_r9_a_pusher_that_is_stopped_for_longer_than_the_grace(bench: Bench) -> None:
    """But not for longer than grace and hold, even if manifests have no days beyond the grace."""
    bench.configure(untaggedRetentionDays=0)
    bench.prune()
    bench.push(*LAYERS, to=None)
    assert yes(bench)
    bench.live_for(GRACE + HOLD - MINUTE, every=10 * MINUTE)
    bench.put(index(BODY), TAG)
    check_index(bench)


@pytest.mark.parametrize("tagged", [False, True])
def test_r9_the_push_of_a_child_is_killed(bench: Bench, tagged: bool) -> None:
    """The client comes back, asks, pushes what is missing, and then the index."""
    for number in range(1, 100):
        for data in (*LAYERS, b"{}"):
            bench.blob(data)

        def run(number: int = number) -> None:
            with Watched(kills(number), STEPS):
                bench.put(BODY, Tag("child") if tagged else None)

        code = in_child(run)
        if not yes(bench):
            bench.push(*LAYERS, to=None)
        bench.put(index(BODY), TAG)
        bench.live_for(5 * DAY, every=DAY)
        assert bench.pull() == index(BODY)
        if code == 0:
            break
        bench.repository.delete_image(IMAGE, ALICE)
        bench.trashcan.empty()
        bench.settle()
        check_accounts(bench.root)
    assert number > 10


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
    bench.settle()
    check_accounts(bench.root)


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
    bench.settle()
    check_accounts(bench.root)


def test_r9_a_tag_for_a_manifest_that_is_about_to_go(bench: Bench) -> None:
    pruner = old_child(bench)
    with at(held, "hold", lambda: bench.put(BODY, TAG)):
        pruner.prune()
    assert bench.pull() == BODY
    bench.settle()
    assert bench.pull() == BODY
    check_accounts(bench.root)


# --- the same tag, from both sides -------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "function"),
    [(Trash, "stage"), (Manifests, "remove_folders"), (Trash, "finish"),
     (Manifests, "unregister")],
)  # fmt: skip
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("loss", ["tag deleted", "manifest deleted", "untagged"])
def test_a_tag_is_pushed_while_it_is_deleted(
    bench: Bench, owner: Any, function: str, after: bool, loss: str
) -> None:
    """Whoever comes second has the last word, and the tag is whole or not there."""
    pruner = old_image(bench)
    try:
        with at(owner, function, lambda: bench.push(*LAYERS, b"more", note="new"), after=after):
            LOSSES[loss](bench)
    except AssertionError as error:
        assert "never reached" in str(error)  # noqa: PT017 - an untagged one stays registered
    else:
        assert bench.pull() == image(*LAYERS, b"more", note="new")
    pruner.settle()
    check_accounts(bench.root)


@pytest.mark.parametrize("function", ["prepare", "register", "stage", "commit", "settle"])
@pytest.mark.parametrize("loss", ["tag deleted", "manifest deleted", "image deleted"])
def test_a_tag_is_deleted_while_it_is_pushed(bench: Bench, function: str, loss: str) -> None:
    pruner = old_image(bench)
    try:
        with at(Manifests, function, lambda: LOSSES[loss](bench)):
            bench.push(*LAYERS, b"more", note="new")
    except ManifestUnknown:
        assert bench.pulls(TAG)
    pruner.prune()
    if bench.store.manifests.has_folder(bench.repository._place(IMAGE), Tag("1.0")):
        bench.pull()
    pruner.settle()
    check_accounts(bench.root)
