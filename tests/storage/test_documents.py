from __future__ import annotations

import functools
import json
import os

import pytest

from registry.model.errors import StorageFailed
from registry.storage import documents as module
from registry.storage.documents import Documents, create, encode, replace
from registry.storage.store import Store
from tests.storage.faults import in_child
from tests.storage.folders import mode


@pytest.fixture
def path(store: Store) -> str:
    return f"{store.layout.top('etc/users')}/document.json"


def test_a_document_is_read_as_written(path: str) -> None:
    replace(path, {"b": 1, "a": "ü"})
    assert Documents().read(path) == {"a": "ü", "b": 1}
    with open(path, encoding="utf-8") as file:
        assert file.read() == '{\n  "b": 1,\n  "a": "ü"\n}\n'
    assert mode(path) == 0o640


def test_absent_is_an_answer(path: str) -> None:
    documents = Documents()
    assert documents.read(path) is None
    assert documents.read(f"{path}/deeper") is None
    replace(path, {})
    assert documents.read(path) == {}
    assert documents.read(f"{path}/deeper") is None
    os.unlink(path)
    assert documents.read(path) is None


def test_a_change_by_another_process_is_seen_at_once(path: str) -> None:
    documents = Documents()
    for n in range(20):
        assert in_child(functools.partial(replace, path, {"n": n})) == 0
        assert documents.read(path) == {"n": n}
        assert documents.read(path) == {"n": n}


def test_changes_within_one_tick_of_the_clock_are_seen(path: str) -> None:
    """Inode numbers come back, and the clock of a filesystem may tick every 4 milliseconds only.

    So a document that was replaced twice can have the number, time and size that it had before.
    """
    documents = Documents()
    same = 0
    for n in range(1000, 1100):
        replace(path, {"n": n})
        before = os.stat(path)
        assert documents.read(path) == {"n": n}
        for more in (2000, 4000):
            replace(path, {"n": n + more})
        os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))
        same += os.stat(path).st_ino == before.st_ino
        assert documents.read(path) == {"n": n + 4000}
    if not same:
        pytest.skip("this filesystem does not give an inode number again so soon")


def test_an_unchanged_document_is_not_parsed_again(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = Documents()
    replace(path, {"a": 1})
    # What is that young is read again, because a second change could bear the same time.
    monkeypatch.setattr("registry.storage.documents._TICK", -1)
    first = documents.read(path)

    def never(file: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(json, "load", never)
    assert documents.read(path) is first


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"1", b"null", b"\xff", b"\0" * 100])
def test_a_damaged_document_is_neither_absent_nor_empty(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
    for _ in range(2):
        with pytest.raises(StorageFailed, match=r"document\.json"):
            Documents().read(path)


def test_creating_does_not_replace(path: str) -> None:
    create(path, {"n": 1}, 0o600)
    with pytest.raises(FileExistsError):
        create(path, {"n": 2})
    assert Documents().read(path) == {"n": 1}
    assert mode(path) == 0o600


def test_names_are_those_of_the_documents(store: Store) -> None:
    folder = store.layout.top("etc/users")
    for name in ("b", "a", "a.b"):
        replace(f"{folder}/{name}.json", {})
    for name in ("_tmp.x.json", "notes.txt", "c.json~"):
        with open(f"{folder}/{name}", "wb"):
            pass
    assert Documents().names(folder) == ["a", "a.b", "b"]
    assert Documents().names(f"{folder}/none") == []
    os.unlink(f"{folder}/_tmp.x.json")


def test_the_cache_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CAPACITY", 3)
    documents = Documents()
    for n in range(10):
        path = f"{store.layout.top('etc/users')}/{n}.json"
        with open(path, "wb") as file:
            file.write(encode({"n": n}))
        assert documents.read(path) == {"n": n}
        assert len(documents._parsed) <= 3
