"""The proof that time has passed: an age alone frees nothing."""

from __future__ import annotations

import dataclasses
import errno
import json
import os

import pytest

from registry.storage.passes import Age, Ages, Passes, Reading, read_clocks
from registry.storage.store import Store
from tests.storage.faults import Watched, fails
from tests.support.travel import DAY, HOUR, MINUTE, Travel

GRACE = DAY
BEFORE_ALL = 0.0


def passes(store: Store) -> Passes:
    """Return what another process has."""
    again = Store(store.layout.root)
    return Passes(again.layout, again.documents)


def begin(store: Store, grace: float = GRACE) -> Ages | None:
    return passes(store).begin(read_clocks(), grace)


def proved(store: Store, grace: float = GRACE) -> float:
    """Begin a pass, and return what it takes for proved."""
    ages = begin(store, grace)
    assert ages is not None
    return ages.proved


@pytest.mark.parametrize(
    ("age", "expected"),
    [(0, Age.YOUNG), (GRACE, Age.YOUNG), (GRACE + 1, Age.UNPROVED), (2 * GRACE, Age.OLD),
     (2 * GRACE - 1, Age.UNPROVED), (-DAY, Age.YOUNG), (400 * DAY, Age.OLD)],
)  # fmt: skip
def test_what_is_known_of_an_age(age: float, expected: Age) -> None:
    ages = Ages(now=1000 * DAY, grace=GRACE, proved=1000 * DAY - 2 * GRACE)
    assert ages.of(ages.now - age) is expected
    assert (ages.now - age <= ages.before) is (expected is Age.OLD)


def test_another_grace_than_the_usual_one() -> None:
    ages = Ages(now=1000 * DAY, grace=GRACE, proved=1000 * DAY - HOUR)
    assert ages.of(ages.now - 2 * HOUR) is Age.YOUNG
    assert ages.of(ages.now - 2 * HOUR, HOUR) is Age.OLD
    assert ages.of(ages.now - 20 * DAY, 30 * DAY) is Age.YOUNG


def test_the_first_pass_proves_nothing(store: Store, travel: Travel) -> None:
    travel.wait(365 * DAY)
    ages = begin(store)
    assert ages is not None
    assert ages.of(BEFORE_ALL) is Age.UNPROVED


def test_a_pass_proves_what_another_one_saw_an_hour_ago(store: Store, travel: Travel) -> None:
    began = travel.time()
    begin(store)
    travel.wait(HOUR - 2)
    assert proved(store) < BEFORE_ALL
    travel.wait(3)
    assert began <= proved(store) <= began + 1


def test_a_short_grace_is_proved_after_as_long(store: Store, travel: Travel) -> None:
    began = travel.time()
    begin(store, MINUTE)
    travel.wait(MINUTE - 1)
    assert proved(store, MINUTE) < BEFORE_ALL
    travel.wait(2)
    assert began <= proved(store, MINUTE) <= began + 1


def test_passes_in_a_row_prove_more_and_more(store: Store, travel: Travel) -> None:
    for number in range(50):
        began = travel.time()
        assert (proved(store) >= began - HOUR - 5 * MINUTE) is (number >= 12)
        travel.wait(5 * MINUTE)


def test_the_record_does_not_grow(store: Store, travel: Travel) -> None:
    for _ in range(100):
        begin(store)
        travel.wait(5 * MINUTE)
    with open(store.layout.pruning(), encoding="utf-8") as file:
        assert len(json.load(file)["passes"]) <= 14


@pytest.mark.parametrize("jump", [2 * HOUR, DAY, 3650 * DAY, -2 * MINUTE, -2 * HOUR, -3650 * DAY])
def test_after_a_jump_the_proof_begins_anew(store: Store, jump: float, travel: Travel) -> None:
    begin(store)
    travel.wait(2 * HOUR)
    assert proved(store) > BEFORE_ALL
    travel.wait(MINUTE)
    travel.jump(jump)
    assert begin(store) is None
    jumped = travel.time()
    assert proved(store) < BEFORE_ALL
    travel.wait(HOUR + 1)
    assert jumped - 1 <= proved(store) <= jumped + 1


