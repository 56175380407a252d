"""From credentials to a principal: the one place, whatever the credentials are.

A secret is known by its form: an API key, an access token, an encrypted password, or else a
password. Each is taken as the password of Basic credentials, tokens and keys also alone. Whatever
a token or key says, its user is looked at in each request, and may at most what it may then.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Self

from registry.access import encrypted_passwords, forms
from registry.access.access_tokens import EXPIRED, AccessTokens
from registry.access.aging import is_password_old
from registry.access.api_keys import ApiKeys, key_id
from registry.access.encrypted_passwords import Stands
from registry.access.granting import Granting
from registry.access.groups import Groups
from registry.access.keys import SigningKeys
from registry.access.lockout import Lockout
from registry.access.passwords import VerifiedPasswords, is_usable, nobodys_hash
from registry.access.policies import Policies
from registry.access.principals import ANONYMOUS, Access, Principal
from registry.access.sessions import Sessions
from registry.access.token_documents import Kind, Record, TokenDocuments
from registry.access.tokens import Claims, Tokens
from registry.access.user_documents import User
from registry.access.users import Users
from registry.model.errors import CredentialsWrong, Denied, TokenInvalid
from registry.storage.store import Store

NOBODY: Final = Principal(ANONYMOUS)
TOKEN_USERS: Final = ("", "_token")
"""Names in Basic credentials that stand for the user of the token."""
WRONG: Final = "Bad Credentials"
"""The text of Artifactory."""
REVOKED: Final = "the token has been revoked"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is known of each kind of credentials."""

    users: Users
    keys: SigningKeys
    tokens: Tokens
    kept: TokenDocuments
    access_tokens: AccessTokens
    api_keys: ApiKeys
    policies: Policies
    lockout: Lockout
    sessions: Sessions

    @classmethod
    def of(
        cls,
        store: Store,
        users: Users,
        groups: Groups,
        keys: SigningKeys,
        service: Callable[[], str],
    ) -> Self:
        """Return what is known in one storage folder; ``service`` names the registry."""
        kept, policies = TokenDocuments(store), Policies(store)
        return cls(
            users=users,
            keys=keys,
            tokens=Tokens(keys),
            kept=kept,
            access_tokens=AccessTokens(kept, Granting(users, groups, kept), keys, service),
            api_keys=ApiKeys(kept, users, keys),
            policies=policies,
            lockout=Lockout(policies),
            sessions=Sessions(kept, users, keys),
        )


