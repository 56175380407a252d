"""Which disks a log tells of, and what was promised at which of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.storage.manifest_files import Place
from tests.faults.power.checks import compared
from tests.faults.power.device import FLUSH, RECORD, WRITE
from tests.faults.power.history import SECTOR, History, Replay, State, spread
from tests.faults.power.ledger import (
    Promises,
    Step,
    is_tag,
    manifest_of,
    place_and_tag,
    tag_of,
    trash_of,
)

PLACE = Place(RepositoryKey("docker-local"), ImageName("team/app"))
STORY = "ab|c|defgh"
"""Writes of one sector each, every one to the next sector, and flushes."""
SIZE = 8 * SECTOR


@pytest.fixture
def history(tmp_path: Path) -> History:
    log, sector = b"", 0
    for letter in STORY:
        if letter == "|":
            log += RECORD.pack(FLUSH, 0, 0)
            continue
        log += RECORD.pack(WRITE, sector * SECTOR, SECTOR) + letter.encode() * SECTOR
        sector += 1
    (tmp_path / "log").write_bytes(log)
    return History(str(tmp_path / "log"))


def disk(history: History, state: State, folder: Path) -> str:
    """Return the sectors of the disk of a state, one letter each."""
    (folder / "base").write_bytes(bytes(SIZE))
    replay = Replay(history, str(folder / "base"))
    replay.make(state, str(folder / "crashed"))
    replay.close()
    sectors = (folder / "crashed").read_bytes()[::SECTOR]
    return sectors.replace(b"\0", b"-").decode()


def test_every_write_is_there_up_to_the_moment(history: History, tmp_path: Path) -> None:
    disks = [disk(history, State(count), tmp_path) for count in range(len(STORY) + 1)]
    assert disks[:4] == ["--------", "a-------", "ab------", "ab------"]
    assert disks[-1] == "abcdefgh"


def test_only_what_was_flushed_is_there(history: History, tmp_path: Path) -> None:
    assert disk(history, State(2, 0), tmp_path) == "--------"
    assert disk(history, State(3, 0), tmp_path) == "ab------"
    assert disk(history, State(len(STORY), 0), tmp_path) == "abc-----"


def test_any_choice_of_the_others_is_there(history: History, tmp_path: Path) -> None:
    """Each of the writes since the last flush by itself, and the same ones for the same seed."""
    found = {disk(history, State(len(STORY), seed), tmp_path) for seed in range(1, 200)}
    assert {text[:3] for text in found} == {"abc"}
    assert len(found) == 2**5
    again = {disk(history, State(len(STORY), 5), tmp_path) for _ in range(5)}
    assert len(again) == 1


def test_states_are_spread_over_the_log(history: History) -> None:
    states = history.states(history.records[1].position, 100, seed=1)
    whole = [state.count for state in states if state.seed is None]
    assert whole == [1, 3, 5, 6, 7, 8, 9, 10]
    chosen = [state for state in states if state.seed is not None]
    assert len(chosen) == len(set(chosen)) == 50
    assert {state.count for state in chosen} == {1, 6, 7, 8, 9, 10}
    assert [history.position(state) for state in states] == sorted(map(history.position, states))
    assert history.states(0, 6, seed=1) == history.states(0, 6, seed=1)


def test_spreading_keeps_the_last_one() -> None:
    assert spread(range(100), 4) == [24, 49, 74, 99]
    assert spread(range(3), 5) == [0, 1, 2]
    assert spread(range(3), 5, again=True) == [0, 1, 1, 2, 2]
    assert spread([], 5) == spread(range(5), 0) == []


def test_things_are_told_apart() -> None:
    digest = Digest.of(b"")
    assert place_and_tag(tag_of(PLACE, "1.0")) == (PLACE, "1.0")
    assert place_and_tag(manifest_of(PLACE, digest)) == (PLACE, None)
    for thing in (trash_of(PLACE, Tag("1.0"), digest), "user:alice", "repository:docker-local"):
        assert place_and_tag(thing) == (None, None)
        assert not is_tag(thing)


def steps() -> list[Step]:
    tag, other = tag_of(PLACE, "1"), tag_of(PLACE, "2")
    return [
        Step("push", 10, 20, {tag: "old", other: "only"}),
        Step("overwrite", 30, 40, {tag: "new"}),
        Step("delete", 50, 60, {tag: None}),
    ]


@pytest.mark.parametrize(
    ("position", "allowed"),
    [
        (10, {None}),
        (11, {None, "old"}),
        (20, {"old"}),
        (30, {"old"}),
        (31, {"old", "new"}),
        (40, {"new"}),
        (59, {"new", None}),
        (60, {None}),
    ],
)
def test_what_is_allowed_at_a_position(position: int, allowed: set[str | None]) -> None:
    assert Promises(steps(), position).allowed(tag_of(PLACE, "1")) == allowed


@pytest.mark.parametrize(
    ("position", "seen", "kind"),
    [
        (20, None, "acknowledged tag lost"),
        (20, "new", "wrong content"),
        (35, None, "acknowledged tag lost"),
        (40, "old", "wrong content"),
        (60, "new", "deletion not durable"),
        (60, None, None),
        (35, "new", None),
    ],
)
def test_what_is_not_as_promised_is_found(
    position: int, seen: str | None, kind: str | None
) -> None:
    shown = {tag_of(PLACE, "2"): "only"}
    if seen is not None:
        shown[tag_of(PLACE, "1")] = seen
    found = [finding.kind for finding in compared(shown, Promises(steps(), position))]
    assert found == ([] if kind is None else [kind])
