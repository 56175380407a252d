from __future__ import annotations

import os

import pytest

from registry.access import forms
from registry.access.api_keys import ApiKeys, key_id
from registry.access.authentication import Authentication, Secrets
from registry.access.keys import SigningKeys
from registry.access.user_documents import UserFields
from registry.access.users import Users
from registry.model.errors import ApiKeyExists, CredentialsWrong, TokenInvalid, UserUnknown
from registry.storage.store import Store
from tests.access.issuing import PASSWORD


@pytest.fixture
def api_keys(secrets: Secrets, users: Users) -> ApiKeys:
    users.add("alice", PASSWORD)
    users.add("root", PASSWORD, admin=True)
    return secrets.api_keys


@pytest.fixture
def authentication(api_keys: ApiKeys, secrets: Secrets) -> Authentication:
    return Authentication(secrets, 3600)


def test_a_key_has_the_rights_of_its_user(
    api_keys: ApiKeys, authentication: Authentication
) -> None:
    for name in ("alice", "root"):
        key = api_keys.create(name)
        assert forms.is_api_key(key)
        for principal in (
            authentication.by_key(key),
            authentication.by_token(key),
            authentication.by_password(name, key),
            authentication.by_password("", key),
        ):
            assert (principal.name, principal.admin) == (name, name == "root")
            assert (principal.token, principal.unlimited) == (key_id(name), True)


def test_a_key_goes_with_its_own_user_alone(
    api_keys: ApiKeys, authentication: Authentication
) -> None:
    with pytest.raises(TokenInvalid):
        authentication.by_password("root", api_keys.create("alice"))


def test_it_can_be_shown_again_on_every_worker(api_keys: ApiKeys, store: Store) -> None:
    assert api_keys.get("alice") == ""
    key = api_keys.create("alice")
    other_store = Store(store.layout.root)
    users, keys = Users(other_store), SigningKeys(other_store)
    other = Secrets.of(other_store, users, users._groups, keys, lambda: "x").api_keys
    assert api_keys.get("alice") == other.get("alice") == key
    with pytest.raises(ApiKeyExists):
        other.create("alice")


def test_d12_the_disk_does_not_have_it(api_keys: ApiKeys, store: Store) -> None:
    key = api_keys.create("alice")
    path = store.layout.access_token(key_id("alice"))
    for private in (path, store.layout.keys()):
        assert os.stat(private).st_mode & 0o777 == 0o600
        with open(private) as file:
            text = file.read()
        assert key not in text
        assert key[-46:] not in text


def test_another_one_ends_the_first(api_keys: ApiKeys) -> None:
    first = api_keys.create("alice")
    second = api_keys.regenerate("alice")
    assert first != second
    assert api_keys.get("alice") == second
    assert api_keys.principal(second).name == "alice"
    with pytest.raises(CredentialsWrong):
        api_keys.principal(first)


def test_a_revoked_one_is_none(api_keys: ApiKeys) -> None:
    keys = {name: api_keys.create(name) for name in ("alice", "root")}
    assert api_keys.revoke("alice")
    assert not api_keys.revoke("alice")
    assert not api_keys.revoke("nobody")
    assert api_keys.get("alice") == ""
    with pytest.raises(CredentialsWrong):
        api_keys.principal(keys["alice"])
    assert api_keys.principal(keys["root"])
    assert api_keys.revoke_all() == 1
    with pytest.raises(CredentialsWrong):
        api_keys.principal(keys["root"])
    assert api_keys.create("alice") not in keys.values()


@pytest.mark.parametrize("change", ["disabled", "removed", "made again"])
def test_a7_a_key_ends_with_its_user(
    api_keys: ApiKeys, users: Users, store: Store, change: str
) -> None:
    """Made again by hand, so that what is kept of the key stays."""
    key = api_keys.create("alice")
    if change == "disabled":
        users.change("alice", UserFields(disabled=True))
    elif change == "removed":
        users.remove("alice")
    else:
        os.unlink(store.layout.user("alice"))
        users.add("alice", PASSWORD, admin=True)
        with pytest.raises(CredentialsWrong):
            api_keys.principal(key)
        assert api_keys.get("alice") == ""
        assert api_keys.create("alice") != key
    with pytest.raises(CredentialsWrong):
        api_keys.principal(key)


def test_nobody_else_has_one(api_keys: ApiKeys) -> None:
    for name in ("nobody", "anonymous", "../users/alice"):
        assert api_keys.get(name) == ""
        with pytest.raises(UserUnknown):
            api_keys.create(name)


@pytest.mark.parametrize("place", [5, 20, 27, 40, 72])
def test_a_key_with_another_letter_is_none(api_keys: ApiKeys, place: int) -> None:
    key = api_keys.create("alice")
    wrong = key[:place] + ("a" if key[place] != "a" else "b") + key[place + 1 :]
    with pytest.raises(CredentialsWrong):
        api_keys.principal(wrong)


def test_a_document_of_something_else_is_no_key(
    api_keys: ApiKeys, authentication: Authentication, users: Users, secrets: Secrets
) -> None:
    """Neither does a reference token open as a key, nor the other way round."""
    session, _ = secrets.sessions.begin(users.get("root"))
    wrong = forms.compose(forms.API_KEY_START, session.id)
    with pytest.raises(CredentialsWrong):
        authentication.by_key(wrong)
    with pytest.raises(TokenInvalid):
        authentication.by_key(forms.compose(forms.REFERENCE_START, key_id("alice")))
    for text in ("", "x", PASSWORD, "AKCp8", "\ud800"):
        with pytest.raises(CredentialsWrong):
            authentication.by_key(text)


def test_a_rotation_of_the_signing_keys_changes_no_key(api_keys: ApiKeys, secrets: Secrets) -> None:
    key = api_keys.create("alice")
    for _ in range(4):
        secrets.keys.rotate()
    assert api_keys.get("alice") == key


def test_without_the_secret_it_is_made_from_a_key_is_good_but_is_not_shown(
    api_keys: ApiKeys, store: Store
) -> None:
    key = api_keys.create("alice")
    os.unlink(store.layout.keys())
    assert api_keys.get("alice") == ""
    assert api_keys.principal(key).name == "alice"
    assert api_keys.get("alice") == ""
    assert api_keys.get("alice") != api_keys.regenerate("alice") == api_keys.get("alice")
