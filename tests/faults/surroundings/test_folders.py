"""Folders of the storage that somebody has replaced by a file, or taken the rights from."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.faults.surroundings.disks import ext4
from tests.faults.surroundings.site import Server, Site, running
from tests.faults.surroundings.traffic import OCI_MANIFEST
from tests.live.wire import IMAGE, Reply, digest_of

_APP: Final = "artifacts/docker-local/live/app"
NEEDED_TO_PULL: Final = [
    "artifacts",
    "artifacts/docker-local",
    _APP,
    f"{_APP}/_layers",
    f"{_APP}/_manifests",
    f"{_APP}/kept",
    "etc/repositories",
    "etc/users",
]
BESIDE: Final = ["filestore", "filestore/sha256", "journal", "locks", "pulls", "trash", "uploads"]
_PR_CAPBSET_DROP: Final = 24
_CAPABILITIES: Final = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: with these root may do what the modes forbid."""


class Bound(Server):
    """A server that is bound by the modes of files, also if it is root's."""

    def start(self) -> None:
        """Start from a thread that has given up root's privilege, which a child inherits."""
        failures: list[BaseException] = []

        def start() -> None:
            library = ctypes.CDLL(None, use_errno=True)
            for capability in _CAPABILITIES:
                assert library.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0
            try:
                super(Bound, self).start()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("folders")
    with ext4() as disk, running(disk, folder, kind=Bound) as site:
        yield site


@contextlib.contextmanager
def a_file_in_its_place(folder: Path) -> Iterator[None]:
    aside = folder.with_name(f"{folder.name}.aside")
    folder.rename(aside)
    folder.write_bytes(b"no folder")
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)


@contextlib.contextmanager
def _mode(folder: Path, mode: int) -> Iterator[None]:
    before = folder.stat().st_mode
    folder.chmod(mode)
    try:
        yield
    finally:
        folder.chmod(before)


def no_rights(folder: Path) -> contextlib.AbstractContextManager[None]:
    return _mode(folder, 0)


def no_right_to_write(folder: Path) -> contextlib.AbstractContextManager[None]:
    return _mode(folder, 0o555)


Damage = Callable[[Path], contextlib.AbstractContextManager[None]]
DAMAGES: list[Damage] = [a_file_in_its_place, no_rights, no_right_to_write]


def manifest_of(site: Site, note: str) -> bytes:
    """Return a manifest of the same blobs that nobody else has."""
    return json.dumps(json.loads(site.manifest) | {"annotations": {"note": note}}).encode()


def put(site: Site, tag: str, manifest: bytes) -> None:
    with site.wire() as wire:
        path = f"{IMAGE}/manifests/{tag}"
        assert wire.ask("PUT", path, OCI_MANIFEST, body=manifest).status == 201


def requests(site: Site) -> list[tuple[str, str, bytes]]:
    """Return one request of every kind, all of which are possible as things stand."""
    layer, data = digest_of(b"a layer from before"), os.urandom(100)
    note = os.urandom(4).hex()
    for tag in (f"a{note}", f"b{note}", f"c{note}"):
        put(site, tag, manifest_of(site, tag))
    with site.wire() as wire:
        upload, lone = wire.start_upload(), wire.push_blob(os.urandom(50))
    return [
        ("GET", f"{IMAGE}/manifests/kept", b""),
        ("HEAD", f"{IMAGE}/manifests/kept", b""),
        ("GET", f"{IMAGE}/manifests/{digest_of(site.manifest)}", b""),
        ("GET", f"{IMAGE}/blobs/{layer}", b""),
        ("HEAD", f"{IMAGE}/blobs/{layer}", b""),
        ("GET", f"{IMAGE}/referrers/{digest_of(site.manifest)}", b""),
        ("GET", f"{IMAGE}/tags/list", b""),
        ("GET", "/v2/_catalog", b""),
        ("GET", "/readyz", b""),
        ("PATCH", upload, data),
        ("GET", upload, b""),
        ("DELETE", upload, b""),
        ("POST", f"{IMAGE}/blobs/uploads/", b""),
        ("POST", f"{IMAGE}/blobs/uploads/?digest={digest_of(data)}", data),
        ("POST", f"/v2/docker-local/{note}/blobs/uploads/?mount={layer}&from=live/app", b""),
        ("PUT", f"{IMAGE}/manifests/d{note}", site.manifest),
        ("PUT", f"{IMAGE}/manifests/kept", site.manifest),
        ("DELETE", f"{IMAGE}/manifests/a{note}", b""),
        ("DELETE", f"{IMAGE}/manifests/{digest_of(manifest_of(site, f'b{note}'))}", b""),
        ("DELETE", f"/artifactory/docker-local/live/app/c{note}", b""),
        ("DELETE", f"{IMAGE}/blobs/{lone}", b""),
    ]


def assert_said_well(method: str, path: str, reply: Reply) -> None:
    """Done, not there, or the storage has failed: and an error says so in JSON."""
    assert reply.status in (200, 201, 202, 204, 401, 404, 500, 503), (method, path, reply)
    if reply.status >= 400 and method != "HEAD":
        assert reply.headers["Content-Type"] == "application/json"
        for error in json.loads(reply.body)["errors"]:
            assert error["message"]
            assert "unexpected" not in error["message"], (method, path, reply.body)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("folder", [*NEEDED_TO_PULL, *BESIDE])
def test_a_damaged_folder_is_said_to_be_one_and_works_when_it_is_whole(
    site: Site, folder: str, damage: Damage
) -> None:
    asked = requests(site)
    with damage(site.storage / folder):
        if folder in BESIDE:
            site.assert_pulls()
        for method, path, body in asked:
            with site.wire() as wire:
                assert_said_well(method, path, wire.ask(method, path, OCI_MANIFEST, body=body))
    site.assert_pulls()
    with site.wire() as wire:
        manifest = wire.push_image("whole", os.urandom(50))
        site.assert_pulls("whole", manifest)
        assert wire.ask("DELETE", f"{IMAGE}/manifests/whole").status == 202
    site.assert_no_traceback()


def test_images_that_cannot_be_read_keep_no_other_from_being_pruned(tmp_path: Path) -> None:
    layer = os.urandom(50)
    with (
        ext4() as disk,
        running(disk, tmp_path, kind=Bound, prune_interval=1, trash_lifetime=1) as site,
    ):
        damages = [(part, damage) for part in ("", "_layers", "kept") for damage in DAMAGES]
        with site.wire() as wire:
            for number in range(len(damages)):
                wire.push_image("kept", b"layer", image=f"/v2/docker-local/damaged{number}/app")
            wire.push_image("gone", layer, image="/v2/docker-local/some/app")
            assert wire.ask("DELETE", "/artifactory/docker-local/some/app").status == 204
        name = digest_of(layer).removeprefix("sha256:")
        content = site.storage / "filestore" / "sha256" / name[:2] / name
        assert content.exists()
        with contextlib.ExitStack() as stack:
            for number, (part, damage) in enumerate(damages):
                image = site.storage / "artifacts" / "docker-local" / f"damaged{number}"
                stack.enter_context(damage(image / "app" / part if part else image))
            end = time.monotonic() + 60
            while content.exists():
                assert time.monotonic() < end, site.server.log_tail()
                time.sleep(0.05)
        assert "was not pruned" in site.log
        site.assert_no_traceback()
        site.assert_settles()
