from __future__ import annotations

import os

import pytest

from registry.access.users import Users
from registry.model.errors import UserExists, UserInvalid, UserUnknown
from registry.storage.store import Store

GOOD = ["a", "0", "alice", "alice.b-c_d@example.com", "a+b", "x" * 64]
BAD = [
    "", "A", ".a", "-a", "_a", "../x", "a/b", "a b", "a\n", "a\0", "ä", "x" * 65, "anonymous",
    "a:b", "a%", "@a", "１",
]  # fmt: skip
PASSWORD = "long-enough"


def test_a_user_is_added_and_found(users: Users, store: Store) -> None:
    user = users.add("alice", PASSWORD, admin=True)
    assert users.find("alice") == users.get("alice") == user
    assert (user.name, user.admin) == ("alice", True)
    path = store.layout.user("alice")
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path, encoding="utf-8") as file:
        assert PASSWORD not in file.read()


@pytest.mark.parametrize("name", GOOD)
def test_a_name_of_the_grammar_is_taken(users: Users, name: str) -> None:
    users.add(name, PASSWORD)
    assert [user.name for user in users.all()] == [name]


@pytest.mark.parametrize("name", BAD)
def test_any_other_name_is_refused_and_unknown(users: Users, name: str, store: Store) -> None:
    with pytest.raises(UserInvalid):
        users.add(name, PASSWORD)
    assert users.find(name) is None
    for change in (users.get, users.remove, lambda name: users.set_password(name, PASSWORD)):
        with pytest.raises(UserUnknown):
            change(name)
    assert os.listdir(store.layout.top("etc/users")) == []


@pytest.mark.parametrize("password", ["", "short12", "x" * 1025])
def test_a_password_has_a_length(users: Users, password: str) -> None:
    with pytest.raises(UserInvalid):
        users.add("alice", password)
    users.add("alice", PASSWORD)
    before = users.get("alice")
    with pytest.raises(UserInvalid):
        users.set_password("alice", password)
    assert users.get("alice") == before


@pytest.mark.parametrize("password", ["x" * 8, "x" * 1024])
def test_the_shortest_and_longest_password_are_taken(users: Users, password: str) -> None:
    assert users.add("alice", password)


def test_a_name_is_taken_once(users: Users) -> None:
    first = users.add("alice", PASSWORD)
    with pytest.raises(UserExists, match="set-password"):
        users.add("alice", "another-password", admin=True)
    assert users.get("alice") == first


def test_a_new_password_ends_the_old_credential(users: Users) -> None:
    before = users.add("alice", PASSWORD, admin=True)
    users.set_password("alice", PASSWORD)
    after = users.get("alice")
    assert before.credential != after.credential
    assert before.password_hash != after.password_hash
    assert (after.created, after.admin) == (before.created, True)


def test_a_change_by_another_process_is_seen_at_once(users: Users, store: Store) -> None:
    other = Users(Store(store.layout.root))
    users.add("alice", PASSWORD)
    assert other.get("alice") == users.get("alice")
    users.set_password("alice", "another-password")
    assert other.get("alice") == users.get("alice")
    users.remove("alice")
    assert other.find("alice") is None


def test_the_last_admin_stays(users: Users) -> None:
    users.add("root", PASSWORD, admin=True)
    users.add("alice", PASSWORD)
    with pytest.raises(UserInvalid, match="last admin"):
        users.remove("root")
    users.add("other", PASSWORD, admin=True)
    users.remove("root")
    users.remove("alice")
    assert [user.name for user in users.all()] == ["other"]


def test_users_are_sorted_and_other_files_are_none(users: Users, store: Store) -> None:
    for name in ("c", "a", "b"):
        users.add(name, PASSWORD)
    for name in ("_tmp.x.json", "UPPER.json", "notes.txt"):
        with open(f"{store.layout.top('etc/users')}/{name}", "wb") as file:
            file.write(b"{}")
    assert [user.name for user in users.all()] == ["a", "b", "c"]
