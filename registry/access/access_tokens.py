"""Access tokens: issued, refreshed, listed, revoked; each known by a document in ``etc/tokens``.

A token is a JWT that names its document, or a short text that leads there. What it may do and how
long stands in the document, so whatever changes there counts in the next request on every worker.
Refreshing gives another one; the old one stays good for a while, because whoever refreshes may
have told others of it, or may never get the answer.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from registry.access import forms, jwt
from registry.access.granting import Asked, Grant, Granting
from registry.access.keys import SigningKeys
from registry.access.principals import Principal
from registry.access.scopes import parse_scope
from registry.access.token_documents import Kind, Record, TokenDocuments
from registry.model.errors import RequestInvalid, TokenInvalid, TokenUnknown

logger = logging.getLogger(__name__)

OVERLAP: Final = 300
"""Seconds that a token which was refreshed is still good."""
REFRESHABLE_FOR: Final = 30 * 86400
"""Seconds after its end in which a token can still be refreshed."""
EXPIRED: Final = "Token failed verification: expired"
"""The text of Artifactory, which clients look for."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token; the secrets are shown once and kept nowhere."""

    record: Record
    token: str
    reference: str = ""
    refresh: str = ""


class AccessTokens:
    """The access tokens of one storage folder; ``service`` names the registry that issues them."""

    def __init__(
        self,
        kept: TokenDocuments,
        granting: Granting,
        keys: SigningKeys,
        service: Callable[[], str],
    ) -> None:
        self._kept = kept
        self._granting = granting
        self._keys = keys
        self._service = service

    # --- issuing -------------------------------------------------------------------------------

    def issue(self, caller: Principal, asked: Asked, usual: int, longest: int) -> Issued:
        """Return a new token for somebody. Arguments and errors: see `Granting.grant`."""
        grant = self._granting.grant(caller, asked, usual, longest)
        return self._issue(caller.name, asked, grant)

    def _issue(self, issuer: str, asked: Asked, grant: Grant) -> Issued:
        token_id, moment = forms.fresh_id(), int(time.time())
        reference = forms.compose(forms.REFERENCE_START, token_id) if asked.reference else ""
        refresh = forms.compose("", token_id) if asked.refreshable else ""
        expires = moment + grant.lifetime if grant.lifetime else None
        ends = expires + REFRESHABLE_FOR if refresh and expires is not None else None
        record = Record(
            id=token_id,
            kind=Kind.ACCESS,
            user=grant.user,
            owner=grant.owner,
            credential=secrets.token_hex(8),
            issued=moment,
            expires=expires,
            scope=grant.scope.text,
            issuer=issuer,
            transient=grant.transient,
            lifetime=grant.lifetime,
            description=asked.description,
            audience=asked.audience or "*@*",
            secret=forms.mark(reference) if reference else "",
            refresh=forms.mark(refresh) if refresh else "",
            refreshed_until=ends,
        )
        token = jwt.sign(self._claims(record), self._keys.current())
        if len(token) > jwt.JWT_LIMIT:
            raise RequestInvalid("the token would be too long; ask for less")
        self._kept.create(record)
        logger.info("access token %s was issued to '%s' by '%s'", token_id, grant.user, issuer)
        return Issued(record, token, reference, refresh)

    def _claims(self, record: Record) -> dict[str, Any]:
        claims = {
            "sub": self.subject(record),
            "scp": record.scope,
            "aud": record.audience,
            "iss": self.issuer(),
            "iat": record.issued,
            "exp": record.expires,
            "jti": record.id,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def issuer(self) -> str:
        """Return what tokens say of who issued them."""
        return "jfac@" + self._service().rpartition("@")[2]

    def subject(self, record: Record) -> str:
        """Return what a token says of whose it is."""
        return f"{self.issuer()}/users/{record.user}"

    def refresh(self, refresh_token: str, token: str = "") -> Issued:
        """Return a new token in place of another one; ``token`` is that one, if it was sent.

        Raises:
            RequestInvalid: the refresh token is not good, or not that of the token.
            TokenInvalid: what the token stood on is gone.
        """
        record = self._refreshable(refresh_token)
        moment = int(time.time())
        if record is None or not record.is_refreshable(moment):
            raise RequestInvalid("the refresh token is not valid")
        if token and self._id(token) != record.id:
            raise RequestInvalid("the refresh token is that of another access token")
        self._granting.principal(record)
        asked = Asked(
            refreshable=True,
            reference=bool(record.secret),
            audience=record.audience,
            description=record.description,
        )
        scope = parse_scope(record.scope)
        grant = Grant(record.user, record.owner, record.transient, scope, record.lifetime)
        if not self._kept.shorten(record.id, moment + OVERLAP):
            raise RequestInvalid("the refresh token is not valid")
        return self._issue(record.issuer, asked, grant)

    def _refreshable(self, refresh_token: str) -> Record | None:
        if not forms.is_refresh(refresh_token):
            return None
        record = self._kept.read(forms.document_of(refresh_token, "") or "")
        if record is None or not forms.fits(refresh_token, record.refresh):
            return None
        return record

    # --- using ---------------------------------------------------------------------------------

    @staticmethod
    def has_form(secret: str) -> bool:
        """Return whether a text can be an access token."""
        return jwt.has_form(secret) or forms.is_reference(secret)

    def principal(self, secret: str) -> Principal:
        """Return whose request it is that bears a token, and what it may at this moment.

        Raises:
            TokenInvalid: forged, expired, revoked, or what it stood on is gone.
        """
        record = self._kept.read(self._id(secret) or "")
        if record is None or record.kind is not Kind.ACCESS:
            raise TokenInvalid("the token has been revoked, or never was one")
        return self.principal_of(record)

    def principal_of(self, record: Record) -> Principal:
        """Return the same for who has fetched something with a token. Raises TokenInvalid."""
        if record.is_over(time.time()):
            raise TokenInvalid(EXPIRED)
        principal = self._granting.principal(record)
        self._kept.note_use(record.id)
        return principal

    def _id(self, secret: str) -> str | None:
        """Return the id of the document that a token leads to, if it is one of ours."""
        if not forms.is_reference(secret):
            return jwt.verify(secret, self._keys.current())
        found = forms.document_of(secret, forms.REFERENCE_START) or ""
        record = self._kept.read(found)
        return found if record is not None and forms.fits(secret, record.secret) else None

    # --- keeping -------------------------------------------------------------------------------

    def visible(self, caller: Principal) -> list[Record]:
        """Return the tokens that are good, oldest first: all to an admin, to others their own."""
        moment = time.time()
        records = [
            record
            for record in self._kept.all(Kind.ACCESS)
            if not record.is_dead(moment) and self._may_see(caller, record)
        ]
        return sorted(records, key=lambda record: (record.issued, record.id))

    def find(self, caller: Principal, token_id: str) -> Record:
        """Return what is known of a token.

        Raises:
            TokenUnknown: there is none, as far as the caller may know.
        """
        record = self._kept.read(token_id)
        if (
            record is None
            or record.kind is not Kind.ACCESS
            or record.is_dead(time.time())
            or not self._may_see(caller, record)
        ):
            raise TokenUnknown("there is no such token")
        return record

    def revoke(self, caller: Principal, token_id: str) -> None:
        """End a token, and what was fetched with it.

        Raises:
            TokenUnknown: there is none, as far as the caller may know.
        """
        self._revoke(caller, self.find(caller, token_id))

    def revoke_secret(self, caller: Principal, secret: str) -> None:
        """End the token that has been sent, also by its refresh token; who has one may end it.

        Raises:
            TokenUnknown: it is none, or no longer.
        """
        record = self._refreshable(secret) or self._kept.read(self._id(secret) or "")
        if record is None or record.kind is not Kind.ACCESS:
            raise TokenUnknown("there is no such token")
        self._revoke(caller, record)

    def _revoke(self, caller: Principal, record: Record) -> None:
        if not self._kept.remove(record.id):
            raise TokenUnknown("there is no such token")
        logger.info(
            "access token %s of '%s' was revoked by '%s'", record.id, record.user, caller.name
        )

    def last_use(self, record: Record) -> int | None:
        """Return when a token was used last, in seconds since 1970; None if never."""
        return self._kept.last_use(record)

    @staticmethod
    def _may_see(caller: Principal, record: Record) -> bool:
        """Return whether somebody may know of a token: with a limited one, of that one alone."""
        if caller.token == record.id and caller.access is None:
            return True
        return caller.unlimited and (
            caller.admin or (caller.name == record.user and not record.transient)
        )
