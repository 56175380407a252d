from __future__ import annotations

import hashlib
from typing import Any

import pytest

from registry.access import passwords
from registry.access.authentication import NOBODY, Authentication, Secrets
from registry.access.policies import Locking
from registry.access.principals import ANONYMOUS, Action
from registry.access.users import Users
from registry.model.errors import CredentialsWrong, TokenInvalid

PASSWORD = "long-enough"
ACCESS = {"docker-local/team/app": frozenset({Action.READ})}


@pytest.fixture
def authentication(secrets: Secrets, users: Users) -> Authentication:
    users.add("alice", PASSWORD)
    users.add("root", PASSWORD, admin=True)
    # How wrong passwords slow down others has tests of its own.
    secrets.policies.set_locking(Locking(enabled=False))
    return Authentication(secrets, 3600)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cost of each scrypt that is computed."""
    seen: list[int] = []
    scrypt = hashlib.scrypt

    def counting(password: bytes, **options: Any) -> bytes:
        seen.append(options["n"] * options["r"] * options["p"])
        return scrypt(password, **options)

    monkeypatch.setattr(hashlib, "scrypt", counting)
    return seen


def test_a_right_password_gives_the_full_rights(authentication: Authentication) -> None:
    principal = authentication.by_password("alice", PASSWORD)
    assert (principal.name, principal.admin, principal.access) == ("alice", False, None)
    assert authentication.by_password("root", PASSWORD).admin


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", ""), ("alice", "wrong"), ("", PASSWORD), ("nobody", PASSWORD),
        ("Alice", PASSWORD), ("alice\0", PASSWORD), ("../users/alice", PASSWORD),
        ("alice", PASSWORD + "\0"),
        ("alice", "x" * 100_000), (ANONYMOUS, PASSWORD), (ANONYMOUS, ""), ("alice", "\udcff"),
        ("alice", "a\ud800"), ("\ud800", "x"), ("x" * 100_000, "x"),
    ],
)  # fmt: skip
def test_anything_else_is_one_and_the_same_answer(
    authentication: Authentication, name: str, password: str
) -> None:
    with pytest.raises(CredentialsWrong) as caught:
        authentication.by_password(name, password)
    assert caught.value.message == "Bad Credentials"
    assert caught.value.details == ()


def test_empty_credentials_are_nobodys(authentication: Authentication) -> None:
    assert authentication.by_password("", "") is NOBODY
    assert NOBODY.anonymous


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("password", ["wrong-password", "", "x" * 100_000])
def test_an_unknown_user_costs_what_a_wrong_password_costs(
    authentication: Authentication, hashed: list[int], warm: bool, password: str
) -> None:
    """The work is counted, not timed; the first question to a new worker must not differ."""
    passwords.nobodys_hash.cache_clear()
    if warm:
        passwords.nobodys_hash()
    costs = []
    for name in ("alice", "nobody", "No/Name"):
        hashed.clear()
        with pytest.raises(CredentialsWrong):
            authentication.by_password(name, password)
        costs.append(list(hashed))
    passwords.nobodys_hash.cache_clear()
    assert costs[0] == costs[1] == costs[2]
    assert costs[0] or len(password) > 1024


def test_a_verified_password_is_not_hashed_again(
    authentication: Authentication, hashed: list[int]
) -> None:
    for _ in range(5):
        authentication.by_password("alice", PASSWORD)
    assert len(hashed) == 1


def test_a_changed_password_ends_the_old_one_at_once(
    authentication: Authentication, users: Users
) -> None:
    authentication.by_password("alice", PASSWORD)
    users.set_password("alice", "another-password")
    with pytest.raises(CredentialsWrong):
        authentication.by_password("alice", PASSWORD)
    assert authentication.by_password("alice", "another-password").name == "alice"


def test_a_token_is_limited_to_what_it_was_issued_for(authentication: Authentication) -> None:
    for name in ("alice", "root"):
        token, lifetime = authentication.token_for(
            authentication.by_password(name, PASSWORD), ACCESS
        )
        assert lifetime == 3600
        principal = authentication.by_token(token)
        assert (principal.name, principal.admin) == (name, name == "root")
        assert principal.access == ACCESS


def test_nobody_can_have_a_token_too(authentication: Authentication) -> None:
    token, _ = authentication.token_for(NOBODY, ACCESS)
    principal = authentication.by_token(token)
    assert principal.anonymous
    assert not principal.admin
    assert principal.access == ACCESS


@pytest.mark.parametrize("change", ["password", "removed", "made again"])
def test_a_token_ends_with_its_users_credentials(
    authentication: Authentication, users: Users, change: str
) -> None:
    token, _ = authentication.token_for(authentication.by_password("alice", PASSWORD), ACCESS)
    assert authentication.by_token(token)
    if change == "password":
        users.set_password("alice", PASSWORD)
    else:
        users.remove("alice")
        if change == "made again":
            users.add("alice", PASSWORD, admin=True)
    with pytest.raises(TokenInvalid, match="revoked"):
        authentication.by_token(token)
