"""What an answer means: found, absent, or neither of the two.

Absent is 404, and a refusal whose body says that there is no such thing. Docker Hub refuses both
what is not there and what may not be seen, in the same words, also to who has shown a valid
token; there it counts as absent. Anywhere else a refusal says nothing about what is there.
"""

from __future__ import annotations

import json
from typing import Final

from registry.repositories.upstream import limits
from registry.repositories.upstream.answers import Answer
from registry.repositories.upstream.calls import Call
from registry.repositories.upstream.challenges import parse_challenges
from registry.repositories.upstream.failures import Failure, Limit
from registry.repositories.upstream.terms import Terms

ABSENT_CODES: Final = frozenset({"NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"})
_REFUSALS: Final = (401, 403)
_ERROR_LIMIT: Final = 64 * 1024


def is_found(call: Call, answer: Answer, terms: Terms) -> bool:
    """Return whether the answer has what was asked for; where it is absent the body is discarded.

    Raises:
        Failure, Limit: it says neither.
    """
    if answer.status in (200, 206):
        if answer.media_type in terms.mismatches:
            kind = limits.readable(answer.media_type)
            raise answer.close_for(Failure(f"'{answer.host}' answers {kind}, as no registry does"))
        return True
    if answer.status == 404:
        answer.discard()
        return False
    body = _error_body(call, answer)
    if answer.status == 429:
        raise _limit(answer, body, terms)
    if 400 <= answer.status < 500 and _codes(body) & ABSENT_CODES:
        return False
    if answer.status in _REFUSALS:
        if terms.place.hub and not answer.far and _is_refused_at_hub(answer, body):
            return False
        raise Failure(
            f"'{answer.host}' refuses to show it: {answer.status}",
            refused=_is_about_this(answer, terms),
        )
    raise Failure(f"'{answer.host}' answers {answer.status}")


def _limit(answer: Answer, body: bytes, terms: Terms) -> Limit:
    message = limits.said(body)
    if any(secret and secret in message for secret in (terms.password, answer.shown)):
        # Others are told of what is said here, and a note of it is kept.
        message = ""
    cause = f"'{answer.host}' has had too many requests"
    return Limit(f"{cause}: {message}" if message else cause, limits.seconds_to_wait(answer))


def _is_about_this(answer: Answer, terms: Terms) -> bool:
    """Return whether it is this that is refused, rather than our password or token."""
    if answer.status == 403 or not (terms.username or terms.password):
        return True
    challenges = parse_challenges(answer.headers("WWW-Authenticate"))
    return any(one.scheme == "bearer" and one["error"] != "invalid_token" for one in challenges)


def _is_refused_at_hub(answer: Answer, body: bytes) -> bool:
    """Return whether our token was good and is not enough, rather than no good."""
    challenges = parse_challenges(answer.headers("WWW-Authenticate"))
    scope = any(challenge["error"] == "insufficient_scope" for challenge in challenges)
    return scope or "DENIED" in _codes(body)


def _error_body(call: Call, answer: Answer) -> bytes:
    try:
        return answer.body(call, _ERROR_LIMIT)
    except Failure:
        return b""  # The status has said the most; the body is beside the point.


def _codes(body: bytes) -> set[str]:
    try:
        errors = json.loads(body)["errors"]
        return {error["code"] for error in errors if isinstance(error["code"], str)}
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()
