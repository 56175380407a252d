"""The members of virtual repositories: which, in which order, and with which rights of tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry.access.principals import Action, Principal
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.paging import Page, PageRequest
from registry.repositories.definition import RepositoryDefinition, definition_of
from registry.repositories.guarded import GuardedRepository
from registry.repositories.virtual.members import Members, as_member
from registry.repositories.virtual.merging import merged_page

APP, SECRET = ImageName("team/app"), ImageName("secret/app")
READ = frozenset({Action.READ})

Definitions = dict[str, RepositoryDefinition]


def configured(**documents: dict[str, Any]) -> Definitions:
    """Return definitions as they are stored; underscores in their keys stand for hyphens."""
    found = {}
    for name, document in documents.items():
        key = name.replace("_", "-")
        found[key] = definition_of({"key": key, "packageType": "docker", **document})
    return found


def local(**fields: Any) -> dict[str, Any]:
    return {"rclass": "local", **fields}


def remote(**fields: Any) -> dict[str, Any]:
    return {"rclass": "remote", "url": "https://registry.example.com", **fields}


def virtual(*members: str, **fields: Any) -> dict[str, Any]:
    return {"rclass": "virtual", "repositories": list(members), **fields}


def never(definition: RepositoryDefinition) -> GuardedRepository:
    raise AssertionError(f"{definition.key} was opened")


def members(definitions: Definitions, key: str = "all") -> Members:
    return Members(definitions[key], definitions.get, never)


def stops(definitions: Definitions, key: str = "all") -> list[str]:
    return [f"{stop.kind} {stop.key}" for stop in members(definitions, key).stops]


def test_locals_come_first_then_caches_then_remote_ones_each_as_configured() -> None:
    found = configured(all=virtual("r2", "b", "r1", "a"), a=local(), b=local(), r1=remote(),
                       r2=remote())  # fmt: skip
    assert stops(found) == [
        "local b", "local a", "cache r2-cache", "cache r1-cache", "remote r2",
        "remote r1",
    ]  # fmt: skip


def test_members_with_priority_come_before_all_others() -> None:
    found = configured(
        all=virtual("a", "r1", "b", "r2"), a=local(), b=local(priorityResolution=True),
        r1=remote(), r2=remote(priorityResolution=True),
    )  # fmt: skip
    assert stops(found) == [
        "local b", "remote r2", "local a", "cache r1-cache", "remote r1",
    ]  # fmt: skip


def test_a_virtual_member_stands_for_its_own_members_each_once() -> None:
    found = configured(
        all=virtual("inner", "b"), inner=virtual("a", "b", "deep"), deep=virtual("c"),
        a=local(), b=local(), c=local(),
    )  # fmt: skip
    assert stops(found) == ["local a", "local b", "local c"]


def test_a_circle_that_somebody_wrote_by_hand_ends() -> None:
    found = configured(all=virtual("other", "a"), other=virtual("all", "other"), a=local())
    assert stops(found) == ["local a"]
    assert stops(found, "other") == ["local a"]


def test_a_member_that_is_gone_is_left_out() -> None:
    assert stops(configured(all=virtual("gone", "a"), a=local())) == ["local a"]
    assert stops(configured(all=virtual())) == []


def test_patterns_on_the_way_limit_a_member_unless_another_way_is_free() -> None:
    limited = configured(
        all=virtual("inner"), inner=virtual("a", excludesPattern="secret/**,**/old/**"), a=local()
    )
    (member,) = members(limited).all
    assert member.shows(APP)
    assert not member.shows(APP, Tag("old"))
    assert not member.shows(SECRET)
    assert not member.is_whole
    free = configured(
        all=virtual("inner", "a"), inner=virtual("a", excludesPattern="secret/**"), a=local()
    )
    (member,) = members(free).all
    assert member.shows(SECRET)
    assert member.is_whole


def test_a_token_allows_in_a_member_what_it_allows_in_the_virtual_repository() -> None:
    access = {"docker/team/app": READ, "docker-local/other": READ, "other/team/app": READ}
    asking = Principal("alice", access=access, limit={"docker/x": READ})
    seen = as_member(asking, RepositoryKey("docker"), RepositoryKey("docker-local"))
    assert seen.access == {"docker-local/team/app": READ}
    assert seen.limit == {"docker-local/x": READ}
    assert seen.name == "alice"
    free = Principal("alice")
    assert as_member(free, RepositoryKey("docker"), RepositoryKey("docker-local")) == free


def listed(names: list[str], asked: list[PageRequest]) -> Callable[[PageRequest], Page[str]]:
    def page(request: PageRequest) -> Page[str]:
        asked.append(request)
        found = [name for name in names if request.after is None or name > request.after]
        most = len(found) if request.limit is None else request.limit
        return Page(found[:most], len(found) > most)

    return page


@pytest.mark.parametrize("limit", [None, 0, 1, 2, 3, 7, 50])
@pytest.mark.parametrize("after", [None, "c", "f2", "z"])
def test_a_page_of_several_lists_is_that_of_their_union(
    limit: int | None, after: str | None
) -> None:
    lists = [["a", "c", "e", "f1", "f2", "f3"], ["a", "b", "c", "d"], [], ["f2", "g"]]
    everything = sorted({name for names in lists for name in names if name != "d"})
    expected = [name for name in everything if after is None or name > after]
    page = merged_page(
        [listed(names, []) for names in lists], PageRequest(limit, after), lambda name: name != "d"
    )
    most = len(expected) if limit is None else limit
    assert (list(page.names), page.more) == (expected[:most], len(expected) > most)


def test_a_page_asks_for_no_more_than_it_takes() -> None:
    asked = list[PageRequest]()
    names = [f"n{number:04}" for number in range(5000)]
    merged_page([listed(names, asked)], PageRequest(10))
    assert [request.limit for request in asked] == [11]


def test_further_pages_are_asked_for_until_enough_is_wanted() -> None:
    names = [f"hidden{number:03}" for number in range(250)] + ["x", "y", "z"]
    page = merged_page(
        [listed(names, [])], PageRequest(2), lambda name: not name.startswith("hidden")
    )
    assert (list(page.names), page.more) == (["x", "y"], True)
