"""How access tokens end, are refreshed, listed and revoked, and what docker fetches with them."""

from __future__ import annotations

import os
from typing import Any

import pytest

from registry.access import forms
from registry.access.access_tokens import OVERLAP, REFRESHABLE_FOR
from registry.access.authentication import Authentication, Secrets
from registry.access.groups import Groups
from registry.access.principals import Action, Principal
from registry.access.token_documents import USE_NOTED_EVERY
from registry.access.user_documents import UserFields
from registry.access.users import Users
from registry.model.errors import RequestInvalid, TokenInvalid, TokenUnknown
from registry.storage.store import Store
from tests.access.issuing import APP, DAY, IMAGES, PASSWORD, claims_of, issue


class TestItsEnd:
    @pytest.mark.parametrize("kind", ["token", "reference"])
    def test_a13_it_comes_exactly_at_the_second(
        self, tokens: Any, alice: Principal, moment: list[float], kind: str
    ) -> None:
        moment[0] = 1_000_000.0
        secret = getattr(issue(tokens, alice, expires_in=100, reference=True), kind)
        moment[0] = 1_000_099.999
        assert tokens.principal(secret)
        moment[0] = 1_000_100.0
        with pytest.raises(TokenInvalid, match="Token failed verification: expired"):
            tokens.principal(secret)

    def test_one_without_an_end_has_none(
        self, tokens: Any, root: Principal, moment: list[float]
    ) -> None:
        issued = issue(tokens, root, expires_in=0)
        assert "exp" not in claims_of(issued.token)
        moment[0] += 10_000 * DAY
        assert tokens.principal(issued.token)

    def test_what_has_ended_is_forgotten(
        self, tokens: Any, alice: Principal, moment: list[float], store: Store, secrets: Secrets
    ) -> None:
        gone = [issue(tokens, alice, expires_in=100).record.id for _ in range(3)]
        stays = issue(tokens, alice, expires_in=100, refreshable=True).record.id
        moment[0] += 200
        secrets.kept._swept = float("-inf")
        new = issue(tokens, alice).record.id
        found = set(store.documents.names(store.layout.top("etc/tokens")))
        assert found == {stays, new}
        assert gone

    def test_the_id_alone_opens_nothing(self, tokens: Any, alice: Principal) -> None:
        """Lists tell it; what is secret of a reference token is the rest of it."""
        for reference in (True, False):
            record = issue(tokens, alice, reference=reference).record
            with pytest.raises(TokenInvalid):
                tokens.principal(forms.compose(forms.REFERENCE_START, record.id))

    def test_keys_of_which_it_was_signed_can_be_forgotten(
        self, tokens: Any, alice: Principal, secrets: Secrets
    ) -> None:
        """Rotation with an overlap; a reference token is not signed, so it stays."""
        issued = issue(tokens, alice, reference=True)
        for _ in range(2):
            secrets.keys.rotate()
            assert tokens.principal(issued.token)
        secrets.keys.rotate()
        with pytest.raises(TokenInvalid):
            tokens.principal(issued.token)
        assert tokens.principal(issued.reference)


class TestRefreshing:
    def test_it_gives_another_one(self, tokens: Any, alice: Principal) -> None:
        old = issue(tokens, alice, refreshable=True, description="ci", scope=IMAGES, expires_in=99)
        new = tokens.refresh(old.refresh, old.token)
        assert new.record.id != old.record.id
        for field in ("user", "scope", "description", "lifetime", "owner"):
            assert getattr(new.record, field) == getattr(old.record, field)
        assert tokens.principal(new.token).limit == tokens.principal(old.token).limit
        assert tokens.refresh(new.refresh)

    def test_the_old_one_stays_for_a_while(
        self, tokens: Any, alice: Principal, moment: list[float]
    ) -> None:
        old = issue(tokens, alice, refreshable=True)
        tokens.refresh(old.refresh)
        moment[0] += OVERLAP - 2
        assert tokens.principal(old.token)
        assert tokens.refresh(old.refresh), "an answer that was lost can be had once more"
        moment[0] += 2
        with pytest.raises(TokenInvalid):
            tokens.principal(old.token)
        with pytest.raises(RequestInvalid):
            tokens.refresh(old.refresh)

    def test_it_can_be_done_after_the_end(
        self, tokens: Any, alice: Principal, moment: list[float]
    ) -> None:
        first, second = (issue(tokens, alice, refreshable=True, expires_in=100) for _ in range(2))
        moment[0] += 100 + REFRESHABLE_FOR - 1
        assert tokens.principal(tokens.refresh(first.refresh, first.token).token)
        moment[0] += 1
        with pytest.raises(RequestInvalid):
            tokens.refresh(second.refresh)

    def test_a7_not_for_a_user_who_is_disabled(
        self, tokens: Any, alice: Principal, users: Users
    ) -> None:
        old = issue(tokens, alice, refreshable=True)
        users.change("alice", UserFields(disabled=True))
        with pytest.raises(TokenInvalid):
            tokens.refresh(old.refresh)

    def test_nothing_else_refreshes(self, tokens: Any, alice: Principal) -> None:
        old = issue(tokens, alice, refreshable=True, reference=True)
        other = issue(tokens, alice, refreshable=True)
        for secret in ("", "x", "x" * 64, old.token, old.reference, old.refresh[:-1] + "!"):
            with pytest.raises(RequestInvalid):
                tokens.refresh(secret)
        with pytest.raises(RequestInvalid, match="another"):
            tokens.refresh(old.refresh, other.token)
        tokens.revoke(alice, old.record.id)
        with pytest.raises(RequestInvalid):
            tokens.refresh(old.refresh)

    def test_a_refresh_token_opens_nothing(self, tokens: Any, alice: Principal) -> None:
        assert not tokens.has_form(issue(tokens, alice, refreshable=True).refresh)


