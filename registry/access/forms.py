"""The forms of secrets that are made here, by which each is known at sight, and hashing them.

A secret of these forms says which document knows of it, and the rest of it is random, so one look
at the disk decides. Clients tell them apart, too: Artifactory's command line takes for an API key
what begins with ``AKCp8`` and has at least 73 characters, and for an access token what has two
dots; programs that look for leaked secrets know an API key of exactly 73 characters, and a
reference token of 64 that begins as ours do.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import uuid
from typing import Final

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
API_KEY_START: Final = "AKCp8"
REFERENCE_START: Final = "cmVmdGtuOj"
_ID_LENGTH: Final = 22
"""Characters of this alphabet that 128 bits need."""
_API_KEY: Final = re.compile(r"AKCp8[0-9A-Za-z]{68}")
_REFERENCE: Final = re.compile(r"cmVmdGtuOj[0-9A-Za-z]{54}")
_REFRESH: Final = re.compile(r"[0-9A-Za-z]{64}")
_SECRET_LENGTH: Final = {API_KEY_START: 46, REFERENCE_START: 32, "": 42}
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def spell(number: int, length: int) -> str:
    """Return a number, or its end if it is too large, in ``length`` letters and digits."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def fresh_id() -> str:
    """Return the id of a new document; it is no secret."""
    return str(uuid.uuid4())


def is_id(text: str) -> bool:
    """Return whether a text has the form of an id, and so can be a file name."""
    return _ID.fullmatch(text) is not None


def is_api_key(text: str) -> bool:
    """Return whether a text has the form of an API key."""
    return text.startswith(API_KEY_START) and _API_KEY.fullmatch(text) is not None


def is_reference(text: str) -> bool:
    """Return whether a text has the form of a reference token."""
    return text.startswith(REFERENCE_START) and _REFERENCE.fullmatch(text) is not None


def is_refresh(text: str) -> bool:
    """Return whether a text has the form of a refresh token."""
    return _REFRESH.fullmatch(text) is not None


def compose(start: str, document: str, number: int | None = None) -> str:
    """Return a secret that leads to a document; random, or made from ``number``.

    ``start`` is that of an API key, of a reference token, or nothing for a refresh token.
    """
    length = _SECRET_LENGTH[start]
    if number is None:
        number = secrets.randbits(8 * length)
    return start + spell(uuid.UUID(document).int, _ID_LENGTH) + spell(number, length)


def document_of(secret: str, start: str) -> str | None:
    """Return the id of the document that a secret of the right form leads to, or None."""
    number = 0
    for character in secret[len(start) : len(start) + _ID_LENGTH]:
        number = number * len(ALPHABET) + ALPHABET.index(character)
    return None if number >> 128 else str(uuid.UUID(int=number))


def mark(secret: str) -> str:
    """Return what is kept of a secret. It is too random to be guessed, so no salt is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def fits(secret: str, marked: object) -> bool:
    """Return whether something that was kept is the mark of a secret; takes always as long."""
    return isinstance(marked, str) and hmac.compare_digest(mark(secret), marked)
