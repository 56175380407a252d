"""Sessions of people who have logged in with a browser.

What the browser keeps is signed, under a purpose of its own, and leads to a document; so logging
out ends a session on every worker, and so do another password, or a user who is disabled. Each
login has a new id, and whatever a browser brought before is worth nothing (session fixation).
Beside the cookie goes a token that scripts of our own pages alone can read and send back; it is
signed for the very session, under yet another purpose.
"""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Final

from registry.access import forms
from registry.access.keys import SigningKeys
from registry.access.principals import Principal
from registry.access.token_documents import Kind, Record, TokenDocuments
from registry.access.tokens import seal, unseal
from registry.access.user_documents import User
from registry.access.users import Users
from registry.model.errors import Denied, TokenInvalid

LIFETIME: Final = 12 * 3600
"""Seconds after which somebody has to log in again."""
_LIMIT: Final = 512
"""Characters of a cookie or token; ours have about half of that."""
_COOKIE: Final = "registry session"
_FORGERY: Final = "registry session forgery"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has logged in."""

    id: str
    principal: Principal


class Sessions:
    """The sessions of one storage folder."""

    def __init__(self, kept: TokenDocuments, users: Users, keys: SigningKeys) -> None:
        self._kept = kept
        self._users = users
        self._keys = keys

    def begin(self, user: User) -> tuple[Session, str]:
        """Begin a session for a user who has just shown a password; return it and the cookie.

        Raises:
            Denied: the user may not use the pages.
        """
        if user.disable_ui_access:
            raise Denied("this user may not use the pages of the registry")
        session, secret = forms.fresh_id(), secrets.token_urlsafe(24)
        moment = int(time.time())
        record = Record(
            id=session,
            kind=Kind.SESSION,
            user=user.name,
            owner=user.created,
            credential=user.credential,
            issued=moment,
            expires=moment + LIFETIME,
            secret=forms.mark(secret),
        )
        self._kept.create(record)
        cookie = seal(self._keys.current(), _COOKIE, [session, secret])
        return Session(session, self._users.principal(user)), cookie

    def find(self, cookie: str) -> Session | None:
        """Return the session that a cookie is of; None if it is of none, or of one that ended."""
        value = self._unsealed(_COOKIE, cookie)
        if not isinstance(value, list) or len(value) != 2:
            return None
        session, secret = value
        record = self._kept.read(session) if isinstance(session, str) else None
        if (
            record is None
            or record.kind is not Kind.SESSION
            or record.is_over(time.time())
            or not isinstance(secret, str)
            or not forms.fits(secret, record.secret)
        ):
            return None
        user = self._users.find(record.user)
        if (
            user is None
            or user.disabled
            or user.disable_ui_access
            or not hmac.compare_digest(user.credential, record.credential)
        ):
            return None
        return Session(session, self._users.principal(user))

    def end(self, session: Session) -> None:
        """End a session."""
        self._kept.remove(session.id)

    def forgery_token(self, session: Session) -> str:
        """Return what has to be sent back with whatever changes something."""
        return seal(self._keys.current(), _FORGERY, session.id)

    def is_from_us(self, session: Session, token: str) -> bool:
        """Return whether a request bears the token of its session."""
        value = self._unsealed(_FORGERY, token)
        return isinstance(value, str) and hmac.compare_digest(value.encode(), session.id.encode())

    def _unsealed(self, purpose: str, text: str) -> object:
        if len(text) > _LIMIT:
            return None
        try:
            return unseal(self._keys.current(), purpose, text)
        except TokenInvalid:
            return None
