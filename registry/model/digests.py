"""Digests: ``algorithm:hex``, the name of content by its bytes.

Source: OCI image specification, "Digests"; sha256 is the default, sha512 is registered as well.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, Protocol

from registry.model.errors import DigestInvalid

HEX_LENGTHS: Final = {"sha256": 64, "sha512": 128}
"""The supported algorithms and how many hex digits each has."""

DEFAULT_ALGORITHM: Final = "sha256"

_HEX: Final = re.compile(r"[0-9a-f]+")


class Hasher(Protocol):
    """What of a ``hashlib`` object is used."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """Return the hash of the bytes so far, without an end to taking more."""
        ...


class Digest(str):
    """A valid digest of a supported algorithm."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Return the digest that ``text`` spells.

        Raises:
            DigestInvalid: wrong form, unsupported algorithm, wrong length or upper-case hex.
        """
        algorithm, _, encoded = text.partition(":")
        length = HEX_LENGTHS.get(algorithm)
        if length is None or len(encoded) != length or not _HEX.fullmatch(encoded):
            raise DigestInvalid(
                "a digest is 'sha256:' and 64, or 'sha512:' and 128 lower-case hex digits",
                {"digest": text[:160]},
            )
        return cls(text)

    @classmethod
    def of(cls, data: bytes, algorithm: str = DEFAULT_ALGORITHM) -> Digest:
        """Return the digest of ``data``."""
        return cls(f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}")

    @classmethod
    def from_hasher(cls, algorithm: str, hasher: Hasher) -> Digest:
        """Return the digest of all that ``hasher`` was fed with."""
        return cls(f"{algorithm}:{hasher.hexdigest()}")

    @property
    def algorithm(self) -> str:
        """``sha256`` or ``sha512``."""
        return self.partition(":")[0]

    @property
    def encoded(self) -> str:
        """The hex digits."""
        return self.partition(":")[2]


def parse_algorithm(text: str) -> str:
    """Return ``text`` if it names a supported digest algorithm.

    Raises:
        DigestInvalid: it does not.
    """
    if text not in HEX_LENGTHS:
        raise DigestInvalid(
            f"the digest algorithm is not supported; use one of {', '.join(HEX_LENGTHS)}",
            {"algorithm": text[:80]},
        )
    return text
