"""Tokens of the token endpoint: signed, limited to what was asked for and granted, expiring.

A token names its user and the state of the user's credentials, so removing the user or changing
the password ends it at the next request; one that was fetched with an access token or an API key
names that instead, and ends with it. The only importer of itsdangerous.

What is signed is one JSON value (no ambiguous joining of fields, as in Gitea CVE-2026-58426), and
the key is never taken from the token (distribution CVE-2025-24976).
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from itsdangerous import BadData, URLSafeSerializer

from registry.access.keys import SigningKeys
from registry.access.principals import Access, Action
from registry.model.errors import TokenInvalid

TOKEN_LIMIT: Final = 4096
"""Characters of a token; proxies take about 8 KiB of headers."""
LEEWAY: Final = 60.0
"""Seconds that clocks may differ."""

_SALT: Final = "registry access token"
_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says."""

    user: str
    credential: str
    expires: float
    access: Access
    token: str = ""
    """The id of the access token or API key that it was fetched with, if it was one."""


class Tokens:
    """Issues and verifies tokens."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys
        self._verified: OrderedDict[tuple[str, ...], Claims] = OrderedDict()

    def issue(
        self, user: str, credential: str, access: Access, lifetime: int, token_id: str = ""
    ) -> str:
        """Return a token good for ``lifetime`` seconds from now.

        Raises:
            TokenInvalid: so much was asked for that the token would be too long to be sent.
        """
        claims: dict[str, Any] = {
            "u": user,
            "c": credential,
            "e": int(time.time()) + lifetime,
            "a": {path: sorted(a.value for a in actions) for path, actions in access.items()},
        }
        if token_id:
            claims["t"] = token_id
        token = seal(self._keys.current(), _SALT, claims)
        if len(token) > TOKEN_LIMIT:
            raise TokenInvalid("the token would be too long; ask for fewer scopes")
        return token

    def verify(self, token: str) -> Claims:
        """Return what a token says.

        Raises:
            TokenInvalid: forged, damaged, signed with a forgotten key, or expired.
        """
        keys = self._keys.current()
        # A remembered token must have been verified with keys that are all still in force.
        mark = (token, *keys)
        claims = self._verified.get(mark)
        if claims is None:
            claims = self._load(token, keys)
            self._verified[mark] = claims
            if len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)
        if claims.expires + LEEWAY < time.time():
            raise TokenInvalid("the token has expired")
        return claims

    @staticmethod
    def _load(token: str, keys: list[str]) -> Claims:
        if len(token) > TOKEN_LIMIT:
            raise TokenInvalid("the token is not valid")
        try:
            claims = unseal(keys, _SALT, token)
            return Claims(
                user=claims["u"],
                credential=claims["c"],
                expires=claims["e"],
                access={
                    path: frozenset(map(Action, actions)) for path, actions in claims["a"].items()
                },
                token=claims.get("t", ""),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise TokenInvalid("the token is not valid") from None


def seal(keys: list[str], salt: str, value: Any) -> str:
    """Return a JSON value, signed for the purpose that ``salt`` names."""
    return str(_serializer(keys, salt).dumps(value))


def unseal(keys: list[str], salt: str, text: str) -> Any:
    """Return the value that was sealed for this purpose.

    Raises:
        TokenInvalid: forged, damaged, for another purpose, or sealed with a forgotten key.
    """
    try:
        return _serializer(keys, salt).loads(text)
    except (BadData, ValueError):
        raise TokenInvalid("the token is not valid") from None


def _serializer(keys: list[str], salt: str) -> URLSafeSerializer:
    return URLSafeSerializer(
        keys,
        salt=salt,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )
