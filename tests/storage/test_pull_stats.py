"""The sums of all pulls follow the files, whatever becomes of these."""

from __future__ import annotations

import json
import os
import time

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from registry.model.errors import StorageFailed
from registry.model.names import RepositoryKey, Tag
from registry.storage import format as storage_format
from registry.storage.pull_stats import Downloads, PullStats
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY
from tests.storage.pulling import LATER, ONE, OTHER, TAG, TWO, Clock, path, pull

NOON = "2026-11-23T12:00:00.000Z"
LATEST = Tag("latest")


@pytest.fixture
def clock(store: Store) -> Clock:
    return Clock(store)


def test_what_was_never_pulled_has_none(store: Store) -> None:
    assert store.pull_stats.find(KEY, IMAGE, TAG, ONE) is None
    os.rmdir(store.layout.top("pulls"))
    assert store.pull_stats.find(KEY, IMAGE, ONE) is None


def test_a_pull_is_counted_at_once(store: Store, clock: Clock) -> None:
    for number in range(1, 4):
        pull(store)
        assert store.pull_stats.find(KEY, IMAGE, TAG) == Downloads(number, NOON, "bob")
    clock.pass_by(seconds=1)
    pull(store, who="alice")
    assert store.pull_stats.find(KEY, IMAGE, TAG) == Downloads(
        4, "2026-11-23T12:00:01.000Z", "alice"
    )


def test_a_tag_has_its_own_pulls_and_those_of_its_digest_alone(store: Store, clock: Clock) -> None:
    pull(store, TAG, ONE)
    pull(store, LATEST, ONE)
    pull(store, ONE, ONE)
    pull(store, TAG, TWO)
    assert store.pull_stats.find(KEY, IMAGE, TAG) == Downloads(2, NOON, "bob")
    assert store.pull_stats.find(KEY, IMAGE, TAG, ONE) == Downloads(3, NOON, "bob")
    assert store.pull_stats.find(KEY, IMAGE, LATEST, ONE) == Downloads(2, NOON, "bob")
    assert store.pull_stats.find(KEY, IMAGE, LATEST, TWO) == Downloads(1, NOON, "bob")
    assert store.pull_stats.find(KEY, IMAGE, ONE) == Downloads(3, NOON, "bob")
    assert store.pull_stats.find(KEY, IMAGE, ONE, ONE) == Downloads(3, NOON, "bob")
    assert store.pull_stats.find(KEY, IMAGE, Tag("new"), ONE) == Downloads(1, NOON, "bob")
    assert store.pull_stats.find(KEY, OTHER, TAG, ONE) is None
    assert store.pull_stats.find(RepositoryKey("other"), IMAGE, TAG, ONE) is None


def test_what_was_asked_once_is_as_of_the_last_look(store: Store, clock: Clock) -> None:
    pull(store)
    assert store.pull_stats.known(KEY, IMAGE, TAG) is None
    store.pull_stats.refresh()
    assert store.pull_stats.known(KEY, IMAGE, TAG) == Downloads(1, NOON, "bob")


def test_half_a_line_counts_when_it_is_whole(store: Store, clock: Clock) -> None:
    pull(store)
    line = path(store).read_bytes()
    with path(store).open("ab") as file:
        file.write(line[:50])
        file.flush()
        assert _count(store.pull_stats) == 1
        file.write(line[50:])
    assert _count(store.pull_stats) == 2


def test_a_torn_line_does_not_take_the_next_one_with_it(store: Store, clock: Clock) -> None:
    pull(store)
    line = path(store).read_bytes()
    assert _count(store.pull_stats) == 1
    with path(store).open("ab") as file:
        file.write(line[:50] + line)
    assert _count(store.pull_stats) == 2


def test_a_document_takes_the_place_of_the_lines_that_were_read(store: Store, clock: Clock) -> None:
    pull(store)
    assert _count(store.pull_stats) == 1
    store.pulls.compact(LATER)
    assert _count(store.pull_stats) == 1
    document = json.loads(path(store, "json").read_bytes())
    assert document["pulls"][0]["count"] == 1
    # Another view, which has never seen the lines, says the same.
    assert _count(PullStats(store.layout)) == 1


def test_lines_beside_a_document_do_not_count(store: Store, clock: Clock) -> None:
    pull(store)
    lines = path(store).read_bytes()
    store.pulls.compact(LATER)
    path(store).write_bytes(lines)
    assert _count(store.pull_stats) == 1
    assert _count(PullStats(store.layout)) == 1


