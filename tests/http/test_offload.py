"""A proxy that offers to send blobs is given their names; nobody else is, whatever he says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from registry.config import Config
from registry.web.application import make_application
from tests.conftest import Client, opened
from tests.http.support import digest_of, put_blob

OFFER = {"X-Registry-Offload": "/_content/"}
LARGE = b"0123456789abcdef" * 5000
DIGEST = digest_of(LARGE)
PATH = f"/v2/docker-local/team/app/blobs/{DIGEST}"
NAME = f"sha256/{DIGEST[7:9]}/{DIGEST[7:]}"


@pytest.fixture
def behind(config: Config) -> Iterator[Client]:
    """A client behind a proxy on 127.0.0.1, or on the unix socket."""
    with contextmanager(opened)(replace(config, trusted_proxies=("127.0.0.1", "unix"))) as instance:
        client = Client(make_application(instance))
        put_blob(client, LARGE)
        yield client


@pytest.mark.parametrize("address", ["127.0.0.1", "unix"])
def test_the_proxy_is_given_the_name(behind: Client, address: str) -> None:
    answer = behind.request("GET", PATH, OFFER, address=address)
    assert answer.status_code == 200
    assert answer.headers["X-Accel-Redirect"] == f"/_content/{NAME}"
    assert answer.headers["Content-Length"] == "0"
    assert answer.headers["Docker-Content-Digest"] == DIGEST
    assert answer.headers["ETag"] == f'"{DIGEST}"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "Accept-Ranges" not in answer.headers


def test_the_proxy_answers_ranges(behind: Client) -> None:
    answer = behind.request("GET", PATH, {**OFFER, "Range": "bytes=1-79000"})
    assert answer.status_code == 200
    assert "X-Accel-Redirect" in answer.headers
    assert "Content-Range" not in answer.headers


def test_what_the_proxy_cannot_know_is_answered_here(behind: Client) -> None:
    assert behind.request("HEAD", PATH, OFFER).headers["Content-Length"] == str(len(LARGE))
    assert behind.get(PATH, {**OFFER, "If-None-Match": f'"{DIGEST}"'}).status_code == 304
    assert behind.get(PATH, {**OFFER, "Range": "bytes=80000-"}).status_code == 416
    small = behind.get(PATH, {**OFFER, "Range": "bytes=0-9"})
    assert (small.status_code, small.data) == (206, LARGE[:10])


@pytest.mark.parametrize("address", ["192.0.2.1", "localhost", "", "::1"])
def test_d4_a_client_is_given_none(behind: Client, address: str) -> None:
    answer = behind.request("GET", PATH, OFFER, address=address)
    assert "X-Accel-Redirect" not in answer.headers
    assert answer.data == LARGE


def test_nobody_is_believed_by_default(client: Client) -> None:
    put_blob(client, LARGE)
    for address in ("127.0.0.1", "unix"):
        answer = client.request("GET", PATH, OFFER, address=address)
        assert "X-Accel-Redirect" not in answer.headers
        assert answer.data == LARGE


@pytest.mark.parametrize(
    "prefix", ["", "/", "content/", "/_content", "/../", "/a//b/", "/a b/", "/a\t/", "http://x/"]
)
def test_a_strange_prefix_is_no_offer(behind: Client, prefix: str) -> None:
    answer = behind.request("GET", PATH, {"X-Registry-Offload": prefix})
    assert "X-Accel-Redirect" not in answer.headers
    assert answer.data == LARGE


def test_d4_the_right_is_asked_for_first(behind: Client) -> None:
    answer = behind.request("GET", PATH, OFFER, anonymous=True)
    assert answer.status_code == 401
    assert "X-Accel-Redirect" not in answer.headers


def test_content_that_lost_its_name_is_sent_from_the_image(behind: Client, storage: Path) -> None:
    """As in a copy of the storage folder that caught the filestore half-way."""
    (storage / "filestore" / NAME).unlink()
    answer = behind.request("GET", PATH, OFFER)
    assert "X-Accel-Redirect" not in answer.headers
    assert answer.data == LARGE
