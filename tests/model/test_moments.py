from __future__ import annotations

import datetime

import pytest

from registry.model.errors import RequestInvalid
from registry.model.moments import parse_moment

NOW = datetime.datetime(2026, 11, 23, 12, 0, 5, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", "2026-11-23T12:00:05"), ("90m", "2026-11-23T10:30:05"),
        ("2h", "2026-11-23T10:00:05"), ("3d", "2026-11-20T12:00:05"),
        ("1w", "2026-11-16T12:00:05"),
        ("2026-11-20", "2026-11-20T00:00:00"), ("20261120", "2026-11-20T00:00:00"),
        ("2026-11-20T14:30", "2026-11-20T14:30:00"), ("2026-11-20 14:30", "2026-11-20T14:30:00"),
        ("2026-11-20T14:30:01.250Z", "2026-11-20T14:30:01.250"),
        ("2026-11-20T14:30:00+05:30", "2026-11-20T09:00:00"),
    ],
)  # fmt: skip
def test_moments_as_people_write_them(text: str, expected: str) -> None:
    moment = parse_moment(text, NOW)
    assert moment == datetime.datetime.fromisoformat(f"{expected}+00:00")
    assert moment.tzinfo is datetime.UTC


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "yesterday", "2", "h", "-2h", "2 h", "2H", "2y", "1.5h", "1000000d", "999999w",
        "2026-13-01", "2026-11-23T25:00", "12:00", "0001-01-01T00:00+14:00", "x" * 5000, "２h",
        "sha256:", "9999-12-31T23:59-14:00",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_said(text: str) -> None:
    with pytest.raises(RequestInvalid, match="is no time") as caught:
        parse_moment(text, NOW)
    assert len(caught.value.message) < 300