class Authentication:
    """Decides whose a request is."""

    def __init__(self, secrets: Secrets, token_lifetime: int) -> None:
        self._users = secrets.users
        self._secrets = secrets
        self._token_lifetime = token_lifetime
        self._passwords = VerifiedPasswords()

    # --- Basic credentials ---------------------------------------------------------------------

    def by_password(self, name: str, password: str, address: str = "") -> Principal:
        """Return the principal of a user name, and a password or whatever may stand for it.

        Empty name and password count as anonymous: that is how some clients say "none".
        ``address`` is where the request comes from.

        Raises:
            CredentialsWrong: unknown user, wrong password, or a user who is disabled or takes no
                password, not told apart in text or time; or the right password, if it has expired.
            TokenInvalid: a token that is not good, or is another user's.
            TooManyAttempts: too many were wrong a moment ago.
        """
        if not name and not password:
            return NOBODY
        if self._secrets.access_tokens.has_form(password):
            return _named(self._secrets.access_tokens.principal(password), name)
        if forms.is_api_key(password):
            return _named(self._secrets.api_keys.principal(password), name)
        stands = self._encrypted(name, password)
        if stands is Stands.API_KEY:
            return self._users.principal(self._users.get(name), token=key_id(name))
        return self._users.principal(self.user_of(name, password, address, stands=stands))

    def user_of(
        self,
        name: str,
        password: str,
        address: str,
        *,
        stands: Stands | None = None,
        expired: bool = False,
    ) -> User:
        """Return the user of a name and a password; ``expired`` ones are taken if that is said.

        Raises:
            CredentialsWrong, TooManyAttempts: see `by_password`.
        """
        attempt = self._secrets.lockout.attempt(name, address)
        attempt.admit()
        user = self._password_user(name)
        if stands is None or user is None:
            stored = (user.password_hash if user is not None else "") or nobodys_hash()
            if not is_usable(password):
                attempt.fail()
                raise CredentialsWrong(WRONG)
            right = self._passwords.verify(password, stored, attempt.admit, attempt.fail)
            if user is None or not right:
                raise CredentialsWrong(WRONG)
        attempt.succeed()
        if not expired and is_password_old(user, self._secrets.policies.aging()):
            raise CredentialsWrong("the password has expired and has to be changed")
        self._users.logins.note(user.name)
        return user

    def _password_user(self, name: str) -> User | None:
        """Return the user of that name if there is one who may come with a password."""
        user = self._users.find(name)
        barred = user is None or user.disabled or user.internal_password_disabled
        return None if barred else user

    def _encrypted(self, name: str, password: str) -> Stands | None:
        """Return for what of a user an encrypted password stands, or None if it is none."""
        if not encrypted_passwords.has_form(password):
            return None
        user, keys = self._users.find(name), self._secrets.keys.current()
        if user is None or user.disabled:
            return None
        return encrypted_passwords.find(password, keys, user, self._secrets.api_keys.mark_of)

    def encrypted_password(self, principal: Principal) -> str:
        """Return what stands for the password, or for the API key, with which a user has come.

        Raises:
            Denied: the user has come with a token.
            CredentialsWrong: the key has just been revoked.
        """
        user = self._users.get(principal.name)
        if principal.token not in ("", key_id(user.name)):
            raise Denied("log in with a password or an API key; a token cannot be encrypted")
        mark = self._secrets.api_keys.mark_of(user.name) if principal.token else ""
        if principal.token and not mark:
            # What stands for a key must never become what stands for the password.
            raise CredentialsWrong(WRONG)
        return encrypted_passwords.make(self._secrets.keys.current(), user, mark)

    # --- tokens and keys -----------------------------------------------------------------------

    def by_token(self, token: str) -> Principal:
        """Return the principal of a token or key that is sent alone.

        Raises:
            TokenInvalid: forged, expired, or its user has been removed, disabled, or changed the
                password.
            CredentialsWrong: an API key that is not good.
        """
        if self._secrets.access_tokens.has_form(token):
            return self._secrets.access_tokens.principal(token)
        if forms.is_api_key(token):
            return self._secrets.api_keys.principal(token)
        claims = self._secrets.tokens.verify(token)
        if claims.user == ANONYMOUS:
            return Principal(ANONYMOUS, access=claims.access)
        if claims.token:
            return replace(self._behind(claims), access=claims.access)
        user = self._users.find(claims.user)
        if (
            user is None
            or user.disabled
            or not hmac.compare_digest(user.credential, claims.credential)
        ):
            raise TokenInvalid(REVOKED)
        return self._users.principal(user, claims.access)

    def by_key(self, key: str) -> Principal:
        """Return the principal of an API key, or of an access token that is sent as one.

        Raises:
            TokenInvalid, CredentialsWrong: it is not good.
        """
        if self._secrets.access_tokens.has_form(key):
            return self._secrets.access_tokens.principal(key)
        if not forms.is_api_key(key):
            raise CredentialsWrong(WRONG)
        return self._secrets.api_keys.principal(key)

    def _behind(self, claims: Claims) -> Principal:
        """Return whose the token or key is with which another token was fetched."""
        record = self._secrets.kept.read(claims.token)
        if record is None or not hmac.compare_digest(record.credential, claims.credential):
            raise TokenInvalid(REVOKED)
        try:
            return self._principal_of(record)
        except CredentialsWrong:
            raise TokenInvalid(REVOKED) from None

    def _principal_of(self, record: Record) -> Principal:
        if record.kind is Kind.API_KEY:
            return self._secrets.api_keys.principal_of(record)
        if record.kind is Kind.ACCESS:
            return self._secrets.access_tokens.principal_of(record)
        raise TokenInvalid(REVOKED)

    def token_for(self, principal: Principal, access: Access) -> tuple[str, int]:
        """Return a token for what was granted, and its lifetime in seconds.

        It ends with what the principal has shown for it.

        Raises:
            RegistryError: that has just ended.
        """
        lifetime, issue = self._token_lifetime, self._secrets.tokens.issue
        if principal.anonymous:
            return issue(principal.name, "", access, lifetime), lifetime
        if not principal.token:
            credential = self._users.get(principal.name).credential
            return issue(principal.name, credential, access, lifetime), lifetime
        record = self._secrets.kept.read(principal.token)
        if record is None:
            raise TokenInvalid(REVOKED)
        if record.expires is not None:
            lifetime = min(lifetime, record.expires - int(time.time()))
        if lifetime <= 0:
            raise TokenInvalid(EXPIRED)
        token = issue(principal.name, record.credential, access, lifetime, record.id)
        return token, lifetime


def _named(principal: Principal, name: str) -> Principal:
    """Return the principal of a token or key, unless it came under the name of somebody else."""
    if name not in TOKEN_USERS and name.lower() != principal.name:
        raise TokenInvalid("Token principal mismatch")
    return principal
