"""Ranges of blobs (RFC 9110, section 14)."""

from __future__ import annotations

import pytest

from tests.conftest import Client
from tests.http.support import IMAGE, assert_error, put_blob

SMALL = bytes(range(100))
LARGE = bytes(index % 251 for index in range(200_000))

GOOD = [
    ("bytes=0-0", 0, 1),
    ("bytes=0-9", 0, 10),
    ("bytes=10-", 10, None),
    ("bytes=10-10", 10, 11),
    ("bytes=-1", -1, None),
    ("bytes=-20", -20, None),
    ("bytes=50-1000000000", 50, None),
    ("bytes=0-", 0, None),
    ("bytes=-1000000000", 0, None),
    ("bytes= 5-7", 5, 8),
]


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(("header", "first", "end"), GOOD)
def test_one_range(client: Client, data: bytes, header: str, first: int, end: int | None) -> None:
    digest = put_blob(client, data)
    answer = client.get(f"{IMAGE}/blobs/{digest}", {"Range": header})
    wanted = data[first:end]
    assert (answer.status_code, answer.data) == (206, wanted)
    offset = first if first >= 0 else len(data) + first
    last = offset + len(wanted) - 1
    assert answer.headers["Content-Range"] == f"bytes {offset}-{last}/{len(data)}"
    assert answer.headers["Content-Length"] == str(len(wanted))
    assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.headers["ETag"] == f'"{digest}"'
    assert answer.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=50-0", "bytes=-0"])
def test_unsatisfiable_ranges(client: Client, header: str) -> None:
    digest = put_blob(client, SMALL)
    answer = client.get(f"{IMAGE}/blobs/{digest}", {"Range": header})
    assert_error(answer, 416, "RANGE_INVALID")
    assert answer.headers["Content-Range"] == "bytes */100"


def test_a_range_far_beyond_the_end(client: Client) -> None:
    digest = put_blob(client, SMALL)
    answer = client.get(f"{IMAGE}/blobs/{digest}", {"Range": f"bytes={'9' * 30}-"})
    assert answer.status_code == 416


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=5-"])
def test_ranges_of_nothing(client: Client, header: str) -> None:
    digest = put_blob(client, b"")
    answer = client.get(f"{IMAGE}/blobs/{digest}", {"Range": header})
    assert_error(answer, 416, "RANGE_INVALID")
    assert answer.headers["Content-Range"] == "bytes */0"


@pytest.mark.parametrize(
    "header",
    ["bytes=0-9,20-29", "bytes=", "bytes=-", "bytes=a-b", "items=0-9", "0-9", "bytes=1-2-3", "b=,"],
)
def test_several_or_malformed_ranges_give_the_whole(client: Client, header: str) -> None:
    digest = put_blob(client, SMALL)
    answer = client.get(f"{IMAGE}/blobs/{digest}", {"Range": header})
    assert (answer.status_code, answer.data) == (200, SMALL)
    assert "Content-Range" not in answer.headers


def test_parallel_ranges_make_the_whole(client: Client) -> None:
    digest = put_blob(client, LARGE)
    step = 33_333
    parts = [
        client.get(f"{IMAGE}/blobs/{digest}", {"Range": f"bytes={at}-{at + step - 1}"}).data
        for at in range(0, len(LARGE), step)
    ]
    assert b"".join(parts) == LARGE


def test_a_range_of_a_blob_that_the_client_has_is_304(client: Client) -> None:
    digest = put_blob(client, SMALL)
    headers = {"Range": "bytes=0-9", "If-None-Match": f'"{digest}"'}
    assert client.get(f"{IMAGE}/blobs/{digest}", headers).status_code == 304
