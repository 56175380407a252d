"""Challenges by their grammar: several, quoted or not, with commas where they like."""

from __future__ import annotations

import pytest

from registry.repositories.upstream.challenges import Challenge, parse_challenges

REALM = "https://auth.example/token"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], []),
        (["Basic"], [("basic", {})]),
        (['Basic realm="x"'], [("basic", {"realm": "x"})]),
        (["BASIC ReAlM=x"], [("basic", {"realm": "x"})]),
        (
            [f'Bearer realm="{REALM}",service="reg",scope="repository:a/b:pull,push"'],
            [("bearer", {"realm": REALM, "service": "reg", "scope": "repository:a/b:pull,push"})],
        ),
        (
            [f'bearer  realm = "{REALM}" , scope="a:pull b:pull", error=insufficient_scope'],
            [
                (
                    "bearer",
                    {"realm": REALM, "scope": "a:pull b:pull", "error": "insufficient_scope"},
                )
            ],
        ),
        (
            [f'Negotiate, Basic realm="a, b", Bearer realm="{REALM}"'],
            [("negotiate", {}), ("basic", {"realm": "a, b"}), ("bearer", {"realm": REALM})],
        ),
        (
            ['Basic realm="x"', f'Bearer realm="{REALM}"'],
            [("basic", {"realm": "x"}), ("bearer", {"realm": REALM})],
        ),
        (['Basic realm="a \\"quoted\\" word"'], [("basic", {"realm": 'a "quoted" word'})]),
        (['Basic realm="Bearer realm=x"'], [("basic", {"realm": "Bearer realm=x"})]),
        (
            ['Negotiate dG9rZW4=, Basic realm="x"'],
            [("negotiate", {}), ("basic", {"realm": "x"})],
        ),
        (["Bearer realm=a, realm=b"], [("bearer", {"realm": "a"})]),
        ([" , ,Basic realm=x, ,"], [("basic", {"realm": "x"})]),
        (['Bearer realm="never closed'], [("bearer", {})]),
        (["=, ="], []),
        ([""], []),
    ],
)
def test_challenges_are_read(
    headers: list[str], expected: list[tuple[str, dict[str, str]]]
) -> None:
    found = parse_challenges(headers)
    assert [(challenge.scheme, dict(challenge.parameters)) for challenge in found] == expected


def test_a_parameter_that_is_not_there_is_empty() -> None:
    assert Challenge("bearer", {})["realm"] == ""


@pytest.mark.parametrize(
    "hostile",
    ['Bearer realm="' + "\\" * 100_000, "Basic " * 50_000, "a=" * 50_000, 'x ' + 'a="b",' * 30_000,
     "," * 1_000_000, "Bearer " + "a" * 200_000, 'Bearer realm="' + 'a" ' * 50_000],
)  # fmt: skip
def test_a_hostile_header_is_read_without_end_of_patience(hostile: str) -> None:
    assert len(parse_challenges([hostile])) < 20_000
