"""What each kind of caller gets from each kind of route."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from tests.security.matrix_rows import Kind


class Outcome(enum.Enum):
    """What is said to a caller."""

    YES = "yes"
    """The caller is let in."""
    WHO = "401"
    """The caller is asked for credentials."""
    LESS = "less"
    """The token was issued for less; another one would help."""
    NO = "403"
    UNKNOWN = "unk"
    """The very answer for something that is not there."""
    SAME = "same"
    """What everybody is told."""


COLUMNS = (
    *("anonymous", "stranger", "reader", "annotator", "deployer", "deleter", "manager", "admin"),
    *("bad", "scoped-elsewhere", "scoped-pull", "limited-elsewhere", "limited-pull"),
)
"""Kinds of callers. Stranger: all rights in another repository. The others have what their names
say in the repository of the matrix, and may read; scoped: a token of the docker token endpoint;
limited: an access token; both are the admin's. Bad: expired, revoked, or of a disabled user."""

_TABLE = """
#        ano  str  rea  ann  dep  del  man  adm  bad  scoped    limited
PUBLIC   same same same same same same same same same same same same same
TOKEN    yes  yes  yes  yes  yes  yes  yes  yes  401  401  401  yes  yes
ISSUE    401  yes  yes  yes  yes  yes  yes  yes  401  403  403  403  403
LOGIN    401  yes  yes  yes  yes  yes  yes  yes  401  yes  yes  yes  yes
HERE     401  unk  yes  yes  yes  yes  yes  yes  401  yes  yes  unk  yes
OWN      401  unk  unk  unk  unk  unk  unk  yes  401  unk  unk  unk  unk
ACCOUNT  401  yes  yes  yes  yes  yes  yes  yes  401  403  403  403  403
MANAGED  401  yes  403  403  403  403  yes  yes  401  403  403  403  403
TARGET   401  unk  403  403  403  403  yes  yes  401  403  403  403  403
CHANGE   401  403  403  403  403  403  yes  yes  401  403  403  403  403
EMPTY    401  unk  403  403  403  403  403  yes  401  403  403  403  403
PROFILE  401  403  403  403  403  403  403  yes  401  403  403  403  403
PULL     401  unk  yes  yes  yes  yes  yes  yes  401  less yes  unk  yes
PUSH     401  unk  403  403  yes  yes  403  yes  401  less less unk  403
MOVE     401  unk  403  403  403  yes  403  yes  401  less less unk  403
ANNOTATE 401  unk  403  yes  403  403  403  yes  401  less less unk  403
DELETE   401  unk  403  403  403  yes  403  yes  401  less less unk  403
ADMIN    401  403  403  403  403  403  403  yes  401  less less 403  403
MONITOR  401  403  403  403  403  403  403  yes  401  less less 403  403
"""


def _parsed() -> Mapping[tuple[Kind, str], Outcome]:
    expected = {}
    for line in _TABLE.splitlines()[2:]:
        kind, *words = line.split()
        for column, word in zip(COLUMNS, words, strict=True):
            expected[Kind[kind], column] = Outcome(word)
    return expected


EXPECTED = _parsed()
"""Kind of route and of caller to what is said."""

_NOT_FOUND = (
    *("DELETE /access/api/v1/tokens/revoke", "POST /api/search/buildArtifacts"),
    *(f"GET /api/search/{name}" for name in ("archive", "gavc", "latestVersion")),
    *(f"GET /api/search/{name}" for name in ("license", "versions")),
    *("POST /v2/promote", "GET /access/api/v1/tokens/me"),
)
OPEN_STATUSES: Mapping[tuple[str, str], int] = {
    (method, row.partition(" ")[2]): 404
    for row in _NOT_FOUND
    for method in (row.partition(" ")[0], "HEAD")
}
"""What is said to those who are let in where it is no success, by method and row."""

NAMED: Mapping[Kind, tuple[str, ...]] = {
    Kind.PUSH: ("may not write",),
    Kind.MOVE: ("may not write", "may not delete"),
    Kind.ANNOTATE: ("may not annotate",),
    Kind.DELETE: ("may not delete",),
}
"""What whoever knows the repository is told; one of these."""
