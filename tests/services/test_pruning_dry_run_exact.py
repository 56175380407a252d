"""A dry run where one thing that a pass does changes what it does next."""

from __future__ import annotations

import os
import random
from contextlib import suppress

import pytest

from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.names import ImageName, Tag
from registry.services.pruning_steps import ImageSteps
from registry.storage.manifest_files import Place
from tests.services.dry_runs import compare
from tests.storage.faults import STEPS, Watched, in_child, kills
from tests.support.accounts import check_accounts
from tests.support.bench import (
    ALICE,
    GRACE,
    HOLD,
    IMAGE,
    KEY,
    OTHER,
    TAG,
    TRASH,
    UNTAGGED,
    Bench,
    index,
    referrer,
)
from tests.support.travel import DAY, HOUR, MINUTE

AFTER = ImageName("team/zebra")
"""An image that a pass looks at after `IMAGE` and `OTHER`."""


def due(bench: Bench) -> None:
    """Let the time of everything be over that is there and has none of its own."""
    bench.prune(after=MINUTE)
    bench.travel.wait(UNTAGGED + 2 * DAY)


# --- one image and the next --------------------------------------------------------------------


def test_a_child_that_two_images_have_goes_once_each_pass(bench: Bench) -> None:
    """All names of a content share one age: what goes in one image renews it in the other."""
    child = bench.push(b"layer", to=None)
    bench.put(index(child))
    bench.push(b"layer", to=None, at=AFTER)
    due(bench)
    report = compare(bench)
    assert report.manifests_deleted == 1
    assert report.manifests_kept == {"index or subject": 1, "grace": 1}
    for _ in range(20):
        bench.travel.wait(12 * HOUR)
        compare(bench)
    assert not bench.has(child, AFTER)


def test_a_lease_on_a_layer_of_a_manifest_that_goes_elsewhere_is_young_again(bench: Bench) -> None:
    bench.push(b"layer", to=None)
    bench.blob(b"layer", AFTER)
    bench.blob(b"another", AFTER)
    due(bench)
    report = compare(bench)
    assert report.manifests_deleted == 1
    assert report.leases_ended == 1
    assert bench.shows(b"layer", AFTER)


def test_a_manifest_of_another_image_that_is_completed_is_young_again(bench: Bench) -> None:
    """A killed push has left the child without a folder; its index has come since."""
    child = bench.push(b"layer", to=None)
    bench.put(index(child), TAG)
    bench.push(b"layer", to=None, at=AFTER)
    bench.blob(b"layer", AFTER)
    due(bench)
    place, digest = Place(KEY, IMAGE), Digest.of(child)
    bench.store.manifests.remove_folders(place, [digest])
    report = compare(bench)
    assert bench.store.manifests.has_folder(place, digest)
    assert report.manifests_deleted == 0
    assert report.manifests_kept == {"grace": 1}


# --- what is half-done -------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True], ids=["image", "repository"])
def test_deletions_that_were_killed_are_counted_as_they_will_end(bench: Bench, whole: bool) -> None:
    def delete() -> None:
        if whole:
            bench.definitions.delete(KEY, ALICE)
        else:
            bench.repository.delete_image(IMAGE, ALICE)

    for number in range(1, 60):
        bench.push(b"layer")

        def run(number: int = number) -> None:
            with Watched(kills(number), STEPS):
                delete()

        code = in_child(run)
        compare(bench)
        bench.travel.wait(TRASH + HOUR)
        compare(bench)
        for _ in range(3):
            compare(bench)
            bench.travel.wait(2 * GRACE)
        if bench.definitions.find(KEY) is None:
            bench.definitions.create(KEY, "local", {})
        with suppress(RegistryError):
            bench.repository.delete_image(IMAGE, ALICE)
        if code == 0:
            break
    assert code == 0
    assert number > 8


# --- damage ------------------------------------------------------------------------------------


def test_of_a_damaged_manifest_whose_time_is_over_nothing_goes(bench: Bench) -> None:
    """Nobody can say what it needs, so it stays; it keeps nothing else from going."""
    spoilt = bench.push(b"spoilt", to=None, note="spoilt")
    gone = bench.push(b"gone", to=None, note="gone")
    bench.blob(b"lonely")
    path = bench.layout.manifest(KEY, IMAGE, Digest.of(spoilt))
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.write(b"\0\0")
    due(bench)
    report = compare(bench)
    assert report.failed == 0
    assert report.manifests_kept == {"damage": 1}
    assert report.leases_ended == 1
    assert not bench.has(gone)
    for _ in range(60):
        bench.travel.wait(12 * HOUR)
        assert compare(bench).failed == 0
    assert bench.has(spoilt)
    assert bench.shows(b"spoilt")
    assert bench.stores(b"spoilt")


# --- all at once -------------------------------------------------------------------------------


def act(bench: Bench, dice: random.Random, bodies: list[bytes]) -> None:
    """Do something that somebody might do."""
    at = dice.choice([IMAGE, OTHER, AFTER])
    tag = dice.choice([None, Tag("a"), Tag("b")])
    layers = [f"layer {n}".encode() for n in dice.sample(range(4), dice.randint(0, 2))]
    known = [body for body in bodies if bench.has(body, at)]
    match dice.randrange(7):
        case 0 | 1:
            bodies.append(bench.push(*layers, to=tag, at=at, note=str(dice.randrange(3))))
        case 2 if known:
            bodies.append(index(*dice.sample(known, min(2, len(known)))))
            bench.put(bodies[-1], tag, at)
        case 3 if known:
            for data in (b"{}", *layers):
                bench.blob(data, at)
            bodies.append(referrer(dice.choice(known)))
            bench.put(bodies[-1], tag, at)
        case 4:
            for layer in layers:
                bench.blob(layer, at)
        case 5:
            with suppress(RegistryError):
                bench.repository.delete_manifest(at, tag or Digest.of(b""), ALICE)
        case _:
            with suppress(RegistryError):
                bench.repository.delete_tag(at, tag or Tag("c"), ALICE)


@pytest.mark.parametrize("seed", range(8))
def test_a_dry_run_of_whatever_has_happened(bench: Bench, seed: int) -> None:
    """Three images that share content, on a long way of which nobody knows where it leads."""
    dice = random.Random(seed)
    bench.configure(untaggedRetentionDays=dice.choice([0, 1]), dockerTagRetention=1 + seed % 2)
    bodies: list[bytes] = []
    deleted = ended = 0
    for _ in range(60):
        for _ in range(dice.randrange(4)):
            act(bench, dice, bodies)
        bench.travel.wait(dice.choice([HOLD, 6 * HOUR, GRACE, 2 * GRACE]))
        report = compare(bench)
        deleted += report.manifests_deleted
        ended += report.leases_ended
    assert deleted > 5
    assert ended > 5
    bench.settle()
    check_accounts(bench.root)


def test_a_pass_that_cannot_delete_takes_nothing_of_what_stays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is just pushing to the image: its lock is not free for the pruner."""
    child = bench.push(b"layer", to=None)
    bench.put(index(child))
    due(bench)
    with monkeypatch.context() as context:
        context.setattr(ImageSteps, "_delete", lambda *arguments: False)
        assert bench.prune().manifests_deleted == 0
    assert bench.pull(index(child)) == index(child)
