"""The way of a request through registries, from whatever its header says."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.via import (
    MOST,
    NOWHERE,
    Way,
    current_way,
    on_way,
    pseudonym_of,
    set_way,
    way_of,
)

OURS = "jfrt-0123456789abcdefghjkmnpqrs"
OTHER, THIRD = "jfrt-other", "jfrt-third"
TOKEN = set("!#$%&'*+-.^_`|~")


def test_a_pseudonym_is_the_service_id_as_the_header_takes_it() -> None:
    assert pseudonym_of("jfrt@0123456789abcdefghjkmnpqrs") == OURS
    assert pseudonym_of("a, b (c)\r\nd") == "a--b--c---d"


@pytest.mark.parametrize(
    ("header", "registries"),
    [
        ("", ()),
        (f"1.1 {OTHER}", (OTHER,)),
        (f"1.1 {OTHER}, 1.1 {THIRD}", (OTHER, THIRD)),
        (f"HTTP/1.1  {OTHER} (a server) ,1.0\t{THIRD}", (OTHER, THIRD)),
        (f"1.1 google, 1.1 nginx.example.com:8080, 1.1 {OTHER}", (OTHER,)),
        (f"{OTHER}, 1.1", ()),
        (",,, ,", ()),
        ("1.1 jfrt-" + "x" * 65, ()),
        ("1.1 jfrt-\xe4", ()),
    ],
)
def test_of_other_servers_only_registries_are_on_the_way(
    header: str, registries: tuple[str, ...]
) -> None:
    way = way_of(header, OURS)
    assert way == Way(registries)
    assert way.is_forwarded == bool(registries)


@pytest.mark.parametrize("before", ["", "1.1 google, ", f"1.1 {OTHER}, "])
@pytest.mark.parametrize("after", ["", ", 1.1 nginx", f", 1.1 {OTHER}"])
def test_who_finds_itself_knows_that_a_request_comes_back(before: str, after: str) -> None:
    assert way_of(f"{before}1.1 {OURS}{after}", OURS).comes_back


def test_a_name_like_ours_is_not_ours() -> None:
    assert not way_of(f"1.1 {OURS}x, 1.1 x{OURS}, 1.1 {OURS.upper()}", OURS).comes_back


def test_more_servers_than_can_be_right_look_like_a_circle() -> None:
    many = [f"1.1 proxy-{number}" for number in range(MOST)]
    assert not way_of(", ".join(many), OURS).comes_back
    assert way_of(", ".join([*many, "1.1 one-more"]), OURS).comes_back


def test_what_is_asked_onward_names_all_registries_and_the_asker() -> None:
    assert NOWHERE.onward(OURS) == f"1.1 {OURS}"
    way = way_of(f"1.1 {OTHER}, 1.1 google, 1.1 {THIRD}", OURS)
    assert way.onward(OURS) == f"1.1 {OTHER}, 1.1 {THIRD}, 1.1 {OURS}"
    assert way_of(way.onward(OURS), OTHER).comes_back


@given(st.text(max_size=200))
def test_any_header_is_understood_and_nothing_of_it_can_break_the_next_one(header: str) -> None:
    sent = way_of(header, OURS).onward(OURS)
    names = [entry.removeprefix("1.1 ") for entry in sent.split(", ")]
    assert all(
        set(name) <= TOKEN | {c for c in name if c.isascii() and c.isalnum()} for name in names
    )
    assert way_of(sent, OURS).comes_back


def test_each_thread_works_for_a_way_of_its_own() -> None:
    set_way(NOWHERE)
    seen: list[Way] = []
    with on_way(Way((OTHER,))):
        thread = threading.Thread(target=lambda: seen.append(current_way()))
        thread.start()
        thread.join()
        seen.append(current_way())
    assert seen == [NOWHERE, Way((OTHER,))]
    assert current_way() == NOWHERE
