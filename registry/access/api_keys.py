"""API keys: one for a user, good for all that the user may, until it is revoked or made anew.

Clients ask for a key again after it was made (``GET /api/security/apiKey``; dohq-artifactory does
before it makes another one), and a part of it would be of no use to them. So a key is not random:
it is made from a secret in ``etc/keys.json``, which is 0600 and stays the same, and from a random
salt in the document of the key. That document has the salt and the mark of the key, neither of
which tells the key; where the secret has been lost, the key is still good, but cannot be shown.

Where the document is says the name of the user, so there is one key for each.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
import uuid
from typing import Final

from registry.access import forms
from registry.access.keys import SigningKeys
from registry.access.principals import Principal
from registry.access.token_documents import Kind, Record, TokenDocuments
from registry.access.users import Users
from registry.model.errors import ApiKeyExists, CredentialsWrong

logger = logging.getLogger(__name__)

_PURPOSE: Final = b"registry API key"


def key_id(user: str) -> str:
    """Return under which id the API key of a user is kept; it is no secret."""
    digest = hashlib.sha256(_PURPOSE + b"\0" + user.encode("utf-8", "surrogatepass")).digest()
    return str(uuid.UUID(bytes=digest[:16]))


class ApiKeys:
    """The API keys of one storage folder; changes are valid at once in every process."""

    def __init__(self, kept: TokenDocuments, users: Users, keys: SigningKeys) -> None:
        self._kept = kept
        self._users = users
        self._keys = keys

    def get(self, name: str) -> str:
        """Return the key of a user; nothing if there is none, or none that can be shown."""
        record = self._record(name)
        if record is None:
            return ""
        key = self._made(record.id, record.salt)
        return key if forms.fits(key, record.secret) else ""

    def create(self, name: str) -> str:
        """Make a key for a user who has none, and return it.

        Raises:
            ApiKeyExists: there is one.
            UserUnknown: there is no such user.
        """
        if self._record(name) is not None:
            raise ApiKeyExists("there is an API key already; PUT makes another one in its place")
        return self._renew(name)

    def regenerate(self, name: str) -> str:
        """Make a key for a user in place of any other, which ends, and return it.

        Raises:
            UserUnknown: there is no such user.
        """
        return self._renew(name)

    def revoke(self, name: str) -> bool:
        """End the key of a user; return whether there was one."""
        was_there = self._kept.remove(key_id(name))
        if was_there:
            logger.info("the API key of '%s' was revoked", name)
        return was_there

    def revoke_all(self) -> int:
        """End the keys of all users; return how many there were."""
        return sum(self._kept.remove(record.id) for record in list(self._kept.all(Kind.API_KEY)))

    def principal(self, key: str) -> Principal:
        """Return whose key it is.

        Raises:
            CredentialsWrong: nobody's, or that of a user who is gone or disabled.
        """
        record = self._kept.read(forms.document_of(key, forms.API_KEY_START) or "")
        if record is None or record.kind is not Kind.API_KEY or not forms.fits(key, record.secret):
            raise CredentialsWrong("Bad Credentials")
        return self.principal_of(record)

    def principal_of(self, record: Record) -> Principal:
        """Return the same for who has fetched something with a key. Raises CredentialsWrong."""
        user = self._users.find(record.user)
        if user is None or user.disabled or user.created != record.owner:
            raise CredentialsWrong("Bad Credentials")
        self._kept.note_use(record.id)
        return self._users.principal(user, token=record.id)

    def mark_of(self, name: str) -> str:
        """Return what changes with the key of a user; nothing if there is none."""
        record = self._record(name)
        return "" if record is None else record.credential

    def _record(self, name: str) -> Record | None:
        record, user = self._kept.read(key_id(name)), self._users.find(name)
        if record is None or user is None or user.created != record.owner:
            return None
        return record

    def _renew(self, name: str) -> str:
        user = self._users.get(name)
        document, salt = key_id(name), secrets.token_hex(16)
        key = self._made(document, salt)
        self._kept.replace(
            Record(
                id=document,
                kind=Kind.API_KEY,
                user=name,
                owner=user.created,
                credential=secrets.token_hex(8),
                issued=int(time.time()),
                secret=forms.mark(key),
                salt=salt,
            )
        )
        logger.info("an API key was made for '%s'", name)
        return key

    def _made(self, document: str, salt: str) -> str:
        message = _PURPOSE + f"\0{document}\0{salt}".encode()
        number = hmac.digest(self._keys.lasting().encode(), message, "sha512")
        return forms.compose(forms.API_KEY_START, document, int.from_bytes(number))
