"""Wrong passwords slow down whoever tries them, for one user from one address, on every worker.

The failures lie in one anonymous piece of memory that the workers inherit from the master: a table
of fixed size, thrown away with the server. Entries bear keyed hashes, so nobody knows which names
share a place. Workers write without a common lock: a word is written whole, and two failures of
the same moment may count as one, which costs nothing that matters, for each takes a worker tens
of milliseconds. Names that are no user's are treated alike, so nothing is told by it.

After as many failures as the policy says, each further one doubles the pause before the next try.
"""

from __future__ import annotations

import functools
import hmac
import ipaddress
import math
import mmap
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from registry.access.policies import Policies
from registry.model.errors import TooManyAttempts

LONGEST: Final = 300
"""Seconds of the longest pause."""
FORGOTTEN: Final = 3600.0
"""Seconds after the last failure in which the ones before still count."""

_BUCKETS: Final = 2048
_WAYS: Final = 8
"""Places in which an entry can be; if all are taken, the one that matters least gives way."""
_WORDS: Final = 4
_KEY, _USER, _FAILURES, _LAST = range(_WORDS)
"""Of user and address together, of the user alone, how many, when in nanoseconds."""
_UNIT: Final = 1e9


@functools.lru_cache(4096)
def _place_of(address: str) -> str:
    """Return an address as it is counted: of IPv6 the network, for each site has all of one."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a user's password from an address."""

    lockout: Lockout
    name: str
    address: str

    def admit(self) -> None:
        """See `Lockout.admit`."""
        self.lockout.admit(self.name, self.address)

    def fail(self) -> None:
        """See `Lockout.fail`."""
        self.lockout.fail(self.name, self.address)

    def succeed(self) -> None:
        """See `Lockout.succeed`."""
        self.lockout.succeed(self.name, self.address)


class Lockout:
    """The failures of one server."""

    def __init__(self, policies: Policies, clock: Callable[[], float] = time.monotonic) -> None:
        self._policies = policies
        self._clock = clock
        """That of the machine, the same in all processes."""
        self._secret = secrets.token_bytes(32)
        self._words = memoryview(mmap.mmap(-1, _BUCKETS * _WAYS * _WORDS * 8)).cast("Q")
        self._lock = threading.Lock()

    def attempt(self, name: str, address: str) -> Attempt:
        """Return a try that is about to be made."""
        return Attempt(self, name, address)

    def admit(self, name: str, address: str) -> None:
        """Let a try be made now, or raise.

        Raises:
            TooManyAttempts: too many failed a moment ago; it is not said whether this one would.
        """
        place = self._find(self._pair(name, address))
        if place is None:
            return
        policy = self._policies.locking()
        if not policy.enabled:
            return
        left = self._pause_left(place, policy.attempts)
        if left > 0:
            raise TooManyAttempts(
                "too many wrong passwords; wait before the next try", math.ceil(left)
            )

    def fail(self, name: str, address: str) -> None:
        """Count a wrong password."""
        key, user = self._pair(name, address), self._hash(name)
        with self._lock:
            place = self._find(key)
            if place is None:
                place = self._spare(key)
            words, now = self._words, self._clock()
            known = words[place + _KEY] == key and now - words[place + _LAST] / _UNIT < FORGOTTEN
            words[place + _FAILURES] = words[place + _FAILURES] + 1 if known else 1
            words[place + _USER] = user
            words[place + _LAST] = int(now * _UNIT)
            words[place + _KEY] = key

    def succeed(self, name: str, address: str) -> None:
        """Forget the failures of a user from an address: the right password has been given."""
        place = self._find(self._pair(name, address))
        if place is not None:
            self._words[place + _KEY] = 0

    def locked(self, names: Iterable[str]) -> list[str]:
        """Return which of these users have to wait somewhere, in the same order."""
        attempts = self._policies.locking().attempts
        waiting = {
            self._words[place + _USER]
            for place in range(0, len(self._words), _WORDS)
            if self._words[place + _KEY] and self._pause_left(place, attempts) > 0
        }
        return [name for name in names if self._hash(name) in waiting]

    def unlock(self, name: str) -> None:
        """Forget all failures of one user."""
        self._forget(self._hash(name))

    def unlock_all(self) -> None:
        """Forget all failures."""
        self._forget(None)

    def _forget(self, user: int | None) -> None:
        for place in range(0, len(self._words), _WORDS):
            if user is None or self._words[place + _USER] == user:
                self._words[place + _KEY] = 0

    def _pair(self, name: str, address: str) -> int:
        """Return what stands for a user at an address; an address has no zero byte in it."""
        return self._hash(f"{_place_of(address)}\0{name}")

    def _hash(self, text: str) -> int:
        """Return a number that stands for a text; never zero."""
        digest = hmac.digest(self._secret, text.encode("utf-8", "surrogatepass"), "sha256")
        return int.from_bytes(digest[:8]) or 1

    def _bucket(self, key: int) -> range:
        first = key % _BUCKETS * _WAYS * _WORDS
        return range(first, first + _WAYS * _WORDS, _WORDS)

    def _find(self, key: int) -> int | None:
        return next(
            (place for place in self._bucket(key) if self._words[place + _KEY] == key), None
        )

    def _spare(self, key: int) -> int:
        """Return a free place, or that with the fewest failures, the oldest of these."""
        words = self._words

        def weight(place: int) -> tuple[int, int]:
            counts = words[place + _KEY] and not self._is_old(place)
            return words[place + _FAILURES] if counts else 0, words[place + _LAST]

        return min(self._bucket(key), key=weight)

    def _is_old(self, place: int) -> bool:
        return self._clock() - self._words[place + _LAST] / _UNIT >= FORGOTTEN

    def _pause_left(self, place: int, attempts: int) -> float:
        """Return for how many seconds an entry is not to be tried again."""
        beyond = self._words[place + _FAILURES] - attempts
        if beyond < 0 or self._is_old(place):
            return 0.0
        pause = min(2.0 ** min(beyond, 16), LONGEST)
        return self._words[place + _LAST] / _UNIT + pause - self._clock()
