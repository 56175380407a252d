"""One line a request: who did what to which image, how it ended, how many bytes, how long."""

from __future__ import annotations

import logging
import time

from flask import Response, request

from registry.web.context import current

logger = logging.getLogger("registry.access")


def log_request(response: Response) -> Response:
    """Write the line; never the query or a header, which may carry secrets."""
    if not logger.isEnabledFor(logging.INFO):
        return response
    call, environ = current(), request.environ
    arguments = request.view_args or {}
    sent = "0" if environ["REQUEST_METHOD"] == "HEAD" else response.headers.get("Content-Length")
    logger.info(
        "%s %s %s %s %s repository=%s image=%s in=%s out=%s ms=%.1f",
        call.client,
        call.principal.name if call.principal is not None else "-",
        environ["REQUEST_METHOD"],
        _shown(request.path),
        response.status_code,
        _shown(arguments.get("key") or "-"),
        _shown(arguments.get("image") or "-"),
        environ.get("CONTENT_LENGTH") or "0",
        call.offloaded or sent or "0",
        (time.perf_counter() - call.started) * 1000,
    )
    return response


def _shown(text: str) -> str:
    """Return hostile text such that it stays on its line and cannot pose as another one."""
    if len(text) > 512:
        text = text[:512] + "…"
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return text.encode("unicode_escape").decode("ascii").replace(" ", "\\x20")
