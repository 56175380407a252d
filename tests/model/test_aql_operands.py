"""Patterns, moments and spans of time in queries."""

from __future__ import annotations

import datetime
import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.aql import operands
from tests.model.aql_items import NOW


@given(st.text("ab/*?", max_size=12), st.text("ab/\n[", max_size=16))
def test_a_pattern_fits_what_the_usual_regular_expression_fits(pattern: str, text: str) -> None:
    assert "[" not in pattern
    expected = re.compile(fnmatch.translate(pattern), re.DOTALL).match(text) is not None
    assert operands.glob(pattern)(text) is expected


def test_a_pattern_takes_no_time_that_grows_out_of_proportion() -> None:
    """A regular expression that goes back and forth would need years."""
    assert not operands.glob("*a?" * 60 + "b")("a" * 2000)
    assert operands.glob("*a?" * 60 + "*")("a" * 2000)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("team/app/1.0", "team/app/1.0"),
        ("team/app/sha256:ab", "team/app/sha256__ab"),
        ("sha512:ab/x", "sha512__ab/x"),
        ("a/xsha256:ab", "a/xsha256:ab"),
        ("a:b", "a:b"),
    ],
)
def test_the_form_of_a_digest_folder(path: str, form: str) -> None:
    assert operands.folder_form(path) == form
    assert operands.folder_form(form) == form


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-05-01", "2024-05-01T00:00:00.000Z"),
        ("2024-05-01T10:00:00.000Z", "2024-05-01T10:00:00.000Z"),
        ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00.000Z"),
        ("2024-05-01T10:00:00.123456Z", "2024-05-01T10:00:00.123Z"),
        ("2024-05-01T10:00:00.000+02:00", "2024-05-01T08:00:00.000Z"),
        ("2024-05-01T10:00:00.000-0130", "2024-05-01T11:30:00.000Z"),
        ("2024-05-01 10:00:00", "2024-05-01T10:00:00.000Z"),
        ("1714557600000", "2024-05-01T10:00:00.000Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000Z"),
        ("0001-01-01T00:00:00+10:00", None),
        ("9999-12-31T23:59:59-10:00", None),
        ("999999999999999", None),
        ("2024-13-01", None),
        ("yesterday", None),
        ("", None),
        ("\u0662\u0660\u0662\u0664-05-01", None),
    ],
)
def test_moments(text: str, moment: str | None) -> None:
    assert operands.moment(text) == moment


@pytest.mark.parametrize(
    ("span", "moment"),
    [
        ("30s", "2024-06-15T11:59:30.000Z"),
        ("250ms", "2024-06-15T11:59:59.750Z"),
        ("10minutes", "2024-06-15T11:50:00.000Z"),
        ("3 hours", "2024-06-15T09:00:00.000Z"),
        ("5d", "2024-06-10T12:00:00.000Z"),
        ("2w", "2024-06-01T12:00:00.000Z"),
        ("1mo", "2024-05-15T12:00:00.000Z"),
        ("4mo", "2024-02-15T12:00:00.000Z"),
        ("3y", "2021-06-15T12:00:00.000Z"),
        ("5D", "2024-06-10T12:00:00.000Z"),
        ("2024y", "0001-01-01T00:00:00.000Z"),
        ("999999999w", "0001-01-01T00:00:00.000Z"),
    ],
)
def test_spans(span: str, moment: str) -> None:
    assert operands.is_span(span)
    assert operands.ago(span, NOW) == moment


@pytest.mark.parametrize("span", ["", "5", "d", "-5d", "5m", "5 apples", "1d 2h", "9999999999d"])
def test_no_spans(span: str) -> None:
    assert not operands.is_span(span)


def test_a_month_ends_where_the_earlier_one_ends() -> None:
    last_of_may = datetime.datetime(2024, 5, 31, tzinfo=datetime.UTC)
    assert operands.ago("3mo", last_of_may) == "2024-02-29T00:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("-5", -5), ("1.5", 1.5), ("1e3", 1000), ("", None), ("nan", None), ("1_0", None)],
)
def test_numbers(text: str, number: float | None) -> None:
    assert operands.number(text) == number
