from __future__ import annotations

import fcntl
import os
import threading

import pytest

from registry.model.errors import RegistryError
from registry.model.names import ImageName
from registry.storage import locks as module
from registry.storage.locks import Locks
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY
from tests.storage.faults import in_child
from tests.storage.folders import open_files


def lock_files(store: Store) -> set[str]:
    return set(os.listdir(store.layout.top("locks")))


def is_held(path: str) -> bool:
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_the_lock_of_an_image_is_held_and_let_go(store: Store) -> None:
    before = open_files()
    with store.locks.image(KEY, IMAGE):
        (name,) = lock_files(store)
        path = f"{store.layout.top('locks')}/{name}"
        assert is_held(path)
    assert not is_held(path)
    with pytest.raises(ZeroDivisionError), store.locks.image(KEY, IMAGE):
        raise ZeroDivisionError
    assert not is_held(path)
    assert open_files() == before
    assert lock_files(store) == {name}


def test_threads_of_one_process_exclude_each_other(store: Store) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(50):
            with store.locks.image(KEY, IMAGE):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 200


@pytest.mark.parametrize("kind", ["image", "definitions"])
def test_processes_lose_no_update(store: Store, kind: str) -> None:
    path = f"{store.layout.root}/counter"
    with open(path, "w", encoding="ascii") as file:
        file.write("0")

    def work() -> None:
        locks = Locks(store.layout)
        for _ in range(25):
            with locks.image(KEY, IMAGE) if kind == "image" else locks.definitions():
                with open(path, encoding="ascii") as file:
                    number = int(file.read())
                with open(path, "w", encoding="ascii") as file:
                    file.write(str(number + 1))

    def both() -> None:
        child = os.fork()
        work()
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0

    assert in_child(both) == 0
    with open(path, encoding="ascii") as file:
        assert file.read() == "50"


def test_a_killed_holder_holds_nothing(store: Store) -> None:
    def die() -> None:
        with store.locks.image(KEY, IMAGE), store.locks.definitions():
            os.kill(os.getpid(), 9)

    assert in_child(die) == -9
    with store.locks.image(KEY, IMAGE), store.locks.definitions():
        pass


def test_many_images_share_a_bounded_number_of_lock_files(store: Store) -> None:
    for n in range(module._IMAGE_SLOTS * 2):
        with store.locks.image(KEY, ImageName(f"i{n}")):
            pass
    assert module._IMAGE_SLOTS / 2 < len(lock_files(store)) <= module._IMAGE_SLOTS


def test_the_definitions_lock_file_is_never_deleted(store: Store) -> None:
    """Waiters on a deleted file and takers of a new one would both believe they hold it."""
    with store.locks.definitions():
        path = f"{store.layout.top('locks')}/definitions.lock"
        before = os.stat(path).st_ino
        assert is_held(path)
    with store.locks.definitions():
        assert os.stat(path).st_ino == before


def test_waiting_too_long_for_the_definitions_has_a_name(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is no answer ends a command with a traceback, and a request with a defect."""
    monkeypatch.setattr(module, "DEFINITIONS_TIMEOUT", 0.05)
    other = Locks(store.layout)
    with other.definitions(), pytest.raises(RegistryError), store.locks.definitions():
        pass
