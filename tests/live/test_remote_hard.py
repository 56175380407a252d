"""Hard times for a first pull: a full disk, a power switch, many clients in little memory."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.live.remotes import (
    IMAGE,
    SIZE,
    add_remote,
    in_two_parts,
    new_layer,
    read_bytes,
    read_head,
)
from tests.live.test_memory import LIMIT, peak_memory
from tests.live.wire import Wire, digest_of
from tests.support.live import LiveServer
from tests.support.tools import require_root, require_tool
from tests.support.upstream import ScriptedUpstream

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 16 MiB."""
    require_root()
    require_tool("mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_layer_without_room_is_507_and_leaves_nothing(
    disk: Path, upstream: ScriptedUpstream
) -> None:
    _, large = new_layer(upstream, 20 * MIB)
    small, fits = new_layer(upstream, 2 * MIB)
    server = LiveServer(disk / "storage", workers=1)
    server.log = disk.parent / "full-disk.log"
    with server:
        add_remote(server, upstream)
        with Wire(server) as wire:
            for _ in range(2):
                reply = wire.ask("GET", f"{IMAGE}/blobs/{large}")
                assert (reply.status, reply.code) == (507, "UNKNOWN")
                assert os.listdir(server.storage / "uploads") == []
            assert digest_of(wire.ask("GET", f"{IMAGE}/blobs/{fits}").body) == digest_of(small)


def test_after_all_was_killed_the_download_goes_on_and_nothing_is_wrong(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    data, digest = new_layer(upstream)
    gate = threading.Event()
    upstream.script(digest, in_two_parts(data, SIZE // 2, gate), upstream.content.answer)
    with LiveServer(tmp_path / "storage", workers=2) as server:
        add_remote(server, upstream)
        with Wire(server) as wire:
            wire.begin("GET", f"{IMAGE}/blobs/{digest}")
            read_head(wire)
            read_bytes(wire, SIZE // 4)
            server.kill()
        assert list(Path(server.storage, "filestore").rglob("?" * 64)) == []
        server.start()
        with Wire(server) as wire:
            assert wire.ask("GET", f"{IMAGE}/blobs/{digest}").body == data
        first, second = upstream.asked("GET", digest)
        assert "range" not in first.headers
        assert int(second.headers["range"].removeprefix("bytes=").rstrip("-")) >= SIZE // 4
        done = server.cli("fsck")
        assert done.returncode == 0, done.stdout


def test_large_layers_for_many_clients_do_not_make_a_worker_large(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    layers = dict(new_layer(upstream, 24 * MIB)[::-1] for _ in range(4))

    def pull(digest: str) -> bool:
        with Wire(server) as wire:
            return digest_of(wire.ask("GET", f"{IMAGE}/blobs/{digest}").body) == digest

    with LiveServer(tmp_path / "storage", workers=1) as server:
        add_remote(server, upstream)
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(pull, [*layers, *layers]))
        (worker,) = server.worker_pids()
        assert peak_memory(worker) < LIMIT
    assert all(len(upstream.asked("GET", digest)) == 1 for digest in layers)
