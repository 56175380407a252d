"""The periodic thread: one of several makes a pass, others do not, and its end is quick."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.config import Config
from registry.jobs import Haste, Jobs, Pace, Stopped
from registry.services.instance import Instance
from registry.services.pruning import Pruning
from registry.storage.index.index import Index
from registry.wiring import build


def wait_for(condition: object, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def passes(instance: Instance) -> int:
    return int((instance.pruning.record().get("totals") or {}).get("passes", 0))


@pytest.fixture
def hurried(storage: Path) -> Instance:
    """A registry that prunes every second."""
    return build(Config(storage_root=str(storage), prune_interval=1))


def test_passes_are_made(hurried: Instance) -> None:
    jobs = Jobs(hurried)
    jobs.start()
    wait_for(lambda: passes(hurried) >= 2)
    jobs.stop()
    made = passes(hurried)
    assert not [t for t in threading.enumerate() if t.name == "pruning"]
    assert passes(hurried) == made


def test_none_are_made_unasked(storage: Path) -> None:
    instance = build(Config(storage_root=str(storage), prune_interval=0))
    jobs = Jobs(instance)
    jobs.start()
    assert not [t for t in threading.enumerate() if t.name == "pruning"]
    jobs.stop()


def test_one_of_many_makes_the_pass(hurried: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once: list[int] = []
    running = threading.Semaphore(0)
    original = Pruning.run

    def counting(self: Pruning, *args: object, **kwargs: object) -> object:
        running.release()
        at_once.append(running._value)
        try:
            return original(self, *args, **kwargs)  # type: ignore[arg-type]
        finally:
            running.acquire()

    monkeypatch.setattr(Pruning, "run", counting)
    jobs = [Jobs(dataclasses.replace(hurried)) for _ in range(4)]
    for job in jobs:
        job.start()
    wait_for(lambda: passes(hurried) >= 3)
    for job in jobs:
        job.stop()
    assert set(at_once) == {1}


def test_a_failed_pass_is_not_the_last(
    hurried: Instance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original = Pruning.run
    failures = iter([ValueError("a defect")])

    def failing(self: Pruning, *args: object, **kwargs: object) -> object:
        for failure in failures:
            raise failure
        return original(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Pruning, "run", failing)
    jobs = Jobs(hurried)
    jobs.start()
    wait_for(lambda: passes(hurried) >= 1)
    jobs.stop()
    assert "a pruning pass failed" in caplog.text


def test_a_pass_that_is_asked_for_is_made_long_before_it_is_due(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.jobs._LOOKS", 0.01)
    instance = build(Config(storage_root=str(storage), prune_interval=100_000))
    jobs = Jobs(instance)
    jobs.start()
    wait_for(lambda: passes(instance) == 1)
    instance.pruning.ask()
    wait_for(lambda: passes(instance) == 2)
    jobs.stop()
    assert passes(instance) == 2


def test_what_is_stored_is_counted_even_if_nothing_can_be_pruned(
    hurried: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Pruning, *args: object, **kwargs: object) -> object:
        raise ValueError("a defect")

    monkeypatch.setattr(Pruning, "run", broken)
    jobs = Jobs(hurried)
    jobs.start()
    wait_for(lambda: hurried.storage_summary.kept())
    counted = hurried.storage_summary.kept()["counted"]
    hurried.storage_summary.ask()
    wait_for(lambda: hurried.storage_summary.kept()["counted"] != counted)
    jobs.stop()


def test_a_pass_ends_with_the_server() -> None:
    stop = threading.Event()
    pace = Pace(stop)
    pace()
    stop.set()
    with pytest.raises(Stopped):
        pace()


def test_building_the_index_ends_with_the_server() -> None:
    stop = threading.Event()
    haste = Haste(stop)
    haste()
    stop.set()
    with pytest.raises(Stopped):
        haste()


def test_each_worker_has_an_index_and_keeps_it(storage: Path) -> None:
    instance = build(Config(storage_root=str(storage), prune_interval=0))
    jobs = Jobs(instance)
    assert not instance.store.index.is_ready
    jobs.start()
    wait_for(lambda: instance.store.index.is_ready)
    jobs.stop()
    assert not [t for t in threading.enumerate() if t.name == "index"]


def test_an_index_that_cannot_be_built_is_tried_again(
    hurried: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = threading.Semaphore(0)
    original = Index.build

    def failing(self: Index, pause: Callable[[], None]) -> None:
        if not failures.acquire(blocking=False):
            failures.release()
            raise OSError("the disk is away")
        original(self, pause)

    monkeypatch.setattr(Index, "build", failing)
    monkeypatch.setattr("registry.jobs._CATCHES_UP", 0.01)
    jobs = Jobs(hurried)
    jobs.start()
    wait_for(lambda: hurried.store.index.is_ready)
    jobs.stop()


def test_what_was_changed_by_hand_is_healed(
    hurried: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    healed = threading.Event()
    original = Index.heal

    def noticed(self: Index, pause: Callable[[], None]) -> int:
        found = original(self, pause)
        healed.set()
        return found

    monkeypatch.setattr(Index, "heal", noticed)
    monkeypatch.setattr("registry.jobs._CATCHES_UP", 0.01)
    jobs = Jobs(hurried)
    jobs.start()
    assert healed.wait(30)
    jobs.stop()
