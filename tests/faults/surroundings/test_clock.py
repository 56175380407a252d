"""The clock of the wall jumps under a server at work; what has passed since the boot does not."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.faults.surroundings.disks import ext4
from tests.faults.surroundings.site import Site, running
from tests.live.wire import IMAGE, digest_of
from tests.support.tools import require_tool

LIBRARY: Final = "libfaketimeMT.so.1"
HOUR: Final = 3_600
JUMPS: Final = ["+10d", "-20000d", "+3650d", "+0d"]
"""How far the clock is off, one after the other; the second is 1972."""
_PASSES: Final = 60.0


class Clock:
    """The clock of a server's processes, set by a file."""

    def __init__(self, file: Path) -> None:
        require_tool("faketime")
        found = sorted(Path("/usr/lib").glob(f"*/faketime/{LIBRARY}"))
        assert found, f"there is no {LIBRARY}"
        self._file = file
        self.set("+0d")
        self.environment = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, offset: str) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{offset}\n")
        fresh.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


@pytest.fixture
def site(tmp_path: Path, clock: Clock) -> Iterator[Site]:
    with ext4() as disk:
        server = running(
            disk,
            tmp_path,
            environment=clock.environment,
            prune_interval=1,
            prune_grace=HOUR,
            trash_lifetime=HOUR,
        )
        with server as site:
            yield site


def passes(site: Site) -> int:
    """Return how many passes have been made."""
    file = site.storage / "pruning.json"
    record = json.loads(file.read_text()) if file.exists() else {}
    return int(record.get("totals", {}).get("passes", 0))


def wait_for_passes(site: Site, more: int) -> None:
    wanted, end = passes(site) + more, time.monotonic() + _PASSES
    while passes(site) < wanted:
        assert time.monotonic() < end, site.server.log_tail()
        time.sleep(0.05)


def test_a_clock_that_jumps_frees_nothing_and_keeps_nobody_from_anything(
    site: Site, clock: Clock
) -> None:
    layer, gone = os.urandom(50), os.urandom(60)
    with site.wire() as wire:
        wire.push_image("gone", gone, image="/v2/docker-local/gone")
        assert wire.ask("DELETE", "/artifactory/docker-local/gone").status == 204
        wire.push_blob(layer)
        upload = wire.start_upload()
        assert wire.ask("PATCH", upload, body=b"half").status == 202
    wait_for_passes(site, 1)
    workers = site.server.worker_pids()
    for number, offset in enumerate(JUMPS):
        clock.set(offset)
        with site.wire() as wire:
            manifest = wire.push_image(f"new{number}", f"{number}".encode())
            site.assert_pulls(f"new{number}", manifest)
        wait_for_passes(site, 3)
        site.assert_pulls()
        site.assert_ready()
        with site.wire() as wire:
            assert wire.ask("HEAD", f"{IMAGE}/blobs/{digest_of(layer)}").status == 200
            assert wire.ask("GET", upload).status == 204
            assert wire.ask("DELETE", f"{IMAGE}/manifests/new{number}").status == 202
    assert site.log.count("clock has jumped") >= len(JUMPS)
    with site.wire() as wire:
        whole = wire.ask("PUT", f"{upload}?digest={digest_of(b'half')}")
        assert whole.status == 201
        site.assert_pulls("late", wire.push_image("late", layer, b"half"))
    done = site.server.cli("trash", "restore", "docker-local/gone:gone")
    assert done.returncode == 0, done.stderr
    assert site.server.worker_pids() == workers
    site.assert_no_traceback()
    fsck = site.server.cli("fsck")
    assert fsck.returncode == 0, fsck.stdout
