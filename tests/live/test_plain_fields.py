"""The quick way of reading a head says what waitress's way says, or leaves the head to that."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, ParsingError

from registry.server.fields import plain_fields

ADJUSTMENTS = Adjustments()
NAMES = st.sampled_from(
    [b"Host", b"host", b"Accept", b"X-Forwarded-For", b"x_under", b"Content-Length", b"Expect",
     b"Transfer-Encoding", b"Authorization", b"Bad Name", b"", b"\xe9"]
)  # fmt: skip
VALUES = st.sampled_from(
    [b"", b"a", b" a b ", b"\ta\t", b"a\rb", b"a\nb", b"a\x00", b"\xe9", b"x" * 200, b"0", b"a,b"]
) | st.binary(max_size=12)
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n ", b"\n", b"\r"])
LINES = st.lists(st.tuples(NAMES, st.sampled_from([b":", b": ", b"", b" :"]), VALUES, ENDS))


def strictly(header: bytes) -> dict[str, str] | None:
    """Return the fields as waitress reads them, or None if it refuses the head."""
    parser = HTTPRequestParser(ADJUSTMENTS)
    try:
        parser.parse_header(b"GET / HTTP/1.1\r\n" + header)
    except ParsingError:
        return None
    return dict(parser.headers)


@given(LINES)
def test_both_ways_agree(lines: list[tuple[bytes, bytes, bytes, bytes]]) -> None:
    header = b"".join(b"".join(line) for line in lines)
    found = plain_fields(header)
    assert found is None or found == strictly(header)


def test_an_ordinary_head_is_read_quickly() -> None:
    header = b"Host: registry.example.com\r\nAuthorization: Bearer x\r\nAccept:*/*\r\nX-A: \r\n"
    assert plain_fields(header) == {
        "HOST": "registry.example.com", "AUTHORIZATION": "Bearer x", "ACCEPT": "*/*", "X_A": ""
    }  # fmt: skip


def test_what_is_twice_folded_or_tells_of_a_body_is_left_to_the_strict_way() -> None:
    for header in (
        b"Host: a\r\nHost: b\r\n", b"A: b\r\n c\r\n", b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"A_B: c\r\n", b"A : b\r\n",
    ):  # fmt: skip
        assert plain_fields(header) is None
