"""Tokens that a token service has given us: remembered until shortly before they expire."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from registry.repositories.upstream.failures import Failure

_USUAL_LIFETIME: Final = 60
_LONGEST_LIFETIME: Final = 24 * 3600
_MARGIN: Final = 30
"""Seconds before its end from which a token is not used any more, or a quarter of its life."""
_MOST: Final = 2000
ANSWER_LIMIT: Final = 256 * 1024
_SENDABLE: Final = re.compile(r"[\x21-\x7e]{1,65536}")

TokenKey = tuple[str, str, str, str]
"""Realm, service, scope and user."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and until when, by the monotonic clock, it is used."""

    text: str = field(repr=False)
    until: float


class Tokens:
    """The tokens of one upstream registry, shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[TokenKey, Token] = {}

    def known(self, key: TokenKey) -> str | None:
        """Return a token that is still good."""
        with self._lock:
            token = self._tokens.get(key)
        return token.text if token is not None and token.until > time.monotonic() else None

    def get(self, key: TokenKey, refused: str, fetch: Callable[[], Token]) -> tuple[str, bool]:
        """Return a token, and whether it is new; one that has been ``refused`` is thrown away."""
        known = self.known(key)
        if known is not None and known != refused:
            return known, False
        token = fetch()
        with self._lock:
            self._tokens[key] = token
            if len(self._tokens) > _MOST:
                self._drop_some()
        return token.text, True

    def _drop_some(self) -> None:
        now = time.monotonic()
        kept = {key: token for key, token in self._tokens.items() if token.until > now}
        # What was fetched last is the likeliest to be wanted again.
        self._tokens = dict(list(kept.items())[-_MOST // 2 :])


def parse_token(body: bytes) -> Token:
    """Return the token that a token service has answered.

    Raises:
        Failure: there is none in the answer.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Failure("its token service does not answer JSON")
    text = answer.get("token") or answer.get("access_token")
    if not isinstance(text, str) or not _SENDABLE.fullmatch(text):
        raise Failure("its token service answers no token")
    lifetime = answer.get("expires_in")
    if isinstance(lifetime, bool) or not isinstance(lifetime, int) or lifetime <= 0:
        lifetime = _USUAL_LIFETIME
    lifetime = min(lifetime, _LONGEST_LIFETIME)
    return Token(text, time.monotonic() + lifetime - min(_MARGIN, lifetime / 4))
