"""Passwords: scrypt hashes, and a memory of those verified a moment ago.

Source of the parameters: RFC 7914 and the common recommendation N=2^14, r=8, p=1 for interactive
use, about 16 MiB and tens of milliseconds a check.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

PASSWORD_LIMIT: Final = 1024
"""Characters of a password; longer ones are refused before any work is done."""

_N: Final = 2**14
_R: Final = 8
_P: Final = 1
_LENGTH: Final = 32
_MEMORY: Final = 64 * 1024 * 1024


def is_usable(password: str) -> bool:
    """Return whether a text could be a password at all.

    A zero byte is refused, because HMAC pads its key with them: with one more at its end, a
    password would still have the same hash.
    """
    return len(password) <= PASSWORD_LIMIT and "\0" not in password


def hash_password(password: str) -> str:
    """Return a salted hash of the form ``scrypt$N$r$p$salt$hash``."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, _N, _R, _P)
    return "$".join(("scrypt", str(_N), str(_R), str(_P), _encode(salt), _encode(digest)))


def verify_password(password: str, stored: str) -> bool:
    """Return whether ``password`` has the hash ``stored``; takes as long for every answer."""
    try:
        _, n, r, p, salt, digest = stored.split("$")
        computed = _scrypt(password, base64.b64decode(salt), int(n), int(r), int(p))
        return hmac.compare_digest(computed, base64.b64decode(digest))
    except (TypeError, ValueError):
        return False


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=_LENGTH,
    )  # fmt: skip


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _nothing() -> None:
    """Let the work be done, and forget that it was."""


class VerifiedPasswords:
    """Remembers for a while that a password was right for a stored hash.

    Clients that send Basic credentials with each request would otherwise cost a scrypt each. Only
    a keyed hash of the pair is kept, with a key that never leaves the process; a changed password
    has another stored hash, so it is never answered from here.
    """

    def __init__(self, lifetime: float = 300.0, capacity: int = 1024) -> None:
        self._lifetime = lifetime
        self._capacity = capacity
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()
        # Each check takes 16 MiB and a core; a flood of log-ins must not take all of either.
        self._gate = threading.BoundedSemaphore(2)

    def verify(
        self,
        password: str,
        stored: str,
        admit: Callable[[], None] = _nothing,
        fail: Callable[[], None] = _nothing,
    ) -> bool:
        """Return whether ``password`` has the hash ``stored``.

        ``admit`` is called before the work is done, and raises if it is not to be done, because
        others have failed while this one waited; ``fail`` before the next one's turn.
        """
        message = f"{stored}\0{password}".encode("utf-8", "surrogatepass")
        mark = hmac.digest(self._key, message, "sha256")
        with self._lock:
            known = self._until.get(mark, 0.0) > time.monotonic()
        if known:
            return True
        with self._gate:
            admit()
            if not verify_password(password, stored):
                fail()
                return False
        with self._lock:
            self._until[mark] = time.monotonic() + self._lifetime
            if len(self._until) > self._capacity:
                self._until.popitem(last=False)
        return True


@functools.cache
def nobodys_hash() -> str:
    """Return a hash that no password has: an unknown user costs as much as a wrong password."""
    salt, digest = secrets.token_bytes(16), secrets.token_bytes(_LENGTH)
    return "$".join(("scrypt", str(_N), str(_R), str(_P), _encode(salt), _encode(digest)))