class TestListsAndRevoking:
    def test_everybody_sees_their_own_and_admins_all(
        self, tokens: Any, alice: Principal, root: Principal
    ) -> None:
        his = issue(tokens, alice).record.id
        hers = issue(tokens, root).record.id
        robot = issue(tokens, root, username="robot", scope="member-of-groups:readers").record.id
        assert {record.id for record in tokens.visible(alice)} == {his}
        assert {record.id for record in tokens.visible(root)} == {his, hers, robot}
        assert tokens.find(alice, his).user == "alice"
        for token_id in (hers, robot, "x", "../users/alice", "0" * 36):
            with pytest.raises(TokenUnknown):
                tokens.find(alice, token_id)
            with pytest.raises(TokenUnknown):
                tokens.revoke(alice, token_id)

    def test_a_limited_token_sees_itself_alone(self, tokens: Any, alice: Principal) -> None:
        other = issue(tokens, alice).record.id
        mine = tokens.principal(issue(tokens, alice, scope=IMAGES).token)
        assert [record.id for record in tokens.visible(mine)] == [mine.token]
        with pytest.raises(TokenUnknown):
            tokens.revoke(mine, other)
        tokens.revoke(mine, mine.token)
        with pytest.raises(TokenUnknown):
            tokens.find(mine, mine.token)

    @pytest.mark.parametrize("by", ["id", "token", "reference", "refresh"])
    def test_a7_a_revoked_one_is_refused_at_once(
        self, tokens: Any, alice: Principal, by: str, store: Store, secrets: Secrets, users: Users
    ) -> None:
        issued = issue(tokens, alice, reference=True, refreshable=True)
        elsewhere = Secrets.of(
            Store(store.layout.root), users, Groups(store), secrets.keys, lambda: "x"
        ).access_tokens
        assert elsewhere.principal(issued.token)
        if by == "id":
            tokens.revoke(alice, issued.record.id)
        else:
            tokens.revoke_secret(alice, getattr(issued, by))
        for where in (tokens, elsewhere):
            for secret in (issued.token, issued.reference):
                with pytest.raises(TokenInvalid):
                    where.principal(secret)
        with pytest.raises(TokenUnknown):
            tokens.revoke_secret(alice, issued.token)

    def test_its_use_is_noted(
        self, tokens: Any, alice: Principal, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        issued = issue(tokens, alice)
        assert tokens.last_use(issued.record) is None
        path = store.layout.access_token(issued.record.id)
        past = issued.record.issued + 1000
        monkeypatch.setattr(
            "registry.storage.atomic.touch", lambda path: os.utime(path, (past, past))
        )
        for _ in range(3):
            tokens.principal(issued.token)
        assert tokens.last_use(issued.record) == past
        os.utime(path, (past - 1, past - 1))
        tokens.principal(issued.token)
        assert tokens.last_use(issued.record) == past - 1, f"once in {USE_NOTED_EVERY} s"


class TestDockersTokens:
    """What was fetched with an access token is no more than that, and ends with it."""

    @pytest.fixture
    def authentication(self, secrets: Secrets) -> Authentication:
        return Authentication(secrets, 3600)

    def test_it_keeps_the_limits(
        self, tokens: Any, alice: Principal, authentication: Authentication
    ) -> None:
        limited = authentication.by_password("", issue(tokens, alice, scope=IMAGES).token)
        fetched, _ = authentication.token_for(limited, {APP: frozenset({Action.READ})})
        principal = authentication.by_token(fetched)
        assert principal.limit == limited.limit
        assert principal.access == {APP: frozenset({Action.READ})}

    def test_it_does_not_live_longer(
        self, tokens: Any, alice: Principal, authentication: Authentication, moment: list[float]
    ) -> None:
        bearer = tokens.principal(issue(tokens, alice, expires_in=100).token)
        assert authentication.token_for(bearer, {})[1] in (99, 100)
        moment[0] += 100
        with pytest.raises(TokenInvalid):
            authentication.token_for(bearer, {})

    def test_a7_it_ends_with_the_access_token(
        self, tokens: Any, alice: Principal, authentication: Authentication
    ) -> None:
        bearer = tokens.principal(issue(tokens, alice).token)
        fetched, _ = authentication.token_for(bearer, {})
        assert authentication.by_token(fetched).token == bearer.token
        tokens.revoke(alice, bearer.token)
        with pytest.raises(TokenInvalid):
            authentication.by_token(fetched)

    def test_a7_it_ends_with_the_api_key(
        self, secrets: Secrets, alice: Principal, authentication: Authentication
    ) -> None:
        for end in (secrets.api_keys.regenerate, secrets.api_keys.revoke):
            bearer = secrets.api_keys.principal(secrets.api_keys.regenerate("alice"))
            fetched, _ = authentication.token_for(bearer, {})
            assert authentication.by_token(fetched).name == "alice"
            end("alice")
            with pytest.raises(TokenInvalid):
                authentication.by_token(fetched)


def test_what_a_removed_user_had_is_forgotten(
    tokens: Any, alice: Principal, root: Principal, secrets: Secrets, users: Users, store: Store
) -> None:
    """Also the tokens of transient users that an admin had made, who is removed."""
    users.add("other", PASSWORD, admin=True)
    secrets.api_keys.create("alice")
    secrets.sessions.begin(users.get("alice"))
    issue(tokens, alice)
    stays = issue(tokens, root).record.id
    issue(tokens, root, username="robot", scope="member-of-groups:readers")
    folder = store.layout.top("etc/tokens")
    users.remove("alice")
    assert len(store.documents.names(folder)) == 2
    assert stays in store.documents.names(folder)
    users.remove("root")
    assert store.documents.names(folder) == []
