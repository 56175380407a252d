"""Permission targets decide: who, what, in which repositories, and which paths."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.access.decision import Decisions
from registry.access.groups import Groups
from registry.access.permission_targets import PermissionTarget, PermissionTargets
from registry.access.principals import ANONYMOUS, Action, Principal
from registry.access.rule_book import RuleBook
from registry.access.rules import Rules
from registry.access.users import Users
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.storage.store import Store
from tests.access.ruling import (
    ALICE,
    ANNOTATE,
    APP,
    BOB,
    DELETE,
    DIGEST,
    LOCAL,
    MEMBER,
    NOBODY,
    READ,
    REMOTE,
    ROOT,
    VIRTUAL,
    WRITE,
    allowed,
    define,
    make_world,
    target,
)


@pytest.fixture(autouse=True)
def _world(store: Store, users: Users, groups: Groups) -> None:
    make_world(store, users, groups)


@pytest.fixture
def decisions(book: RuleBook) -> Decisions:
    return Decisions(anonymous_pull=True, book=book)


def test_the_first_target_takes_from_users_what_roles_gave_them(
    decisions: Decisions, targets: PermissionTargets
) -> None:
    assert allowed(decisions, ALICE) == {READ, WRITE, DELETE, ANNOTATE}
    targets.create(target(users={"alice": ["read"]}))
    assert allowed(decisions, ALICE) == {READ}
    assert allowed(decisions, BOB) == set()
    assert allowed(decisions, ROOT) == set(Action)


def test_without_the_last_target_nobody_gets_back_what_roles_give(
    decisions: Decisions, targets: PermissionTargets
) -> None:
    targets.create(target(users={"alice": ["read"]}))
    targets.remove("t")
    assert allowed(decisions, ALICE) == set()
    assert allowed(decisions, ROOT) == set(Action)


def test_all_that_gives_something_counts_together(
    decisions: Decisions, targets: PermissionTargets
) -> None:
    targets.create(target("a", users={"carol": ["annotate"]}, groups={"readers": ["read"]}))
    targets.create(target("b", groups={"other": ["write", "read"]}))
    targets.create(target("c", ["second"], users={"carol": ["delete"]}))
    assert allowed(decisions, MEMBER) == {READ, WRITE, ANNOTATE}
    assert allowed(decisions, MEMBER, "second") == {READ, WRITE, ANNOTATE, DELETE}
    assert allowed(decisions, Principal("carol")) == {ANNOTATE}
    assert allowed(decisions, Principal("readers")) == set()
    assert allowed(decisions, Principal("x", groups=frozenset({"carol"}))) == set()


@pytest.mark.parametrize(
    ("repositories", "keys"),
    [
        (["ANY"], {LOCAL, "second", REMOTE, VIRTUAL}),
        (["ANY LOCAL"], {LOCAL, "second", VIRTUAL}),
        (["ANY REMOTE"], {REMOTE, VIRTUAL}),
        ([LOCAL], {LOCAL}),
        (["second", REMOTE], {"second", REMOTE, VIRTUAL}),
        (["hub-cache"], {REMOTE, VIRTUAL}),
        ([], set()),
    ],
)
def test_a_target_is_for_repositories(
    decisions: Decisions,
    targets: PermissionTargets,
    repositories: list[str],
    keys: set[str],
) -> None:
    """A virtual repository gives what its members give."""
    targets.create(target(repositories=repositories, users={"alice": ["read"]}))
    every = (LOCAL, "second", REMOTE, VIRTUAL, "unknown")
    assert {key for key in every if READ in allowed(decisions, ALICE, key)} == keys
    found = {key for key in every if decisions.allows_in(ALICE, READ, RepositoryKey(key))}
    assert found == keys
    assert not any(decisions.allows_in(ALICE, WRITE, RepositoryKey(key)) for key in every)


def test_what_is_pushed_to_a_virtual_repository_is_a_right_to_where_it_goes(
    decisions: Decisions, targets: PermissionTargets, store: Store
) -> None:
    everything = ["read", "write", "delete", "annotate", "manage"]
    targets.create(target(repositories=["second"], users={"alice": everything}))
    targets.create(target("u", [LOCAL], users={"alice": ["write"], "bob": ["write"]}))
    assert allowed(decisions, ALICE, VIRTUAL) == {READ, ANNOTATE}
    define(store, VIRTUAL, "virtual", repositories=["second"], defaultDeploymentRepo="second")
    assert allowed(decisions, ALICE, VIRTUAL) == set(Action)
    define(store, VIRTUAL, "virtual", repositories=["second"], defaultDeploymentRepo=LOCAL)
    assert allowed(decisions, ALICE, VIRTUAL) == {READ, ANNOTATE, WRITE}
    assert allowed(decisions, BOB, VIRTUAL) == {WRITE}
    define(store, "outer", "virtual", repositories=[VIRTUAL])
    assert allowed(decisions, ALICE, "outer") == {READ, ANNOTATE}
    define(store, "loop", "virtual", repositories=["loop"])
    assert allowed(decisions, ALICE, "loop") == set()


PATHS: list[tuple[list[str], list[str], str, Reference | None, bool]] = [
    (["**"], [], "team/app", None, True),
    (["team/**"], [], "team/app", None, True),
    (["team/**"], [], "team", None, True),
    (["team/**"], [], "teams/app", None, False),
    (["team/app/1.*/**"], [], "team/app", None, True),
    (["team/app/1.*/**"], [], "team/app", Tag("1.0"), True),
    (["team/app/1.*/**"], [], "team/app", Tag("2.0"), False),
    (["team/app/1.*/**"], [], "team/app", DIGEST, True),
    (["team/app/1.*/**"], [], "team/other", DIGEST, False),
    (["team/app"], [], "team/app", None, False),
    (["other/**", "team/**"], [], "team/app", None, True),
    ([], [], "team/app", None, False),
    (["**"], ["team/**"], "team/app", None, False),
    (["**"], ["team/**"], "team/app", Tag("1.0"), False),
    (["**"], ["team/app/1.0/**"], "team/app", None, True),
    (["**"], ["team/app/1.0/**"], "team/app", Tag("1.0"), False),
    (["**"], ["team/app/1.0/**"], "team/app", Tag("1.1"), True),
    (["**"], ["**/sha256:*/**"], "team/app", DIGEST, False),
    (["**"], ["**/sha256:*/**"], "team/app", Tag("1.0"), True),
    (["**"], ["**/list.manifest.json"], "team/app", Tag("1.0"), True),
    (["**"], ["**/*manifest.json"], "team/app", Tag("1.0"), False),
]  # fmt: skip


@pytest.mark.parametrize(("includes", "excludes", "image", "reference", "fits"), PATHS)
def test_patterns_say_which_part(
    decisions: Decisions,
    targets: PermissionTargets,
    includes: list[str],
    excludes: list[str],
    image: str,
    reference: Reference | None,
    fits: bool,
) -> None:
    targets.create(target("t", [LOCAL], includes, excludes, {"alice": ["read"]}))
    assert decisions.allows(ALICE, READ, LOCAL, ImageName(image), reference) is fits
    # What has been found once is found again.
    assert decisions.allows(ALICE, READ, LOCAL, ImageName(image), reference) is fits
    assert not decisions.allows(ALICE, WRITE, LOCAL, ImageName(image), reference)


def test_one_target_does_not_shut_out_what_another_one_lets_in(
    decisions: Decisions, targets: PermissionTargets
) -> None:
    targets.create(target("a", excludes=["team/**"], users={"alice": ["read"]}))
    assert allowed(decisions, ALICE) == set()
    targets.create(target("b", includes=["team/app/**"], users={"alice": ["read"]}))
    assert allowed(decisions, ALICE) == {READ}


@pytest.mark.parametrize("excludes", [["**"], ["**/*"], ["x/**", "**"]])
def test_what_shuts_out_everything_gives_nothing_anywhere(
    decisions: Decisions, targets: PermissionTargets, excludes: list[str]
) -> None:
    targets.create(target(excludes=excludes, users={"alice": ["read"]}))
    assert not decisions.allows_in(ALICE, READ, LOCAL)


def test_anonymous_is_a_user_where_the_setting_lets_it_in(
    decisions: Decisions, book: RuleBook, targets: PermissionTargets
) -> None:
    closed = Decisions(anonymous_pull=False, book=book)
    targets.create(target(users={"alice": ["read"]}))
    assert allowed(decisions, NOBODY) == set()
    assert not decisions.allows_some(NOBODY)
    targets.create(target("u", users={ANONYMOUS: ["read", "write"]}))
    assert allowed(decisions, NOBODY) == {READ, WRITE}
    assert decisions.allows_some(NOBODY)
    assert allowed(closed, NOBODY) == set()
    assert not closed.allows_some(NOBODY)
    assert decisions.allows_some(BOB)


def test_somebody_may_have_the_rights_of_groups_alone(
    decisions: Decisions, targets: PermissionTargets
) -> None:
    targets.create(target("a", users={"carol": ["write"]}, groups={"readers": ["read"]}))
    carol = replace(MEMBER, only_groups=True)
    assert allowed(decisions, MEMBER) == {READ, WRITE}
    assert allowed(decisions, carol) == {READ}


@pytest.mark.parametrize("principal", [ROOT, ALICE])
def test_a_limit_to_images_holds_for_everybody(
    decisions: Decisions, targets: PermissionTargets, principal: Principal
) -> None:
    targets.create(target(users={"alice": ["read", "write", "annotate"]}))
    limit = {f"{LOCAL}/{APP}": frozenset({READ, WRITE}), "second/x": frozenset({READ})}
    limited = replace(principal, limit=limit)
    assert allowed(decisions, limited) == {READ, WRITE}
    assert allowed(decisions, limited, "second") == set()
    for key, actions in ((LOCAL, {READ, WRITE}), ("second", {READ}), ("sec", set()), (REMOTE, {})):
        found = {a for a in Action if decisions.allows_in(limited, a, RepositoryKey(key))}
        assert found == set(actions)
    assert allowed(decisions, replace(principal, limit={})) == set()


WORDS = st.lists(st.sampled_from(["read", "write", "annotate", "delete", "manage"]), unique=True)
PATTERNS = st.lists(st.sampled_from(["**", "team/**", "team/app/*/**", "x/**", "**/1.0/**"]))
TARGETS = st.lists(
    st.builds(
        target,
        st.text("abc", min_size=1, max_size=3),
        st.lists(st.sampled_from(["ANY", "ANY LOCAL", "ANY REMOTE", LOCAL, REMOTE])),
        PATTERNS,
        PATTERNS,
        st.dictionaries(st.sampled_from(["alice", "bob"]), WORDS),
        st.dictionaries(st.sampled_from(["readers", "other"]), WORDS),
    )
)


@given(TARGETS, st.sampled_from([None, Tag("1.0"), Tag("2.0"), DIGEST]))
def test_the_index_of_rules_says_what_going_through_all_of_them_says(
    found: list[PermissionTarget], reference: Reference | None
) -> None:
    rules, groups = Rules(found), frozenset({"readers"})
    for key, kind in ((LOCAL, "local"), (REMOTE, "remote")):
        expected = {
            action
            for rule in rules.all
            if rule.covers(key, kind) and rule.fits(APP, reference)
            for action in rule.given("alice", groups)
        }
        for _ in range(2):
            assert rules.granted("alice", groups, key, kind, APP, reference) == expected
