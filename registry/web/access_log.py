"""One line a request: who did what to which image, how it ended, how many bytes, how long."""

from __future__ import annotations

import logging
import time

from flask import Response, g, request

logger = logging.getLogger("registry.access")


def log_request(response: Response) -> Response:
    """Write the line; never the query or a header, which may carry secrets."""
    if not logger.isEnabledFor(logging.INFO):
        return response
    call = g.call
    arguments = request.view_args or {}
    logger.info(
        "%s %s %s %s %d repository=%s image=%s in=%s out=%s ms=%.1f",
        call.client,
        call.principal.name if call.principal is not None else "-",
        request.method,
        _shown(request.path),
        response.status_code,
        _shown(arguments.get("key") or "-"),
        _shown(arguments.get("image") or "-"),
        request.environ.get("CONTENT_LENGTH") or 0,
        response.headers.get("Content-Length", 0) if request.method != "HEAD" else 0,
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
