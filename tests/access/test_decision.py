from __future__ import annotations

import pytest

from registry.access.decision import Decisions, in_scope
from registry.access.principals import ANONYMOUS, Access, Action, Principal
from registry.access.rule_book import RuleBook
from registry.model.names import ImageName, RepositoryKey

KEY, IMAGE = RepositoryKey("docker-local"), ImageName("team/app")
READ, WRITE, DELETE = Action.READ, Action.WRITE, Action.DELETE
ALL = set(Action)
ADMIN, USER, NOBODY = Principal("root", admin=True), Principal("alice"), Principal(ANONYMOUS)

TABLE = [
    (False, ADMIN, ALL),
    (False, USER, ALL - {Action.MANAGE}),
    (False, NOBODY, set()),
    (True, ADMIN, ALL),
    (True, USER, ALL - {Action.MANAGE}),
    (True, NOBODY, {READ}),
]
PATH = f"{KEY}/{IMAGE}"
SCOPES: list[tuple[Access | None, set[Action]]] = [
    (None, ALL),
    ({}, set()),
    ({PATH: frozenset()}, set()),
    ({PATH: frozenset({READ})}, {READ}),
    ({PATH: frozenset({WRITE})}, {WRITE}),
    ({PATH: frozenset({READ, DELETE})}, {READ, DELETE}),
    ({f"{PATH}/x": frozenset(Action)}, set()),
    ({f"{KEY}/team": frozenset(Action)}, set()),
    ({str(IMAGE): frozenset(Action)}, set()),
    ({f"other/{IMAGE}": frozenset(Action), PATH: frozenset({READ})}, {READ}),
    ({"*": frozenset(Action)}, set()),
]


@pytest.mark.parametrize(("anonymous_pull", "principal", "allowed"), TABLE)
@pytest.mark.parametrize("has_book", [False, True])
def test_the_roles(
    anonymous_pull: bool,
    principal: Principal,
    allowed: set[Action],
    has_book: bool,
    book: RuleBook,
) -> None:
    """They decide as long as there are no permission targets."""
    decisions = Decisions(anonymous_pull, book if has_book else None)
    assert {a for a in Action if decisions.allows(principal, a, KEY, IMAGE)} == allowed
    assert decisions.granted(principal, Action, KEY, IMAGE) == allowed
    assert {a for a in Action if decisions.allowing(principal, a, KEY)(IMAGE)} == allowed
    assert decisions.granted(principal, [WRITE], KEY, IMAGE) == allowed & {WRITE}
    assert decisions.allows_some(principal) is bool(allowed)


@pytest.mark.parametrize(("access", "allowed"), SCOPES)
def test_the_scope_of_a_token(access: Access | None, allowed: set[Action]) -> None:
    for admin in (False, True):
        principal = Principal("alice", admin=admin, access=access)
        assert {a for a in Action if in_scope(principal, a, KEY, IMAGE)} == allowed


def test_anonymous_pull_is_off_unless_switched_on() -> None:
    assert not Decisions().anonymous_pull
