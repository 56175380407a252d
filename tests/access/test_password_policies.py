"""What admins set about passwords, their age, and what stands for one."""

from __future__ import annotations

import datetime

import pytest

from registry.access import encrypted_passwords
from registry.access.aging import is_password_old
from registry.access.api_keys import key_id
from registry.access.authentication import Authentication, Secrets
from registry.access.policies import Aging, Locking, Policies
from registry.access.principals import Principal
from registry.access.user_documents import UserFields
from registry.access.users import Users
from registry.model.errors import CredentialsWrong, Denied, RequestInvalid, TooManyAttempts
from registry.storage.store import Store
from tests.access.issuing import PASSWORD

ANOTHER = "another-password"


@pytest.fixture
def authentication(secrets: Secrets, users: Users) -> Authentication:
    users.add("alice", PASSWORD)
    users.add("bob", PASSWORD)
    return Authentication(secrets, 3600)


class TestPolicies:
    def test_there_are_defaults(self, store: Store) -> None:
        policies = Policies(store)
        assert policies.locking() == Locking(enabled=True, attempts=10)
        assert policies.aging() == Aging(enabled=False, days=60, by_mail=True)
        assert policies.token_expiry() == 365 * 86400

    def test_each_is_kept_beside_the_others(self, store: Store) -> None:
        policies, elsewhere = Policies(store), Policies(Store(store.layout.root))
        policies.set_locking(Locking(enabled=False, attempts=3))
        policies.set_aging(Aging(enabled=True, days=90, by_mail=False))
        policies.set_token_expiry(60)
        assert elsewhere.locking() == Locking(enabled=False, attempts=3)
        assert elsewhere.aging() == Aging(enabled=True, days=90, by_mail=False)
        assert elsewhere.token_expiry() == 60

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", '{"locking": 7}', '{"locking": {"enabled": "no", "attempts": "3"}}',
         '{"locking": {"attempts": -1}, "aging": {"days": null}, "tokens": {"expiry": "x"}}'],
    )  # fmt: skip
    def test_a_damaged_document_keeps_nobody_out(self, store: Store, text: str) -> None:
        with open(store.layout.security(), "w") as file:
            file.write(text)
        policies = Policies(store)
        assert policies.locking() == Locking()
        assert policies.aging() == Aging()
        assert policies.token_expiry() == 365 * 86400

    @pytest.mark.parametrize("number", [0, -1, 10**12])
    def test_numbers_that_make_no_sense_are_refused(self, store: Store, number: int) -> None:
        policies = Policies(store)
        with pytest.raises(RequestInvalid):
            policies.set_locking(Locking(attempts=number))
        with pytest.raises(RequestInvalid):
            policies.set_aging(Aging(days=number))
        with pytest.raises(RequestInvalid):
            policies.set_token_expiry(number)


class TestAge:
    @pytest.mark.parametrize(("days", "old"), [(0, False), (59.9, False), (60, True), (99, True)])
    @pytest.mark.parametrize("enabled", [False, True])
    def test_a_password_gets_old_where_that_is_switched_on(
        self, users: Users, monkeypatch: pytest.MonkeyPatch, days: float, old: bool, enabled: bool
    ) -> None:
        user = users.add("alice", PASSWORD)
        later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
        monkeypatch.setattr("registry.access.aging.now", lambda: later)
        assert is_password_old(user, Aging(enabled=enabled, days=60)) is (old and enabled)

    def test_an_expired_one_is_refused_when_it_was_right(
        self, authentication: Authentication, users: Users
    ) -> None:
        users.change("alice", UserFields(password_expired=True))
        with pytest.raises(CredentialsWrong, match="expired"):
            authentication.by_password("alice", PASSWORD)
        with pytest.raises(CredentialsWrong, match="Bad Credentials"):
            authentication.by_password("alice", "wrong")
        assert authentication.user_of("alice", PASSWORD, "", expired=True).name == "alice"
        assert authentication.by_password("bob", PASSWORD).name == "bob"

    def test_another_one_is_good_again(self, authentication: Authentication, users: Users) -> None:
        users.change("alice", UserFields(password_expired=True))
        users.set_password("alice", ANOTHER)
        assert authentication.by_password("alice", ANOTHER).name == "alice"

    def test_a_user_that_is_written_anew_keeps_the_state_of_the_password(
        self, authentication: Authentication, users: Users
    ) -> None:
        users.change("alice", UserFields(password_expired=True))
        before = users.get("alice")
        users.replace("alice", UserFields(email="alice@example.com"))
        assert users.get("alice").password_expired
        assert users.get("alice").password_set == before.password_set

    def test_tokens_and_keys_stay_good(
        self, authentication: Authentication, users: Users, secrets: Secrets
    ) -> None:
        key = secrets.api_keys.create("alice")
        users.change("alice", UserFields(password_expired=True))
        assert authentication.by_password("alice", key).name == "alice"


