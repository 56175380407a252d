"""A disk that turns read-only, as ext4 does after an error, and that comes back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.surroundings.disks import ext4
from tests.faults.surroundings.site import Site, running
from tests.live.wire import IMAGE, Reply, digest_of

LONG_AGO = 1_000_000_000
OCI_MANIFEST = "Content-Type: application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A registry whose content is old, so that a "yes" to somebody who may push renews it."""
    with ext4() as disk, running(disk, tmp_path, prune_interval=1, prune_grace=86_400) as site:
        for path in site.storage.rglob("*"):
            os.utime(path, (LONG_AGO, LONG_AGO))
        yield site


def assert_read_only(reply: Reply) -> None:
    assert reply.status == 503, (reply.status, reply.body)
    assert reply.headers["Content-Type"] == "application/json"
    assert "read-only" in reply.body.decode()


def assert_only_pulls_go_on(site: Site) -> None:
    site.assert_pulls()
    data = os.urandom(1_000)
    layer = digest_of(b"a layer from before")
    requests = [
        ("POST", f"{IMAGE}/blobs/uploads/", b""),
        ("POST", f"{IMAGE}/blobs/uploads/?digest={digest_of(data)}", data),
        ("POST", f"/v2/docker-local/other/blobs/uploads/?mount={layer}&from=live/app", b""),
        ("PUT", f"{IMAGE}/manifests/other", site.manifest),
        ("DELETE", f"{IMAGE}/manifests/kept", b""),
        ("DELETE", f"{IMAGE}/manifests/{digest_of(site.manifest)}", b""),
        ("DELETE", "/artifactory/docker-local/live", b""),
    ]
    with site.wire() as wire:
        for method, path, body in requests:
            assert_read_only(wire.ask(method, path, OCI_MANIFEST, body=body))
        large = f"Content-Length: {1 << 20}"
        wire.begin("POST", f"{IMAGE}/blobs/uploads/?digest={layer}", large)
        assert_read_only(wire.reply())
    with site.wire() as wire:
        assert wire.ask("GET", "/readyz", anonymous=True).status == 503
        assert wire.ask("GET", "/healthz", anonymous=True).status == 200
    site.assert_pulls()


def assert_everything_goes_on(site: Site) -> None:
    layer = os.urandom(100)
    with site.wire() as wire:
        manifest = wire.push_image("new", layer)
        site.assert_pulls("new", manifest)
        site.assert_pulls()
        assert wire.ask("DELETE", f"{IMAGE}/manifests/new").status == 202
    site.assert_ready()
    (journal,), (pulls,) = ((site.storage / name).iterdir() for name in ("journal", "pulls"))
    for file in (journal, pulls):
        assert digest_of(manifest) in file.read_text()
    assert digest_of(site.manifest) in pulls.read_text()
    site.assert_no_traceback()


def wait_for(site: Site, text: str, times: int) -> None:
    """Wait until the log has a text so many times."""
    end = time.monotonic() + 30
    while site.log.count(text) < times:
        assert time.monotonic() < end, site.server.log_tail()
        time.sleep(0.05)


def test_pulls_go_on_while_a_disk_is_read_only(site: Site) -> None:
    # What has a file open for writing keeps a disk from being remounted, so nothing may have.
    site.server.stop()
    site.server.start()
    workers = site.server.worker_pids()
    site.disk.remount("ro")
    assert_only_pulls_go_on(site)
    wait_for(site, "a pruning pass failed: the storage is read-only", times=2)
    site.disk.remount("rw")
    assert_everything_goes_on(site)
    assert site.server.worker_pids() == workers


def test_a_server_starts_on_a_read_only_disk(site: Site) -> None:
    site.server.stop()
    site.disk.remount("ro")
    site.server.start()
    assert_only_pulls_go_on(site)
    for command in (["prune", "--force"], ["delete", "docker-local/live/app"]):
        done = site.server.cli(*command)
        assert done.returncode == 1
        assert "read-only" in done.stderr
        assert "Traceback" not in done.stderr
    done = site.server.cli("fsck")
    assert done.returncode == 0, done.stdout + done.stderr
    site.disk.remount("rw")
    assert_everything_goes_on(site)


def test_a_disk_fails_under_a_server_at_work_and_is_mounted_anew(site: Site) -> None:
    """The files that the server has open stay on the failed disk; what comes then must not."""
    with site.wire() as wire:
        upload = wire.start_upload()
        assert wire.ask("PATCH", upload, body=b"half").status == 202
        site.disk.fail()
        assert_read_only(wire.ask("PATCH", upload, body=b" done"))
    assert_only_pulls_go_on(site)
    site.disk.repair()
    assert_everything_goes_on(site)
    with site.wire() as wire:
        assert wire.ask("PATCH", upload, body=b" done").status == 202
        digest = digest_of(b"half done")
        assert wire.ask("PUT", f"{upload}?digest={digest}").status == 201
        assert wire.ask("GET", f"{IMAGE}/blobs/{digest}").body == b"half done"
