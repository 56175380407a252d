"""A1, A12: every route, each kind of caller, straight to the server and through nginx.

The routes are those of the application, so a new one without a row in `matrix_rows` fails here.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.conftest import basic
from tests.http.support import KEY
from tests.security.matrix_cases import UPLOAD, Case
from tests.security.matrix_expected import EXPECTED, Outcome
from tests.security.matrix_rows import ROWS, Kind
from tests.security.matrix_server import WAYS, Matrix
from tests.security.matrix_world import IMAGE, NOTE, PASSWORD, RIGHTS, Caller, World, state

CALLERS = (
    *("anonymous", "stranger", *RIGHTS, "admin"),
    *("expired token", "expired docker token", "revoked token", "revoked docker token"),
    *("disabled user", "token for another repository", "docker token for another repository"),
    *("pull-only token", "pull-only docker token"),
    *("pull-only token as password", "pull-only token as key"),
)
REFUSALS = (Outcome.WHO, Outcome.LESS, Outcome.NO, Outcome.UNKNOWN)
IGNORANT = ("stranger", "limited-elsewhere")
"""Columns of those who may know of nothing in the repository, and are let in somewhere."""

every_way = pytest.mark.parametrize("way", WAYS)
every_caller = pytest.mark.parametrize("name", CALLERS)


def complaints(found: Iterable[str]) -> str:
    """All that is wrong, a line each."""
    return "\n".join(filter(None, found))


def test_every_route_has_a_row_and_every_row_a_route(matrix: Matrix) -> None:
    assert {case.row for case in matrix.cases} == set(ROWS)
    assert {kind for kind, _ in EXPECTED} == set(Kind)
    assert {caller.name for caller in matrix.world.callers.values()} == set(CALLERS)
    assert len(matrix.cases) > 450


def test_routes_declare_the_rights_of_their_rows(matrix: Matrix) -> None:
    assert not [
        f"{case.method} {case.route.rule} declares {case.route.right}, not {case.kind.right}"
        for case in matrix.cases
        if case.route.right is not case.kind.right
    ]


@every_way
@every_caller
def test_a1_who_may_not_is_refused_and_nothing_has_changed(
    matrix: Matrix, name: str, way: str
) -> None:
    caller = matrix.world.callers[name]
    matrix.world.refresh()
    before = state(matrix.storage)
    cases = matrix.of(caller, *REFUSALS, Outcome.SAME)
    wrong = complaints(matrix.complaint(way, case, caller) for case in cases)
    assert not wrong, wrong
    assert state(matrix.storage) == before


@every_way
def test_a1_a_disabled_user_is_refused_with_the_password_too(matrix: Matrix, way: str) -> None:
    authorization = {"Authorization": basic("disabled", PASSWORD)}
    caller = Caller("disabled user with the password", "bad", authorization)
    # One of each kind: each of these requests costs a hash, as that of nobody does.
    cases = {case.kind: case for case in matrix.of(caller, Outcome.WHO)}
    assert set(cases) == set(Kind) - {Kind.PUBLIC}
    wrong = complaints(matrix.complaint(way, case, caller) for case in cases.values())
    assert not wrong, wrong


@every_way
@every_caller
def test_a1_who_may_is_let_in(matrix: Matrix, name: str, way: str) -> None:
    caller, world = matrix.world.callers[name], matrix.world
    world.refresh()
    world.renew_token()
    cases = matrix.of(caller, Outcome.YES)
    if caller.column in IGNORANT:
        wrong = complaints(betrayal(matrix, way, case, caller) for case in cases)
        assert not wrong, wrong
    # What changes nothing comes first, and what changes something finds everything in its place.
    found = []
    for case in sorted(cases, key=lambda case: not case.is_reading):
        if UPLOAD in case.path:
            world.upload = world.start_upload(world.principal(caller))
        if not case.is_reading:
            restore(world, case)
        found.append(matrix.complaint(way, case, caller))
    wrong = complaints(found)
    assert not wrong, wrong


def restore(world: World, case: Case) -> None:
    """Let everything be there that a request needs to do something."""
    if case.kind is not Kind.LOGIN:
        world.refresh()
    if case.kind is Kind.OWN:
        world.renew_token()
    if case.kind is Kind.CHANGE and case.method == "POST":
        world.instance.permission_targets.remove(NOTE)


def betrayal(matrix: Matrix, way: str, case: Case, caller: Caller) -> str:
    """Return what an answer says of a repository that it was not asked for."""
    if case.mentions(KEY):
        return ""
    answer = matrix.ask(way, case, caller)
    told = [name for name in (KEY, IMAGE) if name.encode() in answer.body]
    return f"{caller.name}, {way}: {case} tells of {told}" if told else ""
