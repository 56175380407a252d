"""One line a request: who did what to which image, how it ended, how many bytes, how long."""

from __future__ import annotations

import logging

from flask import request

from registry.web.context import current

logger = logging.getLogger("registry.access")


def log_request(status: int, sent: int, seconds: float) -> None:
    """Write the line; never the query or a header, which may carry secrets."""
    if not logger.isEnabledFor(logging.INFO):
        return
    call, environ = current(), request.environ
    arguments = request.view_args or {}
    logger.info(
        "%s %s %s %s %s repository=%s image=%s in=%s out=%d ms=%.1f",
        call.client,
        call.principal.name if call.principal is not None else "-",
        environ["REQUEST_METHOD"],
        _shown(request.path),
        status,
        _shown(arguments.get("key") or "-"),
        _shown(arguments.get("image") or "-"),
        environ.get("CONTENT_LENGTH") or "0",
        sent,
        seconds * 1000,
    )


def _shown(text: str) -> str:
    """Return hostile text such that it stays on its line and cannot pose as another one."""
    if len(text) > 512:
        text = text[:512] + "…"
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return text.encode("unicode_escape").decode("ascii").replace(" ", "\\x20")
