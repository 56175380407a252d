"""A full disk: 507 in the dialect of the API, nothing left behind, and pulls go on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.wire import IMAGE, Reply, Wire, digest_of
from tests.support.live import LiveServer
from tests.support.tools import require_root, require_tool

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A filesystem of 16 MiB."""
    require_root()
    require_tool("mount")
    folder = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def server(disk: Path) -> Iterator[LiveServer]:
    running = LiveServer(disk / "storage")
    # Beside the disk, or a full one would keep the log from being written, too.
    running.log = disk.parent / "full-disk.log"
    with running:
        yield running


@pytest.fixture(scope="module")
def manifest(server: LiveServer) -> bytes:
    with Wire(server) as wire:
        return wire.push_image("kept", b"a layer from before")


@pytest.fixture
def filler(disk: Path, manifest: bytes) -> Iterator[Path]:
    """A file that takes all space but a page or so."""
    path = disk / "filler"
    free = shutil.disk_usage(disk).free
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free - 8192, 1))
    yield path
    path.unlink(missing_ok=True)


def assert_full(reply: Reply) -> None:
    assert reply.status == 507, reply
    assert reply.code == "UNKNOWN"


def assert_pulls(server: LiveServer, manifest: bytes) -> None:
    with Wire(server) as wire:
        assert wire.ask("GET", f"{IMAGE}/manifests/kept").body == manifest
        layer = digest_of(b"a layer from before")
        assert wire.ask("GET", f"{IMAGE}/blobs/{layer}").body == b"a layer from before"


def test_an_announced_body_that_does_not_fit_is_refused_before_it_is_sent(
    server: LiveServer, manifest: bytes
) -> None:
    with Wire(server) as wire:
        wire.begin(
            "POST",
            f"{IMAGE}/blobs/uploads/?digest={digest_of(b'')}",
            f"Content-Length: {64 * MIB}",
        )
        assert_full(wire.reply())
    assert os.listdir(server.storage / "uploads") == []
    assert_pulls(server, manifest)


def test_a_body_that_fills_the_disk_is_taken_back(
    server: LiveServer, disk: Path, manifest: bytes
) -> None:
    free = shutil.disk_usage(disk).free
    with Wire(server) as wire:
        upload = wire.start_upload()
        wire.begin("PATCH", upload, "Transfer-Encoding: chunked")
        try:
            for _ in range(64):
                wire.chunk(os.urandom(MIB))
        except OSError:
            # The server has answered and reads no more; the answer is there to be read.
            pass
        assert_full(wire.reply())
    with Wire(server) as wire:
        assert wire.ask("GET", upload).headers["Range"] == "0-0"
        assert wire.ask("DELETE", upload).status == 204
    assert shutil.disk_usage(disk).free >= free - 64 * 1024
    assert_pulls(server, manifest)


def test_nothing_can_be_pushed_to_a_full_disk_and_nothing_is_left(
    server: LiveServer, filler: Path, manifest: bytes
) -> None:
    before = sorted(str(path) for path in server.storage.rglob("*"))
    data = os.urandom(60_000)
    with Wire(server) as wire:
        assert_full(wire.ask("POST", f"{IMAGE}/blobs/uploads/?digest={digest_of(data)}", body=data))
    assert_pulls(server, manifest)
    assert sorted(str(path) for path in server.storage.rglob("*")) == before

    filler.unlink()
    with Wire(server) as wire:
        wire.push_image("after", data)
        assert wire.ask("GET", f"{IMAGE}/manifests/after").status == 200
