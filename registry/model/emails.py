"""E-mail addresses of users: what counts as one, and one for those who have given none.

Clients of Artifactory refuse to read a user without an address that could receive mail.
"""

from __future__ import annotations

import re
from typing import Final

EMAIL_LIMIT: Final = 254
_DOMAIN: Final = "example.com"
"""Nobody's, by RFC 2606."""
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = re.compile(
    rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])"
)
_RESERVED: Final = ("local", "localhost", "test", "invalid", "arpa", "onion")
"""Top levels that clients do not believe in."""


def is_email(text: str) -> bool:
    """Return whether a text has the form of an e-mail address."""
    return len(text) <= EMAIL_LIMIT and _EMAIL.fullmatch(text) is not None


def email_for(name: str) -> str:
    """Return an address for a user who has given none; a name that is one stands for itself."""
    if is_email(name) and name.rpartition(".")[2] not in _RESERVED:
        return name
    local = ".".join(part for part in re.split(r"[.@]+", name) if part)
    return f"{local[:64]}@{_DOMAIN}"
