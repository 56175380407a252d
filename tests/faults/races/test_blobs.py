"""R1 to R4, R7, R8, R10: blobs that somebody relies on while the pruner is about to free them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from typing import Any
from unittest import mock

import pytest

from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, ManifestPartsMissing
from registry.services.pruning_report import Report
from registry.storage import atomic, filestore, held, leases, links, orphans
from registry.storage.layout import HELD_PREFIX
from tests.faults.races.gates import at
from tests.support.accounts import check_accounts
from tests.support.bench import (
    ALICE,
    CONFIG,
    GRACE,
    HOLD,
    IMAGE,
    KEY,
    OTHER,
    TAG,
    Bench,
    image,
)
from tests.support.travel import DAY, HOUR, MINUTE

LAYER = b"layer"
DIGEST = Digest.of(LAYER)
BODY = image(LAYER)


def yes(bench: Bench) -> bool:
    """Ask as a pusher whether the image has the layer."""
    try:
        bench.repository.blob(IMAGE, DIGEST, renew=True)
    except BlobUnknown:
        return False
    return True


def put(bench: Bench) -> None:
    bench.blob(CONFIG)
    bench.put(BODY, TAG)


def check_pushed(bench: Bench) -> None:
    """Assert that what has been pushed stays, and that nothing else does."""
    assert bench.pull() == BODY
    bench.settle()
    assert bench.pull() == BODY
    check_accounts(bench.root)


def is_layer(*arguments: Any) -> bool:
    """Return whether a function was called for a name of the layer."""
    path = arguments[0].path if hasattr(arguments[0], "path") else str(arguments[0])
    return DIGEST.encoded in path


# --- R1: uploaded, and no manifest yet ---------------------------------------------------------


def test_r1_passes_between_the_upload_and_the_manifest(bench: Bench) -> None:
    bench.blob(LAYER)
    bench.live_for(GRACE - 10 * MINUTE, every=2 * HOUR)
    put(bench)
    check_pushed(bench)


def test_r1_a_pusher_that_is_stopped_for_longer_than_the_grace(bench: Bench) -> None:
    """But not for longer than grace and hold: the blob rises from its hold."""
    bench.prune()
    bench.blob(LAYER)
    bench.blob(CONFIG)
    bench.live_for(GRACE + HOLD - MINUTE, every=30 * MINUTE)
    assert not bench.shows(LAYER)
    bench.put(BODY, TAG)
    check_pushed(bench)


def test_r1_a_pusher_that_is_stopped_before_the_image_has_its_blob(bench: Bench) -> None:
    """Until then the name that the upload has keeps the content."""
    bench.prune()
    process = bench.again()
    with at(links.Links, "add", lambda: process.live_for(5 * GRACE)):
        bench.blob(LAYER)
    put(bench)
    check_pushed(bench)


# --- R2: "yes, I have it", and then the pruner -------------------------------------------------


def old_lease(bench: Bench) -> Bench:
    """Let the image have a blob that nobody has wanted for long; return the pruner."""
    bench.blob(LAYER)
    bench.prune(after=MINUTE)
    bench.travel.wait(GRACE + HOUR)
    return bench.again()


def test_r2_the_yes_comes_between_the_look_at_all_and_that_at_one(bench: Bench) -> None:
    pruner = old_lease(bench)
    answers: list[bool] = []
    with at(leases, "end", lambda: answers.append(yes(bench))):
        pruner.prune()
    assert answers == [True]
    put(bench)
    check_pushed(bench)


def test_r2_the_yes_comes_between_the_look_and_the_rename(bench: Bench) -> None:
    pruner = old_lease(bench)
    answers: list[bool] = []
    with at(held, "hold", lambda: answers.append(yes(bench)), when=is_layer):
        pruner.prune()
    assert answers == [True]
    assert bench.shows(LAYER)
    put(bench)
    check_pushed(bench)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_r2_yes_and_manifest_while_the_pruner_renames(bench: Bench, after: bool) -> None:
    """The "yes" before the rename, the manifest between the rename and the second look."""
    pruner = old_lease(bench)
    bench.blob(CONFIG)

    def look_then_move() -> None:
        assert yes(bench)

    with (
        at(held, "hold", look_then_move, when=is_layer),
        at(atomic, "move", lambda: bench.put(BODY, TAG), after=after, when=is_layer),
    ):
        pruner.prune()
    check_pushed(bench)


def test_r2_asked_between_the_rename_and_the_second_look(bench: Bench) -> None:
    """Whatever the answer is, it holds: after a "no" the client uploads."""
    pruner = old_lease(bench)

    def push() -> None:
        if not yes(bench):
            bench.blob(LAYER)
        put(bench)

    with at(atomic, "move", push, after=True, when=is_layer):
        pruner.prune()
    check_pushed(bench)


def test_r2_the_pruner_is_killed_between_its_rename_and_its_second_look(bench: Bench) -> None:
    pruner = old_lease(bench)

    def killed(path: str, before: float) -> None:
        assert yes(bench)
        folder, name = os.path.split(path)
        atomic.move(path, f"{folder}/{HELD_PREFIX}{pruner.travel.time_ns()}.{'0' * 8}.{name}")
        raise KeyboardInterrupt

    with mock.patch.object(held, "hold", killed), pytest.raises(KeyboardInterrupt):
        pruner.prune()
    bench.live_for(GRACE - HOUR)
    put(bench)
    check_pushed(bench)


@pytest.mark.parametrize("function", ["bring_back", "is_wanted"])
def test_r2_the_manifest_comes_while_the_pruner_settles(bench: Bench, function: str) -> None:
    pruner = old_lease(bench)
    bench.blob(CONFIG)
    pruner.prune()
    assert not bench.shows(LAYER)
    pruner.prune(after=MINUTE)
    pruner.travel.wait(2 * HOLD)
    arguments: dict[str, Any] = {"when": is_layer}
    if function == "bring_back":
        # Somebody wanted it, so it is about to be brought back.
        bench.blob(LAYER, OTHER)
    with at(held, function, lambda: bench.put(BODY, TAG), **arguments):
        pruner.prune()
    assert bench.pull() == BODY
    bench.repository.delete_image(IMAGE, ALICE)
    bench.settle()
    check_accounts(bench.root)


def test_r2_the_manifest_comes_before_the_last_name_on_hold_is_removed(bench: Bench) -> None:
    pruner = old_lease(bench)
    bench.blob(CONFIG)
    pruner.prune()
    pruner.prune(after=MINUTE)
    pruner.travel.wait(2 * HOLD)
    with at(atomic, "remove", lambda: bench.put(BODY, TAG), when=is_layer):
        pruner.prune()
    check_pushed(bench)


# --- R3: mounts --------------------------------------------------------------------------------


def mount(bench: Bench, between: Callable[[], object] = lambda: None) -> None:
    """Mount the layer from another image, as a client does; upload it where that fails."""
    repository = bench.repository
    try:
        found = repository.blob(OTHER, DIGEST)
        between()
        repository.mount_blob(IMAGE, found, ALICE)
    except BlobUnknown:
        bench.blob(LAYER)


def other_has_an_old_one(bench: Bench) -> Bench:
    bench.blob(LAYER, OTHER)
    bench.prune(after=MINUTE)
    bench.travel.wait(GRACE + HOUR)
    return bench.again()


def free(pruner: Bench) -> None:
    """Let the pruner do all that it can, until nobody has the layer."""
    pruner.live_for(2 * GRACE + 12 * HOUR, every=4 * HOUR)


def test_r3_the_source_is_pruned_between_the_look_and_the_mount(bench: Bench) -> None:
    pruner = other_has_an_old_one(bench)
    mount(bench, between=lambda: free(pruner))
    put(bench)
    check_pushed(bench)


@pytest.mark.parametrize("action", ["prune", "free"])
@pytest.mark.parametrize(
    ("owner", "function", "after"),
    [(filestore.Filestore, "give", False), (filestore.Filestore, "give", True),
     (filestore.Filestore, "renew", False), (filestore.Filestore, "renew", True),
     (held, "resurrect", False), (held, "resurrect", True)],
)  # fmt: skip
def test_r3_the_source_is_pruned_during_the_mount(
    bench: Bench, owner: Any, function: str, after: bool, action: str
) -> None:
    pruner = other_has_an_old_one(bench)
    if owner is held:
        # The source is on hold, with its content, when the mount comes.
        pruner.prune()
        pruner.live_for(GRACE + 2 * HOUR, every=HOUR)
        assert not bench.shows(LAYER, OTHER)
        assert bench.store.filestore.has(DIGEST) is False
        hold_again(bench, OTHER)

    def prune() -> None:
        (free if action == "free" and not after else Bench.prune)(pruner)

    with at(owner, function, prune, after=after):
        mount(bench)
        if owner is held:
            held.resurrect(bench.layout.layer(KEY, OTHER, DIGEST))
    put(bench)
    check_pushed(bench)


def hold_again(bench: Bench, image_name: Any) -> None:
    """Let the layer be on hold in the filestore, and shown by an image from another inode."""
    bench.blob(LAYER, image_name)
    taken = held.hold(bench.layout.content(DIGEST), bench.travel.time() + HOUR)
    assert taken is not None


def test_r3_the_target_is_pruned_during_the_mount(bench: Bench) -> None:
    """The mounted blob is as old as its source, and no manifest names it yet."""
    pruner = other_has_an_old_one(bench)
    with at(filestore.Filestore, "renew", pruner.prune):
        mount(bench)
    assert bench.shows(LAYER)
    bench.live_for(GRACE - HOUR)
    put(bench)
    check_pushed(bench)


# --- R4: content that is here already ----------------------------------------------------------


def old_orphan(bench: Bench) -> Bench:
    """Let there be old content that no image has, which the next pass sets on hold."""
    bench.store.filestore.store(LAYER, DIGEST)
    bench.prune(after=MINUTE)
    bench.travel.wait(GRACE + HOUR)
    return bench.again()


@pytest.mark.parametrize(
    ("owner", "function"),
    [(filestore.Filestore, "publish"), (links.Links, "add"), (filestore.Filestore, "give")],
)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("wait", [0.0, 3 * HOUR], ids=["prune", "free"])
def test_r4_old_content_is_uploaded_again_while_it_is_pruned(
    bench: Bench, owner: Any, function: str, after: bool, wait: float
) -> None:
    pruner = old_orphan(bench)
    with at(owner, function, lambda: pruner.live_for(wait, every=HOUR), after=after):
        bench.blob(LAYER)
    bench.live_for(GRACE - 4 * HOUR)
    put(bench)
    check_pushed(bench)


@pytest.mark.parametrize(
    ("owner", "function", "after"),
    [(orphans.Orphans, "hold", False), (atomic, "move", False), (atomic, "move", True)],
)
def test_r4_old_content_is_uploaded_again_while_it_is_set_on_hold(
    bench: Bench, owner: Any, function: str, after: bool
) -> None:
    pruner = old_orphan(bench)
    with at(owner, function, lambda: bench.blob(LAYER), after=after):
        pruner.prune()
    assert bench.shows(LAYER)
    put(bench)
    check_pushed(bench)


@pytest.mark.parametrize(
    ("owner", "function", "after"),
    [(orphans.Orphans, "settle", False), (held, "is_over", True), (held, "is_wanted", True),
     (atomic, "remove", False), (atomic, "remove", True)],
)  # fmt: skip
def test_r4_old_content_is_uploaded_again_while_it_is_freed(
    bench: Bench, owner: Any, function: str, after: bool
) -> None:
    pruner = old_orphan(bench)
    pruner.prune()
    assert not bench.stores(LAYER)
    pruner.prune(after=MINUTE)
    pruner.travel.wait(2 * HOLD)
    with at(owner, function, lambda: bench.blob(LAYER), after=after):
        pruner.prune()
    assert bench.shows(LAYER)
    put(bench)
    check_pushed(bench)


# --- R7: two pruners ---------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["hold", "settle"])
def test_r7_the_slower_of_two_pruners_does_not_take_the_new_content(
    bench: Bench, function: str
) -> None:
    """One has looked; the other one frees the content, and a client uploads it again."""
    pruner, second = old_orphan(bench), bench.again()
    if function == "settle":
        pruner.prune()
        pruner.prune(after=MINUTE)
        pruner.travel.wait(2 * HOLD)

    def meanwhile() -> None:
        second.live_for(4 * HOUR, every=HOUR)
        assert not bench.stores(LAYER)
        bench.blob(LAYER)

    with at(orphans.Orphans, function, meanwhile):
        pruner.prune()
    assert bench.stores(LAYER)
    put(bench)
    check_pushed(bench)


def void(_report: Report) -> None:
    """Do nothing."""


def test_r7_two_pruners_all_along(bench: Bench) -> None:
    """Each acts at every step of the other one; together they do no more than one alone."""
    bodies = [bench.push(f"{n}".encode(), to=None, note=f"{n}") for n in range(3)]
    kept = bench.push(b"kept")
    second = bench.again()
    for _ in range(24):
        bench.travel.wait(1.5 * DAY)
        bench.pruning.run(pause=lambda: void(second.prune()))
        second.pruning.run(pause=lambda: void(bench.prune()))
    assert not any(map(bench.has, bodies))
    assert bench.pull() == kept
    check_accounts(bench.root)


# --- R8: uploaded again while the old one goes -------------------------------------------------


def test_r8_content_on_hold_does_not_keep_it_from_being_uploaded(bench: Bench) -> None:
    pruner = old_orphan(bench)
    pruner.prune()
    with open(find_held(bench), "rb") as old:
        bench.blob(LAYER)
        put(bench)
        pruner.live_for(3 * HOLD, every=HOUR)
        assert os.fstat(old.fileno()).st_nlink == 0
    check_pushed(bench)


def find_held(bench: Bench) -> str:
    folder = os.path.dirname(bench.layout.content(DIGEST))
    (name,) = [name for name in os.listdir(folder) if name.startswith(HELD_PREFIX)]
    return f"{folder}/{name}"


def test_r8_the_lease_is_on_hold_when_the_blob_is_uploaded_again(bench: Bench) -> None:
    pruner = old_lease(bench)
    pruner.prune()
    assert not bench.shows(LAYER)
    bench.blob(LAYER)
    pruner.live_for(3 * HOLD, every=HOUR)
    put(bench)
    check_pushed(bench)


# --- R10: what a process remembers -------------------------------------------------------------


def test_r10_no_process_answers_from_memory(bench: Bench) -> None:
    """Everything has been asked of this process before another one prunes it away."""
    body = bench.push(LAYER)
    repository = bench.repository
    upload = repository.start_upload(IMAGE, "sha256", ALICE)
    with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        writer.write(LAYER)
        repository.settle_upload(writer)
    assert bench.pull() == bench.pull(body) == body
    assert yes(bench)
    other = bench.again()
    other.delete(body)
    other.settle()
    assert not yes(bench)
    assert not bench.has(body)
    assert not bench.pulls()
    assert not bench.stores(LAYER)
    with pytest.raises(ManifestPartsMissing):
        bench.put(body, TAG)
    with pytest.raises(BlobUnknown):
        repository.blob(IMAGE, Digest.of(LAYER))
    bench.push(LAYER)
    check_pushed(bench)
