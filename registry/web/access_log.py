"""One line a request: who did what to which image, how it ended, how many bytes, how long."""

from __future__ import annotations

import logging
from typing import Final

from flask import request

from registry.access.forms import is_id
from registry.web.context import current

logger = logging.getLogger("registry.access")

_MASKED: Final = "token"
"""The argument of routes that may be a token as well as the id of one."""


def log_request(status: int, sent: int, seconds: float) -> None:
    """Write the line; never the query or a header, which may carry secrets."""
    if not logger.isEnabledFor(logging.INFO):
        return
    call, environ = current(), request.environ
    principal = call.principal
    arguments = request.view_args or {}
    logger.info(
        "%s %s %s %s %s token=%s repository=%s image=%s in=%s out=%d ms=%.1f",
        call.client,
        principal.name if principal is not None else "-",
        environ["REQUEST_METHOD"],
        shown_path(),
        status,
        (principal.token if principal is not None else "") or "-",
        _shown(arguments.get("key") or "-"),
        _shown(arguments.get("image") or "-"),
        environ.get("CONTENT_LENGTH") or "0",
        sent,
        seconds * 1000,
    )


def shown_path() -> str:
    """Return the path of the request; a secret that stands in it is left out."""
    secret = (request.view_args or {}).get(_MASKED)
    if secret and not is_id(secret):
        return _shown(request.path.replace(secret, "***"))
    return _shown(request.path)


def _shown(text: str) -> str:
    """Return hostile text such that it stays on its line and cannot pose as another one."""
    if len(text) > 512:
        text = text[:512] + "…"
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return text.encode("unicode_escape").decode("ascii").replace(" ", "\\x20")
