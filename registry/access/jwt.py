"""Access tokens in the form of a JWT (RFC 7519), signed with our keys by HMAC with SHA-256.

Clients look into them for the user and the end, so they have this form; only we verify them. The
header is always the same text, and is compared as such: nothing in a token has a say in how it is
verified (the classes of ``alg: none`` and of distribution CVE-2025-24976). What is signed is one
JSON object (Gitea CVE-2026-58426).
"""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

JWT_LIMIT: Final = 4096
"""Characters of a token; proxies take about 8 KiB of headers."""

_PURPOSE: Final = b"registry access token in the form of a JWT"
_ESCAPES: Final = str.maketrans({c: f"\\u{ord(c):04x}" for c in "~?>\x7f"})
"""The only characters of ASCII from which base64 makes ``-`` and ``_``.

Some clients decode the middle part with the other alphabet, which has neither. All of them stand
in JSON within texts only, where each may be written as an escape.
"""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


_HEADER: Final = _encode(b'{"typ":"JWT","alg":"HS256"}') + "."


def has_form(text: str) -> bool:
    """Return whether a text can be a token of this form."""
    return text.startswith(_HEADER)


def sign(claims: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return a token with these claims, signed with the newest key."""
    text = json.dumps(claims, ensure_ascii=True, separators=(",", ":")).translate(_ESCAPES)
    message = _HEADER + _encode(text.encode("ascii"))
    return f"{message}.{_signature(message, keys[-1])}"


def verify(token: str, keys: Sequence[str]) -> str | None:
    """Return the id that a token bears, or None if none of the keys has signed it."""
    if not has_form(token) or len(token) > JWT_LIMIT:
        return None
    return _verified(token, tuple(keys))


@functools.lru_cache(4096)
def _verified(token: str, keys: tuple[str, ...]) -> str | None:
    message, _, signature = token.rpartition(".")
    given = signature.encode("utf-8", "surrogatepass")
    for key in reversed(keys):
        if hmac.compare_digest(_signature(message, key).encode("ascii"), given):
            return _id(message.rpartition(".")[2])
    return None


def _id(payload: str) -> str | None:
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    found = claims.get("jti") if isinstance(claims, dict) else None
    return found if isinstance(found, str) else None


def _signature(message: str, key: str) -> str:
    derived = hmac.digest(key.encode(), _PURPOSE, "sha256")
    return _encode(hmac.digest(derived, message.encode("utf-8", "surrogatepass"), "sha256"))
