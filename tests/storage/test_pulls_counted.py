"""Days that are over are counted into documents: no count is lost."""

from __future__ import annotations

import datetime
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from registry.model.digests import Digest
from registry.model.errors import StorageFailed
from registry.model.names import Reference, RepositoryKey, Tag
from registry.storage import format as storage_format
from registry.storage.pull_counts import DayPulls, PullKey, count_lines
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY
from tests.storage.faults import STEPS, Watched, in_child, kills
from tests.storage.pulling import (
    DAY,
    LATER,
    NOON,
    ONE,
    TAG,
    TWO,
    Clock,
    counts,
    names,
    path,
    pull,
    what,
)


@pytest.fixture
def clock(store: Store) -> Clock:
    return Clock(store)


PULLS = st.lists(
    st.tuples(
        st.sampled_from([TAG, Tag("latest"), ONE, TWO]),
        st.sampled_from([ONE, TWO]),
        st.sampled_from(["alice", "bob", "ü"]),
        st.sampled_from([KEY, RepositoryKey("docker-stage")]),
        st.integers(0, 40_000),
    ),
    max_size=30,
)


@given(PULLS)
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counting_a_day_into_a_document_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    pulls: list[tuple[Reference, Digest, str, RepositoryKey, int]],
) -> None:
    store = Store(str(tmp_path_factory.mktemp("pulls")))
    storage_format.prepare(store.layout)
    expected: dict[PullKey, list[tuple[str, str]]] = {}
    clock = Clock(store)
    for reference, digest, who, repository, seconds in pulls:
        clock.moment = NOON + datetime.timedelta(seconds=seconds)
        store.pulls.record(repository, IMAGE, reference, digest, who)
        tag = reference if isinstance(reference, Tag) else None
        moments = expected.setdefault(PullKey(repository, IMAGE, digest, tag), [])
        moments.append((f"{clock.moment:%Y-%m-%dT%H:%M:%SZ}", who))
    before = store.pulls.day(DAY)
    store.pulls.close()
    assert store.pulls.compact(LATER) == ([DAY] if pulls else [])
    after = store.pulls.day(DAY)
    assert after == before
    assert after.pulls.keys() == expected.keys()
    for key, pulled in after.pulls.items():
        times = [moment for moment, _ in expected[key]]
        assert (pulled.count, pulled.first, pulled.last) == (len(times), min(times), max(times))
        assert (pulled.last, pulled.principal) in expected[key]
    assert names(store) == ([f"{DAY}.json"] if pulls else [])


@pytest.mark.parametrize(
    ("hours", "done"), [(0, []), (13, []), (35.9, []), (36, [DAY]), (60, [DAY])]
)
def test_only_days_that_have_been_over_for_a_day_are_counted(
    store: Store, clock: Clock, hours: float, done: list[str]
) -> None:
    pull(store)
    assert store.pulls.compact(NOON + datetime.timedelta(hours=hours)) == done
    assert counts(store) == {what(): 1}
    assert names(store) == [f"{DAY}.json" if done else f"{DAY}.jsonl"]


def test_killed_at_every_step_of_counting(store: Store, clock: Clock) -> None:
    for number in range(1, 40):
        pull(store)
        pull(store, ONE)
        store.pulls.close()

        def run(number: int = number) -> None:
            with Watched(kills(number), (*STEPS, "write")):
                store.pulls.compact(LATER)

        code = in_child(run)
        assert counts(store) == {what(): 1, what(ONE, None): 1}
        store.pulls.compact(LATER)
        assert counts(store) == {what(): 1, what(ONE, None): 1}
        for name in names(store):
            os.unlink(path(store).parent / name)
        clock.pass_by(seconds=1)
        if code == 0:
            break
    else:
        raise AssertionError("counting never came to its end")
    assert number > 4


def test_where_both_are_there_the_document_is_right(store: Store, clock: Clock) -> None:
    pull(store)
    lines = path(store).read_bytes()
    store.pulls.compact(LATER)
    path(store).write_bytes(lines)
    assert counts(store) == {what(): 1}
    assert store.pulls.days() == [DAY]
    store.pulls.compact(LATER)
    assert counts(store) == {what(): 1}
    assert names(store) == [f"{DAY}.json"]


def test_two_who_count_the_same_day_do_not_disturb_each_other(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is done, and has removed the lines, after the first has looked."""
    pull(store)
    name = "registry.storage.pulls.count_lines"

    def overtaken(lines: Any) -> DayPulls:
        monkeypatch.setattr(name, count_lines)
        Store(store.layout.root).pulls.compact(LATER)
        return count_lines(lines)

    monkeypatch.setattr(name, overtaken)
    store.pulls.compact(LATER)
    assert counts(store) == {what(): 1}
    assert names(store) == [f"{DAY}.json"]


def test_a_damaged_document_is_said_and_its_lines_stay(store: Store, clock: Clock) -> None:
    pull(store)
    path(store, "json").write_bytes(b"{")
    for act in (lambda: store.pulls.compact(LATER), lambda: store.pulls.last_pulls(KEY)):
        with pytest.raises(StorageFailed, match=DAY):
            act()
    assert path(store).exists()


def test_other_files_do_not_matter(store: Store, clock: Clock) -> None:
    pull(store)
    for name in ("_tmp.x.json", "README.md", "x.jsonl", "2026-11-23.json.swp"):
        path(store).with_name(name).write_text("x")
    store.pulls.compact(LATER)
    assert counts(store) == {what(): 1}
    path(store).with_name("_tmp.x.json").unlink()
