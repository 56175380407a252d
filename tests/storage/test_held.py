"""Names on hold: taken away, wanted back, let go."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from registry.storage import atomic, held
from registry.storage.held import Held
from registry.storage.layout import HELD_PREFIX
from tests.storage.folders import inode
from tests.support.travel import DAY, HOUR, Travel

NAME = "sha256__" + "9c" * 32


@pytest.fixture
def path(tmp_path: Any, travel: Travel) -> str:
    """A file that nobody has wanted for a day."""
    made = tmp_path / NAME
    made.write_bytes(b"content")
    travel.wait(DAY)
    return str(made)


def hold(path: str, travel: Travel) -> Held:
    """Take a name away that nobody has wanted for an hour."""
    taken = held.hold(path, travel.time() - HOUR)
    assert taken is not None
    return taken


def names(path: str) -> list[str]:
    return sorted(os.listdir(os.path.dirname(path)))


def test_a_name_on_hold_is_beside_its_old_place(path: str, travel: Travel) -> None:
    number, before = inode(path), travel.time_ns()
    taken = hold(path, travel)
    assert not os.path.exists(path)
    assert os.path.dirname(taken.path) == os.path.dirname(path)
    assert os.path.basename(taken.path).startswith(HELD_PREFIX)
    assert inode(taken.path) == number
    assert before <= taken.since <= travel.time_ns()
    assert taken.final == path


def test_what_is_on_hold_is_recognised_by_its_name(path: str, travel: Travel) -> None:
    taken = hold(path, travel)
    assert held.parse(os.path.dirname(path), os.path.basename(taken.path)) == taken


@pytest.mark.parametrize(
    "name",
    [NAME, f"_tmp.{NAME}", "_held.", f"_held.12.{NAME}", f"_held.x.12345678.{NAME}",
     "_held.12.12345678.", f"_held.{'9' * 20}.12345678.{NAME}", f"_held.12.1234567G.{NAME}"],
)  # fmt: skip
def test_other_names_are_not_on_hold(name: str) -> None:
    assert held.parse("/folder", name) is None


def test_a_name_with_dots_comes_back_as_it_was() -> None:
    found = held.parse("/folder", "_held.12.12345678.a.b..c")
    assert found == Held("/folder/_held.12.12345678.a.b..c", "/folder/a.b..c", 12)


def test_what_is_not_there_cannot_be_held(path: str, travel: Travel) -> None:
    assert held.hold(f"{path}0", travel.time()) is None
    assert names(path) == [NAME]


def test_what_was_wanted_before_the_rename_is_put_back(path: str, travel: Travel) -> None:
    """Somebody came between the caller's look and the rename."""
    before = travel.time() - HOUR
    atomic.touch(path)
    number = inode(path)
    assert held.hold(path, before) is None
    assert names(path) == [NAME]
    assert inode(path) == number


def test_of_two_who_take_a_name_one_gets_it(
    path: str, travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier, move = threading.Barrier(2), atomic.move

    def both(source: str, target: str) -> bool:
        barrier.wait(30)
        return move(source, target)

    monkeypatch.setattr(atomic, "move", both)
    found: list[Held | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(held.hold(path, travel.time() - HOUR)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([taken for taken in found if taken is not None]) == 1
    assert len(names(path)) == 1


def test_bringing_back(path: str, travel: Travel) -> None:
    number = inode(path)
    held.bring_back(hold(path, travel))
    assert names(path) == [NAME]
    assert inode(path) == number


def test_bringing_back_does_not_replace_what_has_come_there(path: str, travel: Travel) -> None:
    taken = hold(path, travel)
    with open(path, "wb") as file:
        file.write(b"new")
    number = inode(path)
    held.bring_back(taken)
    assert names(path) == [NAME]
    assert inode(path) == number


def test_bringing_back_what_is_gone_does_nothing(path: str, travel: Travel) -> None:
    taken = hold(path, travel)
    held.drop(taken)
    held.bring_back(taken)
    assert names(path) == []


def test_dropping_twice(path: str, travel: Travel) -> None:
    taken = hold(path, travel)
    held.drop(taken)
    held.drop(taken)
    assert names(path) == []


def test_what_is_needed_rises_again(path: str, travel: Travel) -> None:
    number, taken = inode(path), hold(path, travel)
    assert held.resurrect(path)
    assert inode(path) == number
    assert os.stat(path).st_mtime > travel.time() - 1
    # Nobody but the pruner may remove the other name.
    assert os.path.exists(taken.path)


def test_what_is_not_on_hold_does_not_rise(path: str, travel: Travel) -> None:
    hold(path, travel)
    other = path.replace("9c", "9d")
    assert not held.resurrect(other)
    assert not os.path.exists(other)


def test_what_is_there_need_not_rise(path: str) -> None:
    assert held.resurrect(path)
    assert names(path) == [NAME]


def test_in_a_folder_that_is_gone_nothing_rises(path: str) -> None:
    assert not held.resurrect(f"{path}/folder/name")


def test_of_two_that_are_on_hold_the_newer_one_rises(path: str, travel: Travel) -> None:
    hold(path, travel)
    travel.wait(DAY)
    with open(path, "wb") as file:
        file.write(b"newer")
    number = inode(path)
    travel.wait(DAY)
    hold(path, travel)
    assert held.resurrect(path)
    assert inode(path) == number


def meanwhile(monkeypatch: pytest.MonkeyPatch, function: str, action: Callable[[], object]) -> None:
    """Do ``action`` once, right before the function of `atomic` that is called next."""
    original = getattr(atomic, function)

    def acting(*args: Any) -> Any:
        monkeypatch.setattr(atomic, function, original)
        action()
        return original(*args)

    monkeypatch.setattr(atomic, function, acting)


def test_rising_while_the_pruner_brings_it_back(
    path: str, travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name on hold has been seen, and is the old one again when it is linked."""
    number, taken = inode(path), hold(path, travel)
    meanwhile(monkeypatch, "link", lambda: held.bring_back(taken))
    assert held.resurrect(path)
    assert inode(path) == number


def test_rising_while_the_pruner_drops_it(
    path: str, travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = hold(path, travel)
    meanwhile(monkeypatch, "link", lambda: held.drop(taken))
    assert not held.resurrect(path)


def test_dropping_while_somebody_lets_it_rise(path: str, travel: Travel) -> None:
    """Whatever the pruner believed: the kernel counts the names."""
    number, taken = inode(path), hold(path, travel)
    assert held.resurrect(path)
    held.drop(taken)
    assert inode(path) == number
    assert names(path) == [NAME]
