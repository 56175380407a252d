from __future__ import annotations

import os
from dataclasses import replace

import pytest
from email_validator import validate_email

from registry.access.logins import Logins
from registry.access.user_documents import UserFields
from registry.access.users import Users
from registry.model.errors import StorageFull, UserExists, UserInvalid, UserUnknown
from registry.storage import documents
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


FULL = UserFields(
    PASSWORD, "alice@corp.example", admin=True, disabled=True, profile_updatable=False,
    disable_ui_access=True, internal_password_disabled=True,
)  # fmt: skip


def test_a_change_leaves_what_it_does_not_name_and_a_replacement_does_not(users: Users) -> None:
    users.add("root", PASSWORD, admin=True)
    made = users.create("alice", FULL)
    assert (made.email, made.admin, made.disabled) == ("alice@corp.example", True, True)
    assert not made.profile_updatable
    assert made.disable_ui_access
    assert made.internal_password_disabled
    changed = users.change("alice", UserFields(email="a@b.example", disabled=False))
    assert changed == replace(made, email="a@b.example", disabled=False)
    replaced = users.replace("alice", UserFields(email="c@d.example"))
    assert replaced.password_hash == made.password_hash
    assert (replaced.admin, replaced.email, replaced.created) == (
        False, "c@d.example", made.created,
    )  # fmt: skip
    assert replaced.profile_updatable
    assert not replaced.internal_password_disabled


def test_a_user_needs_a_password_or_the_word_that_it_has_none(users: Users) -> None:
    for change in (users.create, users.replace):
        with pytest.raises(UserInvalid, match="password"):
            change("alice", UserFields())
    made = users.create("alice", UserFields(internal_password_disabled=True))
    assert made.password_hash == ""
    assert made.credential


@pytest.mark.parametrize(
    "email", ["", "a", "a@b", "@b.example", "a@", "a b@c.example", "a@b.example\n", "a@@b.example",
              "a..b@c.example", ".a@c.example", "a@-b.example", "x" * 65 + "@b.example",
              "a@" + "x" * 250 + ".example", "a@b..example", "ä@b.example"])  # fmt: skip
def test_an_address_looks_like_one(users: Users, email: str) -> None:
    with pytest.raises(UserInvalid, match="e-mail"):
        users.create("alice", UserFields(PASSWORD, email))
    assert users.find("alice") is None


@pytest.mark.parametrize(
    ("name", "email"),
    [
        ("admin", "admin@example.com"),
        ("alice@corp.example", "alice@corp.example"),
        ("alice@corp.local", "alice.corp.local@example.com"),
        ("a..b", "a.b@example.com"),
        ("a@", "a@example.com"),
        ("x" * 64, "x" * 64 + "@example.com"),
    ],
)
def test_who_has_given_no_address_has_one(users: Users, name: str, email: str) -> None:
    assert users.add(name, PASSWORD).email == email
    assert validate_email(email, check_deliverability=False)


def test_a_group_that_there_is_not_cannot_be_joined(users: Users) -> None:
    for change in (users.create, users.replace):
        with pytest.raises(UserInvalid, match="'none'"):
            change("alice", UserFields(PASSWORD, groups=["none"]))
    users.add("alice", PASSWORD)
    with pytest.raises(UserInvalid, match="'none'"):
        users.change("alice", UserFields(groups=["none"]))
    assert users.get("alice").groups == ()


@pytest.mark.parametrize("given", [UserFields(admin=False), UserFields(disabled=True)])
def test_the_last_admin_cannot_be_changed_into_something_else(
    users: Users, given: UserFields
) -> None:
    users.add("root", PASSWORD, admin=True)
    users.create("asleep", UserFields(PASSWORD, admin=True, disabled=True))
    for change in (users.change, users.replace):
        with pytest.raises(UserInvalid, match="last admin"):
            change("root", given)
    with pytest.raises(UserInvalid, match="last admin"):
        users.remove("root")
    users.remove("asleep")
    users.add("other", PASSWORD, admin=True)
    users.change("root", given)


def test_a_document_of_before_is_a_user(users: Users, store: Store) -> None:
    users.add("alice", PASSWORD)
    path = store.layout.user("alice")
    kept = ("name", "admin", "created", "passwordHash", "credential")
    stored = store.documents.read(path) or {}
    documents.replace(path, {name: stored[name] for name in kept}, 0o600)
    alice = users.get("alice")
    assert (alice.email, alice.groups, alice.disabled) == ("alice@example.com", (), False)
    assert alice.profile_updatable
    assert users.principal(alice).groups == frozenset()


def test_logins_are_noted_once_an_hour(users: Users, store: Store) -> None:
    users.add("alice", PASSWORD)
    logins, path = users.logins, store.layout.login("alice")
    assert logins.last("alice") is None
    logins.note("alice")
    first = logins.last("alice")
    assert first is not None
    before = os.stat(path).st_ino
    logins.note("alice")
    Logins(store).note("alice")
    assert os.stat(path).st_ino == before
    documents.replace(path, {"lastLoggedIn": "2020-01-01T00:00:00.000Z"})
    Logins(store).note("alice")
    assert logins.last("alice") != "2020-01-01T00:00:00.000Z"
    users.remove("alice")
    assert logins.last("alice") is None


@pytest.mark.parametrize("text", ["{", "[]", '{"lastLoggedIn": ""}', '{"lastLoggedIn": 1}', "{}"])
def test_a_damaged_note_of_a_login_is_none(users: Users, store: Store, text: str) -> None:
    with open(store.layout.login("alice"), "w", encoding="utf-8") as file:
        file.write(text)
    assert users.logins.last("alice") is None
    users.logins.note("alice")
    assert users.logins.last("alice")


def test_a_login_is_let_in_where_nothing_can_be_written(
    users: Users, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise StorageFull("no room")

    monkeypatch.setattr(documents, "replace", full)
    users.logins.note("alice")
    assert users.logins.last("alice") is None
