"""Figures for monitoring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flask import Blueprint, Response, request

from registry import __version__
from registry.metrics import exposition, families
from registry.model.errors import AnswerUnacceptable
from registry.services.instance import Instance
from registry.services.upstreams import UpstreamState
from registry.web.answers import Answer
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

blueprint = Blueprint("metrics", __name__)

_TAKEN: Final = ("text/plain", "text/*", "*/*")


@route(blueprint, ("",), "/metrics", ["GET"], Right.MONITOR)
@route(blueprint, FORMS, "/api/v1/metrics", ["GET"], Right.MONITOR)
def show() -> Response:
    """What Prometheus reads; 406 for a client that takes no text."""
    if not _takes_text():
        raise AnswerUnacceptable(f"the figures are {exposition.CONTENT_TYPE}")
    text = "".join(_figures(current().instance))
    return Answer(200, [("Content-Type", exposition.CONTENT_TYPE)], text.encode())


def _takes_text() -> bool:
    """Return whether the client takes a plain text, of whichever version."""
    accepted = request.accept_mimetypes
    return not accepted or any(
        quality > 0 and kind.partition(";")[0].strip() in _TAKEN for kind, quality in accepted
    )


def _figures(instance: Instance) -> Iterator[str]:
    yield from families.about(__version__, instance.config.artifactory_version)
    yield from families.requests(instance.figures)
    yield from families.workers(instance.figures)
    summary = instance.storage_summary
    yield from families.storage(*summary.disk(), summary.uploads())
    yield from families.repositories(summary.kept())
    yield from families.pruning(instance.pruning.record())
    yield from families.upstreams(map(_upstream, instance.upstream_states.all()))


def _upstream(state: UpstreamState) -> families.UpstreamFigures:
    allowance = state.condition.allowance
    return families.UpstreamFigures(
        state.key,
        limit=allowance.limit if allowance is not None else None,
        remaining=allowance.remaining if allowance is not None else None,
        paused=state.condition.pause is not None,
    )
