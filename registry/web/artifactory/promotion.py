"""Promotion over REST: an image goes on to another repository.

Through the sub-domain or port of a repository it is asked for at ``/v2/promote``, which the proxy
maps to the address here. It has Artifactory's dialect, as its clients are those of Artifactory.
"""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Response

from registry.model.errors import FieldInvalid, RouteUnknown
from registry.services.promotion import parse_promotion, promote
from registry.web.answers import Answer
from registry.web.artifactory.content import blueprint
from registry.web.context import current
from registry.web.receiving import receive_bytes
from registry.web.routing import REPOSITORY_FORMS, Right, route

_BODY_LIMIT: Final = 64 * 1024
DONE: Final = "Promotion ended successfully"


@route(blueprint, REPOSITORY_FORMS, "/promote", ["POST"], Right.PUSH)
def promote_image(key: str) -> Response:
    """Move or copy one tag of an image, or all, to another repository or under another name."""
    promote(current().directory, parse_promotion(key, _document()))
    return Answer(200, [("Content-Type", "text/plain; charset=utf-8")], DONE.encode())


@route(blueprint, ("/v2",), "/promote", ["POST"], Right.LOGIN)
def promote_from_nowhere() -> Response:
    """The same without saying from which repository."""
    raise RouteUnknown(
        "from which repository to promote is not said here: use the sub-domain or the port of the "
        "repository, or POST /artifactory/api/docker/<repository key>/v2/promote"
    )


def _document() -> Any:
    try:
        return json.loads(receive_bytes(_BODY_LIMIT))
    except (ValueError, RecursionError):
        raise FieldInvalid("the body is no JSON document") from None
