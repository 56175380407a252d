"""A full disk, and what is done beside pushes: records, locks, pruning, deleting."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.faults.surroundings.disks import ext4
from tests.faults.surroundings.site import KEPT, Site, assert_full, running
from tests.live.wire import IMAGE, digest_of

TRASHED: Final = 20


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("upkeep")
    with (
        ext4("-b", "1024", "-N", "1024") as disk,
        running(disk, folder, upload_lifetime=1, trash_lifetime=1) as site,
    ):
        yield site


def test_records_that_have_no_room_keep_nobody_from_anything(site: Site) -> None:
    """Pulls are answered, and what has happened has happened; the log has what is lost.

    The server is started on the full disk, so none of its files is open yet.
    """
    with site.wire() as wire:
        lost, kept = (wire.push_blob(os.urandom(100)) for _ in range(2))
    site.server.stop()
    for folder in ("journal", "pulls"):
        for file in (site.storage / folder).iterdir():
            file.unlink()
    site.disk.fill_inodes(0)
    site.server.start()
    with site.wire() as wire:
        reply = wire.ask("GET", "/readyz", anonymous=True)
        assert (reply.status, "log says why" in reply.body.decode()) == (503, True)
        site.assert_pulls()
        assert wire.ask("DELETE", f"{IMAGE}/blobs/{lost}").status == 202
        assert wire.ask("GET", f"{IMAGE}/blobs/{lost}").status == 404
        assert site.paths("journal") == site.paths("pulls") == set()
        assert lost in next(line for line in site.log.splitlines() if "journal is lost" in line)
        assert "pulls are not counted" in site.log

        site.disk.release()
        site.assert_pulls()
        site.assert_ready()
        assert wire.ask("DELETE", f"{IMAGE}/blobs/{kept}").status == 202
    (journal,), (pulls,) = ((site.storage / name).iterdir() for name in ("journal", "pulls"))
    assert kept in journal.read_text()
    assert digest_of(site.manifest) in pulls.read_text()
    site.assert_no_traceback()


def test_a_lock_that_cannot_be_made_is_a_full_disk(site: Site) -> None:
    image = "/v2/docker-local/never/locked"
    with site.wire() as wire:
        blob = wire.push_blob(b"a layer without a lock", image)
        for file in (site.storage / "locks").glob("image-*"):
            file.unlink()
        site.disk.fill_inodes(0)
        assert_full(wire.ask("DELETE", f"{image}/blobs/{blob}"))
        assert wire.ask("GET", f"{image}/blobs/{blob}").status == 200
        site.assert_pulls()
        site.disk.release()
        assert wire.ask("DELETE", f"{image}/blobs/{blob}").status == 202
    site.assert_no_traceback()


@pytest.mark.parametrize("what", ["blocks", "inodes"])
def test_pruning_gets_the_room_back_on_a_disk_without_any(site: Site, what: str) -> None:
    """Orphans, half-done uploads, an expired trash; and the next push is taken, as it is."""
    large = os.urandom(2_000_000)
    with site.wire() as wire:
        wire.push_image("gone", large, image="/v2/docker-local/to/go")
        assert wire.ask("DELETE", "/artifactory/docker-local/to/go").status == 204
        wire.push_blob(os.urandom(1_000_000))
        upload = wire.start_upload()
        wire.ask("PATCH", upload, body=os.urandom(1_000_000))
    getattr(site.disk, f"fill_{what}")(0)
    with site.wire() as wire:
        assert_full(
            wire.ask("POST", f"{IMAGE}/blobs/uploads/?digest={digest_of(large)}", body=large)
        )
    site.assert_settles()
    assert site.disk.free_blocks > 3_000
    site.assert_pulls()
    with site.wire() as wire:
        manifest = wire.push_image("again", large[:1_000_000])
    site.assert_pulls("again", manifest)
    site.assert_no_traceback()


@pytest.mark.parametrize("what", ["blocks", "inodes"])
def test_the_trash_can_be_emptied_on_a_disk_without_any_room(tmp_path: Path, what: str) -> None:
    """Letting go of an entry renames it first, and its folder may have no room for a name more."""
    with ext4("-b", "1024", "-N", "2048") as disk, running(disk, tmp_path) as site:
        with site.wire() as wire:
            for number in range(TRASHED):
                image = f"to/go{number}"
                wire.push_image("gone", os.urandom(20_000), image=f"/v2/docker-local/{image}")
                assert wire.ask("DELETE", f"/artifactory/docker-local/{image}").status == 204
        getattr(site.disk, f"fill_{what}")(0)
        done = site.server.cli("delete", f"docker-local/live/app:{KEPT}")
        assert (done.returncode, "storage is full" in done.stderr) == (1, True)
        site.assert_pulls()
        done = site.server.cli("trash", "empty", "--yes")
        assert (done.returncode, done.stdout) == (0, f"Removed {TRASHED} entries.\n")
        site.assert_settles()
        assert site.paths("trash") == set()
        with site.wire() as wire:
            site.assert_pulls("again", wire.push_image("again", os.urandom(100_000)))
        site.assert_no_traceback()


@pytest.mark.parametrize("what", ["blocks", "inodes"])
def test_a_deletion_past_the_trash_needs_no_room(tmp_path: Path, what: str) -> None:
    """The way out where nothing is in the trash that could go."""
    with (
        ext4("-b", "1024", "-N", "1024") as disk,
        running(disk, tmp_path, trash_lifetime=0) as site,
    ):
        with site.wire() as wire:
            for tag in ("one", "two", "three"):
                wire.push_image(tag, os.urandom(100_000), image="/v2/docker-local/to/go")
            getattr(site.disk, f"fill_{what}")(0)
            assert wire.ask("DELETE", "/artifactory/docker-local/to/go").status == 204
            site.assert_settles()
            site.assert_pulls("again", wire.push_image("again", os.urandom(100_000)))
        site.assert_no_traceback()
