"""Hostile texts and how they are sent: a few thousand, the same in every run."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import quote_from_bytes, unquote_to_bytes

from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import create_environ, run_wsgi_app

from tests.conftest import ADMIN_PASSWORD, basic

DIGEST = "sha256:" + "0" * 64

STEPS = ["..", ".", "...", "", "%2e%2e", "..;", "..\\", "~", "-", "_layers", "_manifests", "%00"]
TARGETS = ["etc/passwd", "format.json", "etc/keys.json", "filestore", "uploads", "x", ""]
FIXED: list[bytes] = [
    b"\0", b"a\0b", b"a\0", b"\0a", b"\\", b"a\\b", b"..\\..\\x", b"C:\\x", b"\\\\host\\share",
    b" ", b"a ", b" a", b"a.", b".a", b"a..b", b"a\t", b"a\r\nX-Evil: 1", b"a\n", b"\n", b"\x7f",
    b"\x80", b"\xff\xfe", b"\xc0\xae\xc0\xae/", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf",
    b"\xe0\x80\xae", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80",
    b"\xef\xbf\xbf", "ä".encode(), "ﬁ".encode(), "ı".encode(), "／".encode(), "．．／".encode(),
    "a\u0301".encode(), "\u202e".encode(), "\u2028".encode(), "😀".encode(), "٣".encode(),
    "\ufeff".encode(), b"'", b'"', b"`", b"$(id)", b"${7*7}", b"{{7*7}}", b"%(x)s", b"{0}",
    b"<script>", b"a;b", b"a|b", b"a&b", b"a=b", b"a+b", b"a*", b"?", b"#", b"[", b"]", b"a,b",
    b"a:b", b":", b"::", b"@", b"a@b", b"-", b"--", b"-a", b".", b"..", b"...", b"null",
    b"undefined", b"NaN", b"1e999", b"-1", b"%", b"%%", b"%zz", b"%u002e", b"a%", b"a%0", b"con",
    b"nul.", b"x" * 129, b"x" * 256, b"x" * 10_000, b"../" * 1000 + b"etc/passwd", b"/" * 1000,
    b"." * 1000, b"a/" * 5000, b"sha256:", b"sha256:..", b"sha256:" + b"A" * 64,
    b"sha256:" + b"0" * 63, b"sha256:" + b"0" * 65, b"md5:" + b"0" * 32,
    b"sha256:" + b"../" * 21 + b"0", b"sha256:" + b"0" * 63 + b"\n",
    b"sha256:" + b"0" * 64 + b"\0", b"sha512:" + b"0" * 64, b"sha256__" + b"0" * 64 + b"/..",
    b"\xd9\xa3" * 64,
]  # fmt: skip


def texts() -> Iterator[bytes]:
    """Yield hostile texts, not encoded."""
    yield from FIXED
    for depth in (1, 2, 4, 12):
        for step, target in itertools.product(STEPS, TARGETS):
            yield f"{f'{step}/' * depth}{target}".encode()
    for step, target in itertools.product(STEPS[:4], TARGETS):
        yield f"/{step}/{step}/{target}".encode()
        yield f"a/{step}/{target}".encode()
        yield f"{target}/{step}".encode()


def encodings(text: bytes) -> Iterator[str]:
    """Yield a text raw (as far as a request line can hold it), encoded once and twice."""
    if not any(byte <= 32 or byte >= 127 or byte in b"?#" for byte in text):
        yield text.decode()
    once = quote_from_bytes(text, safe="")
    yield once
    yield quote_from_bytes(once.encode(), safe="")
    yield "".join(f"%{byte:02x}" for byte in text[:3000])


def hostile() -> list[str]:
    """Return the corpus as it stands in a path or a query, without duplicates."""
    found = itertools.chain.from_iterable(map(encodings, texts()))
    return list(dict.fromkeys(found))


def decoded(text: str) -> str:
    return unquote_to_bytes(text).decode(errors="replace")


GRAMMARS = {
    "name": re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"),
    "tag": re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", re.ASCII),
    "digest": re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"),
}
"""The grammars of the reference, section A1, by which a text may turn out to be good."""


def bad(texts_: Iterable[str], grammar: str) -> list[str]:
    """Return the texts that the grammar refuses."""
    return [text for text in texts_ if not GRAMMARS[grammar].fullmatch(decoded(text))]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status_code: int
    headers: Headers
    data: bytes


def send(
    app: Flask, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> Answer:
    """Send a request line as it is: the test client would tidy it up, and no server does."""
    path, _, query = target.partition("?")
    environ = create_environ(method=method, base_url="http://localhost/")
    environ |= {
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": target,
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_AUTHORIZATION": basic("admin", ADMIN_PASSWORD),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    for name, value in (headers or {}).items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"] = value
    parts, status, found = run_wsgi_app(app.wsgi_app, environ, buffered=True)
    return Answer(int(status.partition(" ")[0]), Headers(list(found)), b"".join(parts))