def test_a_jump_that_nobody_saw_proves_nothing_of_what_came_after_it(
    store: Store, travel: Travel
) -> None:
    """It is too small to be told from the time that has passed; what is new is unproved."""
    begin(store)
    travel.wait(20 * HOUR)
    new = travel.time()
    travel.wait(2 * HOUR)
    travel.jump(21 * HOUR)
    ages = begin(store)
    assert ages is not None
    assert ages.now - new < GRACE or ages.of(new) is Age.UNPROVED


@pytest.mark.parametrize("correction", [0.5, -0.5])
def test_a_small_correction_of_the_clock_is_no_jump(
    store: Store, correction: float, travel: Travel
) -> None:
    begin(store)
    travel.jump(correction)
    assert begin(store) is not None


def test_another_run_of_the_kernel_proves_nothing_to_this_one(store: Store, travel: Travel) -> None:
    begin(store)
    travel.wait(2 * HOUR)
    clock = read_clocks()
    restarted = dataclasses.replace(clock, boot="another", since_boot=clock.since_boot * 2)
    ages = passes(store).begin(restarted, GRACE)
    assert ages is not None
    assert ages.proved < BEFORE_ALL


def test_looking_changes_nothing(store: Store, travel: Travel) -> None:
    begin(store)
    travel.wait(2 * HOUR)
    with open(store.layout.pruning(), "rb") as file:
        before = file.read()
    for _ in range(3):
        assert passes(store).look(read_clocks(), GRACE) is not None
    travel.jump(-DAY)
    assert passes(store).look(read_clocks(), GRACE) is None
    with open(store.layout.pruning(), "rb") as file:
        assert file.read() == before


@pytest.mark.parametrize(
    "record",
    [b"", b"{", b"[]", b"null", b'{"passes": 3}', b'{"passes": [1]}', b'{"passes": [["a", "b"]]}',
     b'{"passes": [[1, 2, 3]]}', b'{"passes": {"a": 1}}', b'{"passes": null, "last": null}'],
)  # fmt: skip
def test_a_damaged_record_counts_as_none(store: Store, record: bytes, travel: Travel) -> None:
    boot = json.dumps(read_clocks().boot).encode()
    with open(store.layout.pruning(), "wb") as file:
        file.write(record.replace(b'{"passes"', b'{"boot": ' + boot + b', "passes"'))
    assert proved(store) < BEFORE_ALL
    travel.wait(2 * HOUR)
    assert proved(store) > BEFORE_ALL


def test_a_pass_is_made_without_a_record_where_the_disk_is_full(
    store: Store, travel: Travel
) -> None:
    began = travel.time()
    begin(store)
    travel.wait(2 * HOUR)
    with Watched(fails(1, errno.ENOSPC)):
        assert began <= proved(store) <= began + 1


def test_the_report_of_a_pass_does_not_spoil_the_proof(store: Store, travel: Travel) -> None:
    began = travel.time()
    begin(store)
    report = {"freed": {"names": 1, "bytes": 2}}
    passes(store).end(report)
    travel.wait(2 * HOUR)
    assert began <= proved(store) <= began + 1
    assert passes(store).read()["last"] == report


def test_when_a_pass_is_due(store: Store, travel: Travel) -> None:
    assert passes(store).is_due(read_clocks(), HOUR)
    begin(store)
    assert not passes(store).is_due(read_clocks(), HOUR)
    travel.jump(3650 * DAY)
    assert not passes(store).is_due(read_clocks(), HOUR)
    travel.wait(HOUR)
    assert passes(store).is_due(read_clocks(), HOUR)


def test_after_a_restart_of_the_machine_a_pass_is_due(store: Store, travel: Travel) -> None:
    begin(store)
    assert passes(store).is_due(Reading(travel.time(), 1.0, "another"), HOUR)


def test_the_clocks(travel: Travel) -> None:
    first = read_clocks()
    travel.wait(DAY)
    second = read_clocks()
    assert second.boot == first.boot
    assert second.wall - first.wall == pytest.approx(DAY, abs=60)
    assert second.since_boot - first.since_boot == pytest.approx(DAY, abs=60)
    assert os.path.exists("/proc/sys/kernel/random/boot_id") is (first.boot != "")
