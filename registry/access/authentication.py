"""From credentials to a principal."""

from __future__ import annotations

import hmac

from registry.access.passwords import VerifiedPasswords, is_usable, nobodys_hash
from registry.access.principals import ANONYMOUS, Access, Principal
from registry.access.tokens import Tokens
from registry.access.users import Users
from registry.model.errors import CredentialsWrong, TokenInvalid

NOBODY = Principal(ANONYMOUS)


class Authentication:
    """Decides whose a request is."""

    def __init__(self, users: Users, tokens: Tokens, token_lifetime: int) -> None:
        self._users = users
        self._tokens = tokens
        self._token_lifetime = token_lifetime
        self._passwords = VerifiedPasswords()

    def by_password(self, name: str, password: str) -> Principal:
        """Return the principal of a user name and password.

        Empty name and password count as anonymous: that is how some clients say "none".

        Raises:
            CredentialsWrong: unknown user or wrong password, not told apart in text or time.
        """
        if not name and not password:
            return NOBODY
        user = self._users.find(name)
        if user is not None and (user.disabled or user.internal_password_disabled):
            user = None
        stored = nobodys_hash() if user is None else user.password_hash
        right = is_usable(password) and self._passwords.verify(password, stored)
        if user is None or not right:
            raise CredentialsWrong("incorrect username or password")
        self._users.logins.note(user.name)
        return self._users.principal(user)

    def by_token(self, token: str) -> Principal:
        """Return the principal of a token, limited to what the token was issued for.

        Raises:
            TokenInvalid: forged, expired, or its user has been removed or changed the password.
        """
        claims = self._tokens.verify(token)
        if claims.user == ANONYMOUS:
            return Principal(ANONYMOUS, access=claims.access)
        user = self._users.find(claims.user)
        if user is None or user.disabled or not hmac.compare_digest(user.credential, claims.credential):
            raise TokenInvalid("the token has been revoked")
        return self._users.principal(user, claims.access)

    def token_for(self, principal: Principal, access: Access) -> tuple[str, int]:
        """Return a token for what was granted, and its lifetime in seconds."""
        user = None if principal.anonymous else self._users.get(principal.name)
        credential = "" if user is None else user.credential
        lifetime = self._token_lifetime
        return self._tokens.issue(principal.name, credential, access, lifetime), lifetime
