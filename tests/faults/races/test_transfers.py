"""Promotions, and pushes, deletions, passes of the pruner and other promotions in their middle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from registry.model.digests import Digest
from registry.model.errors import ManifestPartsMissing, ManifestUnknown
from registry.model.names import RepositoryKey, Tag
from registry.repositories.belongings import Belongings, Transfer
from registry.repositories.copying import Arrival
from registry.repositories.definitions import Definitions
from registry.repositories.departing import Departure
from registry.repositories.local import LocalRepository
from registry.repositories.transfers import Transfers
from registry.storage import locks
from registry.storage.links import Links
from registry.storage.manifests import Manifests
from tests.faults.races.gates import DEADLINE, at
from tests.faults.races.images import BODY, LAYERS, LOSSES, old_image
from tests.faults.races.scenes import settle
from tests.repositories.pushing import check_whole, push_blob, put
from tests.repositories.transferring import push_family
from tests.support.bench import ALICE, CONFIG, GRACE, IMAGE, KEY, TAG, Bench, image
from tests.support.travel import HOUR

TARGET = RepositoryKey("docker-prod")
COPY = Transfer(IMAGE, TAG, IMAGE, TAG, event="promote")
MOVE = replace(COPY, move=True)
NEW = Digest.of(image(b"new", note="new"))
OLD = Digest.of(BODY)

PLACES: list[tuple[Any, str]] = [
    (Belongings, "of"),
    (Links, "mount"),
    (Arrival, "bring"),
    (Manifests, "prepare"),
    (Manifests, "register"),
    (Manifests, "stage"),
    (Manifests, "commit"),
    (Manifests, "settle"),
]
"""In a promotion, in this order."""
LATER: list[tuple[Any, str]] = [
    (Departure, "take_away"),
    (Manifests, "remove_folders"),
    (Manifests, "unregister"),
]
"""In the second half of a move."""

places = pytest.mark.parametrize(("owner", "function"), [*PLACES, *LATER])
sides = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])


class World:
    """A second repository beside that of a bench."""

    def __init__(self, bench: Bench) -> None:
        definitions = Definitions(bench.store)
        definitions.create(TARGET, "local", {})
        self.bench = bench
        self.transfers = Transfers(bench.store, definitions)
        self.target = LocalRepository(bench.store, definitions.get(TARGET))

    def run(self, transfer: Transfer, *, back: bool = False) -> None:
        ends = (TARGET, KEY) if back else (KEY, TARGET)
        self.transfers.run(*ends, transfer, ALICE)

    def stands_for(self, repository: Any, tag: Tag = TAG) -> Digest | None:
        try:
            return Digest(repository.manifest(IMAGE, tag).digest)
        except ManifestUnknown:
            return None

    @property
    def at_source(self) -> Digest | None:
        return self.stands_for(self.bench.repository)

    @property
    def at_target(self) -> Digest | None:
        return self.stands_for(self.target)

    def check(self) -> None:
        for repository in (self.bench.repository, self.target):
            check_whole(self.bench.store, repository)


@places
@sides
def test_the_source_tag_is_overwritten_while_it_is_moved(
    bench: Bench, owner: Any, function: str, after: bool
) -> None:
    """What comes is the one or the other, and whatever was pushed last is somewhere."""
    world, pruner = World(bench), old_image(bench)

    def push() -> None:
        bench.push(b"new", note="new")

    with at(owner, function, push, after=after):
        world.run(MOVE)
    assert world.at_target in (OLD, NEW)
    assert NEW in (world.at_source, world.at_target)
    world.check()
    settle(pruner)
    world.check()


@places
@sides
def test_the_target_tag_is_pushed_while_something_comes_to_it(
    bench: Bench, owner: Any, function: str, after: bool
) -> None:
    """It is the one or the other; the one that it no longer is can be pulled by digest."""
    world, pruner = World(bench), old_image(bench)
    for data in (CONFIG, b"new"):
        push_blob(world.target, data)
    with at(owner, function, lambda: put(world.target, image(b"new", note="new")), after=after):
        world.run(MOVE)
    assert world.at_target in (OLD, NEW)
    for digest in (OLD, NEW):
        assert world.target.manifest(IMAGE, digest).digest == digest
    world.check()
    settle(pruner)


@pytest.mark.parametrize(("owner", "function"), PLACES)
@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_the_source_is_lost_and_pruned_while_it_is_promoted(
    bench: Bench, owner: Any, function: str, loss: str
) -> None:
    """What has come is whole, however long it took; or it is said that the source is gone."""
    world, pruner = World(bench), old_image(bench)

    def lose() -> None:
        LOSSES[loss](bench)
        pruner.live_for(GRACE - HOUR, every=12 * HOUR)

    try:
        with at(owner, function, lose):
            world.run(COPY)
    except (ManifestUnknown, ManifestPartsMissing):
        assert world.at_target is None
    else:
        assert world.at_target is not None
    world.check()
    settle(pruner)
    world.check()


@places
@sides
def test_two_promotions_cross(bench: Bench, owner: Any, function: str, after: bool) -> None:
    """One goes there, the other comes back; neither waits for the other for ever."""
    world, pruner = World(bench), old_image(bench)
    back = replace(MOVE, reference=Tag("back"), new=Tag("back"))
    world.run(replace(COPY, new=Tag("back")))
    with at(owner, function, lambda: world.run(back, back=True), after=after):
        world.run(MOVE)
    assert world.at_target == OLD
    assert world.stands_for(bench.repository, Tag("back")) == OLD
    assert world.stands_for(world.target, Tag("back")) is None
    assert world.at_source is None
    world.check()
    settle(pruner)


@places
@sides
def test_the_same_is_moved_twice(bench: Bench, owner: Any, function: str, after: bool) -> None:
    """One of the two may find nothing to move any more."""
    world, errors = World(bench), list[Exception]()
    family = push_family(bench.repository)

    def move() -> None:
        try:
            world.run(MOVE)
        except (ManifestUnknown, ManifestPartsMissing) as error:
            errors.append(error)

    with at(owner, function, move, after=after):
        move()
    assert len(errors) <= 1
    assert world.at_target == Digest.of(family.index)
    assert world.stands_for(world.target, family.signature_tag) == Digest.of(family.signature)
    assert world.at_source is None
    world.check()


def test_no_two_locks_are_held_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """All images share one lock file here, so whoever held one and wanted another would wait."""
    world, slot = World(bench), "_IMAGE_SLOTS"
    bench.push(*LAYERS)
    monkeypatch.setattr(locks, slot, 1)
    steps: list[Callable[[], object]] = [
        lambda: world.run(COPY),
        lambda: world.run(replace(MOVE, new=Tag("2.0"))),
        lambda: world.transfers.run(TARGET, TARGET, replace(MOVE, new=Tag("3.0")), ALICE),
    ]
    thread = threading.Thread(target=lambda: [step() for step in steps], daemon=True)
    thread.start()
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert world.stands_for(world.target, Tag("3.0")) == OLD
