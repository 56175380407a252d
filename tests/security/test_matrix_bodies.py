"""A15: whatever is done to the body, who may not is refused, as with the body that is expected."""

from __future__ import annotations

import pytest

from tests.security.matrix_cases import Case
from tests.security.matrix_expected import EXPECTED, Outcome
from tests.security.matrix_rows import Kind
from tests.security.matrix_server import WAYS, Matrix
from tests.security.matrix_wire import BODIES
from tests.security.matrix_world import Caller, state

CALLERS = (
    *("anonymous", "stranger", "reader", "expired token", "pull-only token"),
    *("pull-only docker token", "docker token for another repository"),
)
STATUSES = {
    Outcome.WHO: (401,),
    Outcome.LESS: (401,),
    Outcome.NO: (403,),
    Outcome.UNKNOWN: (400, 404, 413),
}
"""How each refusal begins; what is there is told from what is not by none of them."""
BODY_FIRST = (
    *(("PATCH", "/api/metadata/<key>"), ("PATCH", "/api/metadata/<key>/<path:path>")),
    *(("POST", "/v2/<key>/promote"), ("POST", "/v2/<key>/<path:image>/parentManifests")),
    *(("POST", "/access/api/v1/tokens"), ("POST", "/api/security/token")),
)
"""Routes whose body says what they are about, so that one that says nothing is refused as such."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CALLERS)
def test_a15_bodies_of_any_form_open_nothing(matrix: Matrix, name: str, way: str) -> None:
    caller = matrix.world.callers[name]
    matrix.world.refresh()
    before = state(matrix.storage)
    wrong = [
        complaint
        for case in matrix.of(caller, *STATUSES)
        if not case.is_reading and (way == "direct" or case.is_first_form)
        for form in BODIES
        if form != "given" and (complaint := judge(matrix, way, case, caller, form))
    ]
    assert not wrong, "\n".join(wrong)
    assert state(matrix.storage) == before


def judge(matrix: Matrix, way: str, case: Case, caller: Caller, form: str) -> str:
    """Send a request with its body in a form, and return what is wrong with the answer."""
    outcome = EXPECTED[case.kind, caller.column]
    answer = matrix.ask(way, case, caller, form)
    about = f"{caller.name}, {way}: {case}, {form}: {answer.status} {answer.body[:200]!r}"
    # Whoever manages something may say of what a permission target is to be.
    says_what = case.kind is Kind.CHANGE and caller.column == "stranger"
    malformed = (400, 413) if case.row in BODY_FIRST or says_what else ()
    if answer.status not in (*STATUSES[outcome], *malformed):
        return about
    if outcome is Outcome.UNKNOWN and answer != matrix.ask_absent(way, case, caller, form):
        return f"{about}: not like what is not there"
    return ""


def test_there_are_routes_with_bodies_of_each_kind(matrix: Matrix) -> None:
    found = {case.kind for case in matrix.cases if not case.is_reading}
    assert found >= {Kind.PUSH, Kind.MOVE, Kind.ANNOTATE, Kind.DELETE, Kind.ADMIN, Kind.CHANGE}
