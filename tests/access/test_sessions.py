"""Sessions of browsers; the rows A13, D6 and D7 of the reference are meant."""

from __future__ import annotations

import os

import pytest

from registry.access.authentication import Authentication, Secrets
from registry.access.sessions import LIFETIME, Sessions
from registry.access.tokens import seal
from registry.access.user_documents import User, UserFields
from registry.access.users import Users
from registry.model.errors import Denied, TokenInvalid
from registry.storage.store import Store
from tests.access.issuing import PASSWORD


@pytest.fixture
def alice(users: Users) -> User:
    return users.add("alice", PASSWORD)


@pytest.fixture
def sessions(secrets: Secrets) -> Sessions:
    return secrets.sessions


def test_a_cookie_leads_to_its_session(sessions: Sessions, alice: User) -> None:
    session, cookie = sessions.begin(alice)
    found = sessions.find(cookie)
    assert found == session
    assert (session.principal.name, session.principal.unlimited) == ("alice", True)


def test_d7_each_login_has_an_id_of_its_own(sessions: Sessions, alice: User) -> None:
    begun = [sessions.begin(alice) for _ in range(3)]
    assert len({session.id for session, _ in begun}) == 3
    assert len({cookie for _, cookie in begun}) == 3


@pytest.mark.parametrize("change", ["logout", "password", "disabled", "removed", "no pages"])
def test_a7_it_ends_at_once(sessions: Sessions, alice: User, users: Users, change: str) -> None:
    session, cookie = sessions.begin(alice)
    other, other_cookie = sessions.begin(alice)
    if change == "logout":
        sessions.end(session)
        assert sessions.find(other_cookie) == other
    elif change == "password":
        users.set_password("alice", PASSWORD)
    elif change == "removed":
        users.remove("alice")
    elif change == "no pages":
        users.change("alice", UserFields(disable_ui_access=True))
    else:
        users.change("alice", UserFields(disabled=True))
    assert sessions.find(cookie) is None


def test_a_user_without_pages_has_none(sessions: Sessions, alice: User, users: Users) -> None:
    barred = users.change("alice", UserFields(disable_ui_access=True))
    with pytest.raises(Denied):
        sessions.begin(barred)


def test_a13_it_ends_exactly_at_its_time(
    sessions: Sessions, alice: User, moment: list[float]
) -> None:
    moment[0] = 1_000_000.0
    session, cookie = sessions.begin(alice)
    moment[0] += LIFETIME - 0.001
    assert sessions.find(cookie) == session
    moment[0] += 0.001
    assert sessions.find(cookie) is None


def test_a13_a_flipped_bit_anywhere_is_refused(sessions: Sessions, alice: User) -> None:
    session, cookie = sessions.begin(alice)
    token = sessions.forgery_token(session)
    for place in range(len(cookie) - 1):
        wrong = cookie[:place] + chr(ord(cookie[place]) ^ 1) + cookie[place + 1 :]
        assert sessions.find(wrong) is None
    for place in range(len(token) - 1):
        wrong = token[:place] + chr(ord(token[place]) ^ 1) + token[place + 1 :]
        assert not sessions.is_from_us(session, wrong)


def test_a13_what_is_signed_for_something_else_is_no_cookie_and_no_token(
    sessions: Sessions, alice: User, secrets: Secrets
) -> None:
    session, cookie = sessions.begin(alice)
    authentication = Authentication(secrets, 3600)
    docker, _ = authentication.token_for(session.principal, {})
    forgery = sessions.forgery_token(session)
    keys = secrets.keys.current()
    for wrong in ("", "x", docker, forgery, "\ud800", "x" * 100_000, seal(keys, "x", session.id)):
        assert sessions.find(wrong) is None
        if wrong != forgery:
            assert not sessions.is_from_us(session, wrong)
    assert not sessions.is_from_us(session, cookie)
    for wrong in (cookie, forgery):
        with pytest.raises(TokenInvalid):
            authentication.by_token(wrong)


def test_d6_the_token_of_another_session_is_not_taken(sessions: Sessions, alice: User) -> None:
    (mine, _), (other, _) = sessions.begin(alice), sessions.begin(alice)
    assert sessions.is_from_us(mine, sessions.forgery_token(mine))
    assert not sessions.is_from_us(mine, sessions.forgery_token(other))


@pytest.mark.parametrize("value", [None, 1, [], ["x"], ["x", "y", "z"], [1, 2], {}, "text"])
def test_other_values_are_no_session_even_if_they_are_signed(
    sessions: Sessions, alice: User, secrets: Secrets, value: object
) -> None:
    cookie = seal(secrets.keys.current(), "registry session", value)
    assert sessions.find(cookie) is None


def test_the_id_of_a_session_is_not_enough(
    sessions: Sessions, alice: User, secrets: Secrets
) -> None:
    """Not even for who could sign: what the cookie has beside it stands nowhere."""
    session, _ = sessions.begin(alice)
    keys = secrets.keys.current()
    for secret in ("", "x", None, 7):
        assert sessions.find(seal(keys, "registry session", [session.id, secret])) is None


def test_d12_the_disk_has_no_cookie(sessions: Sessions, alice: User, store: Store) -> None:
    session, cookie = sessions.begin(alice)
    path = store.layout.access_token(session.id)
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path) as file:
        assert cookie not in file.read()


def test_a_session_is_no_access_token(
    sessions: Sessions, alice: User, secrets: Secrets, users: Users
) -> None:
    session, _ = sessions.begin(alice)
    root = users.principal(users.add("root", PASSWORD, admin=True))
    assert secrets.access_tokens.visible(root) == []
    assert secrets.api_keys.revoke_all() == 0
    assert secrets.kept.read(session.id) is not None


def test_d7_old_keys_verify_until_they_drop_out(
    sessions: Sessions, alice: User, secrets: Secrets
) -> None:
    session, cookie = sessions.begin(alice)
    for _ in range(2):
        secrets.keys.rotate()
        assert sessions.find(cookie) == session
    secrets.keys.rotate()
    assert sessions.find(cookie) is None
