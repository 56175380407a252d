"""Encrypted passwords: texts that stand for a password in files that others may come to see.

The password is not in them, so nothing can be read out of them. They are signed by our keys, over
the user and the state of what they stand for, so they end when that is changed.
"""

from __future__ import annotations

import enum
import hmac
import json
import re
from collections.abc import Callable, Sequence
from typing import Final

from registry.access.forms import spell
from registry.access.user_documents import User

_START: Final = "AP"
_LENGTH: Final = 43
_FORM: Final = re.compile(rf"{_START}[0-9A-Za-z]{{{_LENGTH}}}")
_PURPOSE: Final = "registry encrypted password"


class Stands(enum.Enum):
    """For what an encrypted password stands."""

    PASSWORD = enum.auto()
    API_KEY = enum.auto()


def has_form(text: str) -> bool:
    """Return whether a text can be an encrypted password; an ordinary one can look like that."""
    return text.startswith(_START) and _FORM.fullmatch(text) is not None


def make(keys: Sequence[str], user: User, key_mark: str = "") -> str:
    """Return the encrypted password of a user, or, with the mark of one, that of the API key."""
    return _signed(keys[-1], user, key_mark)


def find(
    text: str, keys: Sequence[str], user: User, key_mark: Callable[[str], str]
) -> Stands | None:
    """Return what of a user a text stands for now, or None if it stands for nothing."""
    given, mark = text.encode("utf-8", "surrogatepass"), key_mark(user.name)
    found = None
    for key in keys:
        if hmac.compare_digest(_signed(key, user, "").encode(), given):
            found = Stands.PASSWORD
        if mark and hmac.compare_digest(_signed(key, user, mark).encode(), given):
            found = Stands.API_KEY
    return found


def _signed(key: str, user: User, key_mark: str) -> str:
    # For a password and for a key other words are signed, one JSON value each.
    state = ["key", user.created, key_mark] if key_mark else ["password", user.credential]
    message = json.dumps([_PURPOSE, user.name, *state]).encode()
    return _START + spell(int.from_bytes(hmac.digest(key.encode(), message, "sha512")), _LENGTH)