class TestEncryptedPasswords:
    def test_it_stands_for_the_password(self, authentication: Authentication) -> None:
        text = authentication.encrypted_password(authentication.by_password("alice", PASSWORD))
        assert encrypted_passwords.has_form(text)
        assert PASSWORD not in text
        principal = authentication.by_password("alice", text)
        assert (principal.name, principal.token, principal.unlimited) == ("alice", "", True)
        assert authentication.encrypted_password(principal) == text

    def test_that_of_somebody_else_is_wrong(self, authentication: Authentication) -> None:
        text = authentication.encrypted_password(authentication.by_password("alice", PASSWORD))
        for name, password in (("bob", text), ("alice", text[:-1]), ("nobody", text), ("", text)):
            with pytest.raises(CredentialsWrong):
                authentication.by_password(name, password)

    @pytest.mark.parametrize("change", ["password", "disabled", "made again", "expired"])
    def test_it_ends_with_the_password(
        self, authentication: Authentication, users: Users, change: str
    ) -> None:
        text = authentication.encrypted_password(authentication.by_password("alice", PASSWORD))
        if change == "password":
            users.set_password("alice", PASSWORD)
        elif change == "disabled":
            users.change("alice", UserFields(disabled=True))
        elif change == "expired":
            users.change("alice", UserFields(password_expired=True))
        else:
            users.remove("alice")
            users.add("alice", PASSWORD)
        with pytest.raises(CredentialsWrong):
            authentication.by_password("alice", text)

    def test_one_of_an_api_key_is_no_more_than_the_key(
        self, authentication: Authentication, secrets: Secrets, users: Users
    ) -> None:
        bearer = authentication.by_key(secrets.api_keys.create("alice"))
        text = authentication.encrypted_password(bearer)
        users.set_password("alice", ANOTHER)
        principal = authentication.by_password("alice", text)
        assert principal.token == key_id("alice")
        assert authentication.encrypted_password(principal) == text
        secrets.api_keys.regenerate("alice")
        with pytest.raises(CredentialsWrong):
            authentication.by_password("alice", text)

    def test_a_key_that_was_just_revoked_does_not_become_the_password(
        self, authentication: Authentication, secrets: Secrets
    ) -> None:
        bearer = authentication.by_key(secrets.api_keys.create("alice"))
        secrets.api_keys.revoke("alice")
        with pytest.raises(CredentialsWrong):
            authentication.encrypted_password(bearer)

    def test_a_token_has_none(self, authentication: Authentication) -> None:
        with pytest.raises(Denied):
            authentication.encrypted_password(Principal("alice", token="another"))

    def test_it_is_no_password_for_the_pages(
        self, authentication: Authentication, secrets: Secrets
    ) -> None:
        text = authentication.encrypted_password(authentication.by_password("alice", PASSWORD))
        with pytest.raises(CredentialsWrong):
            authentication.user_of("alice", text, "")

    def test_a_password_may_look_like_one(
        self, authentication: Authentication, users: Users
    ) -> None:
        odd = "AP" + "x" * 43
        assert encrypted_passwords.has_form(odd)
        users.set_password("alice", odd)
        assert authentication.by_password("alice", odd).name == "alice"

    def test_the_right_one_has_to_wait_like_a_password(
        self, authentication: Authentication, secrets: Secrets
    ) -> None:
        text = authentication.encrypted_password(authentication.by_password("alice", PASSWORD))
        for _ in range(12):
            secrets.lockout.fail("alice", "")
        with pytest.raises(TooManyAttempts):
            authentication.by_password("alice", text)
