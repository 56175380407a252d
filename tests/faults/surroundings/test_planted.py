"""Symbolic links under names that can be guessed, and names at the limit of the filesystem."""

from __future__ import annotations

import datetime
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.faults.surroundings.disks import ext4
from tests.faults.surroundings.site import Site, running
from tests.faults.surroundings.traffic import OCI_MANIFEST
from tests.live.wire import IMAGE, Reply, Wire, digest_of

_APP: Final = "artifacts/docker-local/live/app"
_SLOT: Final = zlib.crc32(b"docker-local/live/app") % 1024
LAYER: Final = b"a layer to be pushed"
ENCODED: Final = digest_of(LAYER).removeprefix("sha256:")
LONG_AGO: Final = 1_000_000_000

RECORDS: Final = ["journal/{day}.jsonl", "pulls/{day}.jsonl"]
"""Without these nobody is kept from anything."""
REPLACED: Final = [
    "pruning.json",
    "scrubbing.json",
    f"{_APP}/new/manifest.json",
    f"{_APP}/new/manifest.json.properties.json",
    f"{_APP}/new/sha256__{ENCODED}",
    f"{_APP}/_layers/sha256__{ENCODED}",
    f"filestore/sha256/{ENCODED[:2]}/{ENCODED}",
]
"""In the place of these comes what the server puts there."""
SHOWN: Final = [f"{_APP}/_layers/sha256__{ENCODED}"]
"""What these point to is not shown."""
LOCKS: Final = [f"locks/image-{_SLOT:03x}.lock", "locks/prune.lock"]
PRUNED: Final = ["pruning.json", "locks/prune.lock"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("planted")
    with ext4() as disk, running(disk, folder) as site:
        yield site


class Plant:
    """A symbolic link in the storage folder, to a file outside that has the right bytes."""

    def __init__(self, site: Site, name: str, target: str) -> None:
        day = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
        self.path = site.storage / name.format(day=day)
        self.outside = site.disk.mount / "outside"
        self.target = self.outside / target
        self.before: object = None

    def __enter__(self) -> Plant:
        self.outside.mkdir(exist_ok=True)
        (self.outside / "there").write_bytes(LAYER)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(self.target)
        for path in (self.outside / "there", self.outside):
            os.utime(path, (LONG_AGO, LONG_AGO))
        self.before = self._look()
        return self

    def __exit__(self, *_: object) -> None:
        if self.path.is_symlink():
            self.path.unlink()

    def _look(self) -> object:
        there = self.outside / "there"
        status = there.stat()
        found = sorted(path.name for path in self.outside.iterdir())
        return found, there.read_bytes(), status.st_mtime, status.st_nlink, status.st_mode

    def assert_nothing_followed(self) -> None:
        assert self._look() == self.before


def manifest_with(site: Site) -> bytes:
    part = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest_of(LAYER)}
    layers = [part | {"size": len(LAYER)}]
    return json.dumps(json.loads(site.manifest) | {"layers": layers}).encode()


def work(site: Site) -> list[Reply]:
    """Push, pull and delete an image with the layer; return what was answered."""
    layer, manifest = digest_of(LAYER), f"{IMAGE}/manifests/new"
    with site.wire() as wire:
        return [
            wire.ask("POST", f"{IMAGE}/blobs/uploads/?digest={layer}", body=LAYER),
            wire.ask("HEAD", f"{IMAGE}/blobs/{layer}"),
            wire.ask("GET", f"{IMAGE}/blobs/{layer}"),
            wire.ask("PUT", manifest, OCI_MANIFEST, body=manifest_with(site)),
            wire.ask("GET", manifest),
            wire.ask("DELETE", manifest),
        ]


DONE: Final = [201, 200, 200, 201, 200, 202]


@pytest.mark.parametrize("target", ["there", "missing"])
@pytest.mark.parametrize("name", [*RECORDS, *REPLACED, *LOCKS])
def test_b14_a_symbolic_link_is_not_followed(site: Site, name: str, target: str) -> None:
    with Plant(site, name, target) as plant:
        if name in SHOWN:
            with site.wire() as wire:
                assert wire.ask("GET", f"{IMAGE}/blobs/{digest_of(LAYER)}").status == 404
        answers = work(site)
        statuses = [answer.status for answer in answers]
        if name in PRUNED:
            pruned = site.server.cli("prune", "--force")
            assert pruned.returncode == (1 if name in LOCKS else 0), pruned.stderr
            assert "Traceback" not in pruned.stderr
        plant.assert_nothing_followed()
        site.assert_pulls()
        if name == LOCKS[0]:
            assert statuses == [201, 200, 200, 500, 404, 500]
            assert "cannot be read or written" in answers[3].body.decode()
        else:
            assert statuses == DONE
    assert [answer.status for answer in work(site)] == DONE
    site.assert_pulls()
    site.assert_no_traceback()


@pytest.mark.parametrize("start", ["a", "sha256__"])
def test_the_longest_names_fit_and_longer_ones_are_the_users_mistake(
    site: Site, start: str
) -> None:
    """A file name has 255 bytes at most, and some names are longer on the disk."""
    key = start[0]
    done = site.server.cli("repo", "create", key, "--type", "local")
    assert done.returncode == 0, done.stderr
    image, tag = f"/v2/{key}/{start.ljust(253, 'a')}", "T" * 128
    far = "a" * 300
    with site.wire() as wire:
        manifest = wire.push_image(tag, LAYER, image=image)
        site.assert_pulls(tag, manifest, image)
        for path in (
            f"{image}a/manifests/{tag}",
            f"{image}/manifests/{tag}T",
            f"{image}/blobs/sha256:{far}",
            f"{image}/blobs/uploads/{far}",
            f"/v2/{far}/app/manifests/{tag}",
        ):
            for method in ("GET", "PUT", "DELETE", "PATCH"):
                reply = wire.ask(method, path)
                assert 400 <= reply.status < 500, (method, path, reply)
                assert reply.headers["Content-Type"] == "application/json"
        assert wire.ask("DELETE", f"/artifactory/{key}/{far}").status == 404
        assert wire.ask("DELETE", f"{image}/manifests/{tag}").status == 202
        assert wire.ask("DELETE", image.replace("/v2/", "/artifactory/")).status == 204
    with Wire(site.server, user=far, password=far) as stranger:
        assert stranger.ask("GET", f"{image}/tags/list").status == 401
    site.assert_no_traceback()


def test_a_path_that_is_too_long_for_the_system_is_said_to_be_the_storage(tmp_path: Path) -> None:
    """The folder lies so deep that short names fit below it, and long ones do not."""
    with ext4() as disk:
        while len(str(disk.storage)) < 3_800:
            disk.storage = disk.storage / ("d" * 200)
        disk.storage.mkdir(parents=True)
        with running(disk, tmp_path) as site:
            image = f"/v2/docker-local/{'a' * 240}"
            tag = f"{image}/manifests/{'T' * 128}"
            with site.wire() as wire:
                for reply in (
                    wire.ask("POST", f"{image}/blobs/uploads/?digest={digest_of(b'x')}", body=b"x"),
                    wire.ask("GET", f"{image}/blobs/{digest_of(b'x')}"),
                    wire.ask("PUT", tag, OCI_MANIFEST, body=site.manifest),
                    wire.ask("GET", tag),
                    wire.ask("DELETE", tag),
                ):
                    assert reply.status in (404, 500), reply
                    assert "unexpected" not in reply.body.decode()
                    assert reply.code
            site.assert_pulls()
            site.assert_no_traceback()