def test_a_file_that_another_one_has_taken_the_place_of_is_read_anew(
    store: Store, clock: Clock
) -> None:
    pull(store)
    line = path(store).read_bytes()
    assert _count(store.pull_stats) == 1
    path(store).with_name("new").write_bytes(line * 5)
    path(store).with_name("new").rename(path(store))
    assert _count(store.pull_stats) == 5
    path(store).write_bytes(line)
    assert _count(store.pull_stats) == 1


def test_days_that_were_taken_away_count_no_longer(store: Store, clock: Clock) -> None:
    pull(store)
    assert _count(store.pull_stats) == 1
    path(store).unlink()
    assert store.pull_stats.find(KEY, IMAGE, TAG) is None


def test_a_day_that_comes_within_a_tick_of_the_clock_is_seen(store: Store, clock: Clock) -> None:
    """The folder bears the time that it had when it was looked at."""
    moment = time.time_ns() + 10**12
    for number in (1, 2, 3):
        pull(store)
        os.utime(store.layout.top("pulls"), ns=(moment, moment))
        assert _count(store.pull_stats) == number
        clock.pass_by(days=1)


def test_a_damaged_document_is_said(store: Store, clock: Clock) -> None:
    path(store, "json").write_bytes(b"{")
    for _ in range(2):
        with pytest.raises(StorageFailed, match="damaged"):
            store.pull_stats.find(KEY, IMAGE, TAG)
    path(store, "json").write_bytes(b'{"pulls": []}')
    assert store.pull_stats.find(KEY, IMAGE, TAG) is None


def test_damaged_entries_are_left_out(store: Store, clock: Clock) -> None:
    pull(store)
    store.pulls.compact(LATER)
    document = json.loads(path(store, "json").read_bytes())
    whole = document["pulls"][0]
    names = ("repository", "image", "digest", "count", "last", "principal")
    nothing: tuple[object, ...] = ([], {})
    damaged = [{**whole, name: value} for name in names for value in nothing]
    lists: tuple[object, ...] = ([*damaged, None, 1, {}, {**whole, "last": "x"}, whole], None, {})
    for entries in lists:
        path(store, "json").write_text(json.dumps({"pulls": entries}))
        found = PullStats(store.layout).find(KEY, IMAGE, TAG)
        assert (found is not None and found.count == 1) is isinstance(entries, list)


def test_damaged_lines_are_left_out(store: Store, clock: Clock) -> None:
    pull(store)
    with path(store).open("ab") as file:
        file.write(b'nonsense\n{"time":"x"}\n\xff\xfe\n\n')
    assert _count(store.pull_stats) == 1


def _count(stats: PullStats) -> int:
    found = stats.find(KEY, IMAGE, TAG)
    assert found is not None
    return found.count


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([TAG, LATEST, ONE, TWO]),
            st.sampled_from([ONE, TWO]),
            st.sampled_from(["alice", "bob"]),
        ),
        st.sampled_from(["look", "compact", "hours"]),
    ),
    max_size=25,
)


@given(STEPS)
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_says_what_all_days_say_together(
    tmp_path_factory: pytest.TempPathFactory, steps: list[object]
) -> None:
    store = Store(str(tmp_path_factory.mktemp("pulls")))
    storage_format.prepare(store.layout)
    clock = Clock(store)
    for step in steps:
        if step == "look":
            _compare(store)
        elif step == "compact":
            store.pulls.compact(clock.moment)
        elif step == "hours":
            clock.pass_by(hours=25)
        elif isinstance(step, tuple):
            reference, digest, who = step
            clock.pass_by(seconds=1)
            pull(store, reference, reference if reference in (ONE, TWO) else digest, who)
    _compare(store)
    store.pulls.close()


def _compare(store: Store) -> None:
    expected = store.pulls.last_pulls(KEY)
    for reference in (TAG, LATEST, ONE, TWO):
        found, pulled = (
            store.pull_stats.find(KEY, IMAGE, reference),
            expected.find(IMAGE, reference),
        )
        assert (found is None) == (pulled is None)
        if found is not None and pulled is not None:
            last = f"{pulled.last[:-1]}.000Z"
            assert found == Downloads(pulled.count, last, pulled.principal)
