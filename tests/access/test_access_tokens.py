"""Access tokens; A7 and A12 of the reference are meant: a token never does more than its user."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from registry.access.granting import TOKENS_LIMIT
from registry.access.groups import Groups
from registry.access.principals import Action, Principal
from registry.access.user_documents import UserFields
from registry.access.users import Users
from registry.model.errors import AuthenticationRequired, Denied, RequestInvalid, TokenInvalid
from registry.storage.store import Store
from tests.access.issuing import APP, DAY, IMAGES, PASSWORD, claims_of, issue

Change = Callable[[], object]


def test_a_token_says_what_clients_look_for(tokens: Any, alice: Principal) -> None:
    issued = issue(tokens, alice)
    claims = claims_of(issued.token)
    assert claims["sub"] == "jfac@service/users/alice"
    assert claims["scp"] == "applied-permissions/user"
    assert claims["iss"] == "jfac@service"
    assert claims["aud"] == "*@*"
    assert claims["jti"] == issued.record.id
    assert claims["exp"] - claims["iat"] == 3600
    assert (issued.refresh, issued.reference) == ("", "")


def test_a_token_carries_the_rights_of_its_user(
    tokens: Any, alice: Principal, root: Principal
) -> None:
    for caller in (alice, root):
        issued = issue(tokens, caller, reference=True)
        for secret in (issued.token, issued.reference):
            principal = tokens.principal(secret)
            assert (principal.name, principal.admin) == (caller.name, caller.admin)
            assert (principal.groups, principal.token) == (caller.groups, issued.record.id)
            assert principal.unlimited


def test_the_disk_has_no_secret_of_it(tokens: Any, alice: Principal, store: Store) -> None:
    issued = issue(tokens, alice, reference=True, refreshable=True)
    path = store.layout.access_token(issued.record.id)
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path) as file:
        text = file.read()
    for secret in (issued.token, issued.reference, issued.refresh):
        assert secret
        assert secret not in text
        assert secret[-20:] not in text


class TestWhoMayHaveWhich:
    @pytest.mark.parametrize(
        "asked",
        [
            {"username": "root"}, {"username": "bob", "scope": "member-of-groups:readers"},
            {"scope": "applied-permissions/admin"}, {"scope": "jfrt@x:admin"}, {"expires_in": 0},
            {"expires_in": 31 * DAY}, {"username": "anonymous"},
        ],
    )  # fmt: skip
    def test_only_an_admin_has(self, tokens: Any, alice: Principal, asked: dict[str, Any]) -> None:
        with pytest.raises(Denied):
            issue(tokens, alice, **asked)

    @pytest.mark.parametrize(
        "asked",
        [
            {"scope": "member-of-groups:writers"}, {"scope": "member-of-groups:nobody"},
            {"scope": "x"}, {"expires_in": -1}, {"description": "x" * 2000}, {"audience": "a\nb"},
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_refused(
        self, tokens: Any, alice: Principal, asked: dict[str, Any]
    ) -> None:
        with pytest.raises(RequestInvalid):
            issue(tokens, alice, **asked)

    @pytest.mark.parametrize(
        "asked",
        [
            {"username": "alice", "scope": "applied-permissions/admin"},
            {"username": "alice", "scope": "member-of-groups:writers"},
            {"username": "bob"}, {"username": "bob", "scope": IMAGES},
            {"username": "bob", "scope": "member-of-groups:nobody"},
            {"username": "Not A Name", "scope": "member-of-groups:readers"},
            {"username": "anonymous", "scope": "member-of-groups:readers"},
            {"expires_in": 10**12},
        ],
    )  # fmt: skip
    def test_neither_does_an_admin_have(
        self, tokens: Any, root: Principal, asked: dict[str, Any]
    ) -> None:
        with pytest.raises(RequestInvalid):
            issue(tokens, root, **asked)

    def test_nobody_has_none(self, tokens: Any) -> None:
        with pytest.raises(AuthenticationRequired):
            issue(tokens, Principal("anonymous"))

    @pytest.mark.parametrize(
        "limited",
        [
            Principal("root", admin=True, access={}),
            Principal("root", admin=True, limit={APP: frozenset({Action.READ})}),
            Principal("root", only_groups=True),
        ],
    )
    def test_a_limited_token_makes_no_other(self, tokens: Any, limited: Principal) -> None:
        with pytest.raises(Denied):
            issue(tokens, limited)

    def test_a_token_of_a_user_makes_none_that_outlives_it(
        self, tokens: Any, alice: Principal, root: Principal
    ) -> None:
        for caller, longest in ((alice, 100), (root, 3600)):
            first = tokens.principal(issue(tokens, caller, expires_in=100).token)
            assert issue(tokens, first).record.lifetime in range(longest - 5, longest + 1)

    def test_a_user_has_a_limited_number_of_them(
        self, tokens: Any, alice: Principal, root: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert TOKENS_LIMIT == 1000
        monkeypatch.setattr("registry.access.granting.TOKENS_LIMIT", 3)
        for _ in range(3):
            last = issue(tokens, alice)
        with pytest.raises(Denied, match="revoke"):
            issue(tokens, alice)
        assert issue(tokens, root, username="alice")
        tokens.revoke(alice, last.record.id)
        with pytest.raises(Denied):
            issue(tokens, alice)
        tokens.revoke(alice, tokens.visible(alice)[0].id)
        assert issue(tokens, alice)


class TestWhatItMay:
    def test_no_more_than_its_groups(self, tokens: Any, alice: Principal, users: Users) -> None:
        token = issue(tokens, alice, scope="member-of-groups:readers").token
        principal = tokens.principal(token)
        assert (principal.groups, principal.only_groups) == (frozenset({"readers"}), True)
        users.change("alice", UserFields(groups=["writers"]))
        assert tokens.principal(token).groups == frozenset()

    def test_no_more_than_some_images(self, tokens: Any, root: Principal, users: Users) -> None:
        token = issue(tokens, root, scope=IMAGES).token
        principal = tokens.principal(token)
        assert principal.limit == {APP: frozenset({Action.READ})}
        assert not principal.unlimited

    def test_an_admin_who_is_none_any_more(
        self, tokens: Any, root: Principal, users: Users
    ) -> None:
        users.add("other", PASSWORD, admin=True)
        for scope in ("", "applied-permissions/admin"):
            token = issue(tokens, root, scope=scope).token
            users.change("root", UserFields(admin=True))
            assert tokens.principal(token).admin
            users.change("root", UserFields(admin=False))
            assert not tokens.principal(token).admin
            users.change("root", UserFields(admin=True))

    @pytest.mark.parametrize("change", ["disabled", "removed", "made again"])
    def test_a7_nothing_without_its_user(
        self, tokens: Any, alice: Principal, users: Users, store: Store, change: str
    ) -> None:
        """Made again by hand, so that what is kept of the token stays."""
        issued = issue(tokens, alice, reference=True)
        tokens.principal(issued.token)
        if change == "disabled":
            users.change("alice", UserFields(disabled=True))
        elif change == "removed":
            users.remove("alice")
        else:
            os.unlink(store.layout.user("alice"))
            users.add("alice", PASSWORD, admin=True)
        for secret in (issued.token, issued.reference):
            with pytest.raises(TokenInvalid):
                tokens.principal(secret)

    def test_another_password_changes_nothing(
        self, tokens: Any, alice: Principal, users: Users
    ) -> None:
        token = issue(tokens, alice).token
        users.set_password("alice", "another-password")
        assert tokens.principal(token).name == "alice"


class TestTransientUsers:
    SCOPE = "member-of-groups:readers"

    def test_they_have_the_rights_of_their_groups(self, tokens: Any, root: Principal) -> None:
        token = issue(tokens, root, username="Robot", scope=self.SCOPE).token
        principal = tokens.principal(token)
        assert (principal.name, principal.admin) == ("robot", False)
        assert (principal.groups, principal.only_groups) == (frozenset({"readers"}), True)
        assert claims_of(token)["sub"].endswith("/users/robot")

    def test_or_those_of_an_admin(self, tokens: Any, root: Principal) -> None:
        token = issue(tokens, root, username="robot", scope="applied-permissions/admin").token
        assert tokens.principal(token).admin
        with pytest.raises(Denied, match="who is a user"):
            issue(tokens, tokens.principal(token), username="other", scope=self.SCOPE)

    @pytest.mark.parametrize(
        "change", ["demoted", "disabled", "removed", "made again", "a user of that name"]
    )
    def test_a7_they_end_with_the_admin_behind_them(
        self, tokens: Any, root: Principal, users: Users, store: Store, change: str
    ) -> None:
        def make_again() -> None:
            os.unlink(store.layout.user("root"))
            users.add("root", PASSWORD, admin=True)

        users.add("other", PASSWORD, admin=True)
        token = issue(tokens, root, username="robot", scope=self.SCOPE).token
        changes: dict[str, Change] = {
            "demoted": lambda: users.change("root", UserFields(admin=False)),
            "disabled": lambda: users.change("root", UserFields(disabled=True)),
            "removed": lambda: users.remove("root"),
            "made again": make_again,
            "a user of that name": lambda: users.add("robot", PASSWORD),
        }
        tokens.principal(token)
        changes[change]()
        with pytest.raises(TokenInvalid):
            tokens.principal(token)

    def test_a_group_that_is_gone_gives_nothing(
        self, tokens: Any, root: Principal, groups: Groups
    ) -> None:
        token = issue(tokens, root, username="robot", scope=self.SCOPE).token
        groups.remove("readers")
        assert tokens.principal(token).groups == frozenset()
