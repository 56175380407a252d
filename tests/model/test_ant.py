from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.ant import EVERYTHING, ant_pattern, ant_patterns

FITTING = [
    ("**/*", "a"), ("**/*", "a/b/c"), ("**", ""), ("**", "a/b"), ("a/**", "a"), ("a/**", "a/b/c"),
    ("a/", "a/b"), ("/a/*", "a/b"), ("*", "a"), ("*", ".a"), ("?", "a"), ("a?c", "abc"),
    ("**/latest/**", "team/app/latest/manifest.json"), ("**/latest/**", "latest"),
    ("**/*.json", "manifest.json"), ("**/*.json", "a/b/list.manifest.json"), ("a*b*c", "aXbYbZc"),
    ("**/a/**/b", "a/a/x/b"), ("**/a*b/**/c", "x/aab/ab/c"), ("a?b*?c", "axbyc"), ("a**b", "axb"),
    ("team/*/1.*/**", "team/app/1.0/manifest.json"), ("**/**", "a"), ("a/**/**/b", "a/b"),
    ("a.b+c", "a.b+c"), (" a ", "a"), ("*a*a*", "aa"), ("**/a/a/**/a", "a/a/a/a"),
]  # fmt: skip
FAILING = [
    ("**/*", ""), ("*", "a/b"), ("?", ""), ("?", "/"), ("?", "ab"), ("a/**", "ab"), ("a", "A"),
    ("a/*", "a"), ("a/*", "a/b/c"), ("*.json", "a/b.json"), ("a.b", "axb"), ("a*b*c", "aXbYbZcd"),
    ("**/a", "a/b"), ("a/**/b", "a/x/c"), ("[ab]", "a"), ("", "a"), ("*a*a*", "a"),
    ("**/a/a/**/a", "a/x/a/a"),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "path"), FITTING)
def test_a_pattern_fits(pattern: str, path: str) -> None:
    assert ant_pattern(pattern).matches(path)


@pytest.mark.parametrize(("pattern", "path"), FAILING)
def test_a_pattern_does_not_fit(pattern: str, path: str) -> None:
    assert not ant_pattern(pattern).matches(path)


def test_a_list_has_commas_and_blanks_between_its_patterns() -> None:
    assert [one.text for one in ant_patterns("a/**, b/* ,,c/")] == ["a/**", "b/*", "c/**"]
    assert ant_patterns(" , ") == ()
    assert [one.text for one in ant_patterns(EVERYTHING)] == [EVERYTHING]


@pytest.mark.parametrize(
    ("pattern", "folder", "depth", "expected"),
    [
        ("**/*", "a", 2, True), ("a/**", "a/b", 2, True), ("b/**", "a/b", 2, False),
        ("a/b/1.*/**", "a/b", 2, True), ("a/b/1.*/**", "a/c", 2, False), ("a/*", "a", 1, True),
        ("a/*", "a", 2, False), ("**/1.0/*", "a/b", 2, True), ("a", "a", 1, False),
        ("**/x/y/z", "a", 2, False), ("**/x/y/z", "a/x", 2, True), ("a?/*/m", "ab", 2, True),
    ],
)  # fmt: skip
def test_what_may_fit_below_a_folder(pattern: str, folder: str, depth: int, expected: bool) -> None:
    assert ant_pattern(pattern).may_match_below(folder, depth) is expected


@pytest.mark.parametrize(
    ("pattern", "folder", "expected"),
    [
        ("**/*", "a", True), ("a/**", "a", True), ("a/**", "a/b", True), ("a/", "a/b", True),
        ("a/*", "a", False), ("a/*/*", "a", False), ("**/1.0/**", "a", False),
        ("**/1.0/**", "a/1.0", True), ("**/*.json", "a", False), ("*/b/**", "a/b/c", True),
        ("a/???", "a", False), ("b/**", "a", False),
    ],
)  # fmt: skip
def test_what_fits_all_below_a_folder(pattern: str, folder: str, expected: bool) -> None:
    assert ant_pattern(pattern).matches_all_below(folder) is expected


PARTS = ("a", "b", "ab", "aab", "*", "?", "a*", "*b", "a?", "*a*b", "**")


def slow_part(pattern: str, part: str) -> bool:
    """Fit one part by trying everything."""
    if not pattern:
        return not part
    if pattern[0] == "*":
        return any(slow_part(pattern[1:], part[start:]) for start in range(len(part) + 1))
    return bool(part) and pattern[0] in ("?", part[0]) and slow_part(pattern[1:], part[1:])


def slow(parts: list[str], path: list[str]) -> bool:
    """Fit a path by trying everything."""
    if not parts:
        return not path
    if parts[0] == "**":
        return any(slow(parts[1:], path[start:]) for start in range(len(path) + 1))
    return bool(path) and slow_part(parts[0], path[0]) and slow(parts[1:], path[1:])


@given(
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=6),
    st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=6),
)
def test_the_quick_way_finds_what_trying_everything_finds(
    parts: list[str], path: list[str]
) -> None:
    assert ant_pattern("/".join(parts)).matches("/".join(path)) is slow(parts, path)


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=5), st.integers(0, 2))
def test_may_fit_means_that_something_fits(parts: list[str], depth: int) -> None:
    names = ("a", "b", "ab", "aab", "aaab", "aaa", "abb")
    below = itertools.product(names, repeat=depth)
    fits = any(slow(parts, ["ab", *rest]) for rest in below)
    assert ant_pattern("/".join(parts)).may_match_below("ab", depth) is fits


def test_b13_no_pattern_takes_more_time_than_the_path_is_long() -> None:
    """Trying everything would not end."""
    pattern = ant_pattern("**/" + "a*" * 30 + "b/**/" * 3 + "*a" * 30 + "/**/b")
    assert not pattern.matches("/".join(["a" * 200] * 30))
