"""The page about security names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "security.md"
ROWS = {
    cells[1].strip(): re.findall(r"`([\w/]+\.py)`", cells[3])
    for line in PAGE.read_text().splitlines()
    if re.match(r"\| [A-D]\d", line)
    for cells in [line.split("|")]
}


def ids_in(path: Path) -> set[str]:
    """Return the rows that the tests of a file have in their names."""
    names = re.findall(r"def test_((?:[abd]\d+_)+)", path.read_text())
    return {part.upper() for name in names for part in name.split("_") if part}


@pytest.mark.parametrize("row", ROWS)
def test_each_row_is_proved_by_the_tests_that_it_names(row: str) -> None:
    assert ROWS[row]
    for name in ROWS[row]:
        assert row in ids_in(TESTS / name), f"{name} has no test of {row}"


def test_each_row_that_a_test_names_is_told_of() -> None:
    found = {row for path in TESTS.rglob("test_*.py") for row in ids_in(path)}
    assert found <= set(ROWS)


def test_no_row_about_rights_is_missing() -> None:
    assert [row for row in ROWS if row.startswith("A")] == [f"A{n}" for n in range(1, 23)]
