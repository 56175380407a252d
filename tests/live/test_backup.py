"""Copying the folder of a running server is a backup: every tag that stood still can be pulled."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from registry.config import Config
from registry.wiring import build
from tests.live.wire import IMAGE, Wire, digest_of
from tests.support.live import LiveServer
from tests.support.tools import require_tool

WRITERS = 3
STILL = 40


def rsync(source: Path, target: Path) -> None:
    """Twice, because the second pass is short; files that vanish meanwhile are no failure (24)."""
    require_tool("rsync")
    for _ in range(2):
        command = ["rsync", "-aH", "--delete", f"{source}/", f"{target}/"]
        assert subprocess.run(command, capture_output=True, check=False).returncode in (0, 24)


def tar(source: Path, target: Path) -> None:
    """A file that changes while it is read, or vanishes, makes tar say 1."""
    archive = target.with_suffix(".tar")
    pack = ["tar", "--create", "--sort=name", "--file", str(archive), "-C", str(source), "."]
    assert subprocess.run(pack, capture_output=True, check=False).returncode in (0, 1)
    target.mkdir()
    subprocess.run(["tar", "--extract", "--file", str(archive), "-C", str(target)], check=True)


def cp(source: Path, target: Path) -> None:
    """What vanishes meanwhile makes cp say 1."""
    done = subprocess.run(["cp", "-a", str(source), str(target)], capture_output=True, check=False)
    assert done.returncode in (0, 1)


def without_links(source: Path, target: Path) -> None:
    """A copy that knows nothing of hard links."""
    command = ["cp", "-r", "--preserve=mode,timestamps", str(source), str(target)]
    assert subprocess.run(command, capture_output=True, check=False).returncode in (0, 1)


COPIES: list[Callable[[Path, Path], None]] = [rsync, tar, cp, without_links]


@dataclass
class Traffic:
    """Clients that push, overwrite and delete until they are told to stop."""

    server: LiveServer
    stop: threading.Event = field(default_factory=threading.Event)
    done: int = 0

    def run(self, number: int) -> None:
        """Be one client, with an image of its own and tags in the image that stands still."""
        count = 0
        with Wire(self.server) as wire:
            while not self.stop.is_set():
                count += 1
                layer = f"{number} {count}".encode() * 400
                for image in (f"/v2/docker-local/busy{number}", IMAGE):
                    wire.push_image(f"moving{number}-{count % 5}", layer, b"base", image=image)
                    if count % 3 == 0:
                        tag = f"moving{number}-{count % 5}"
                        wire.ask("DELETE", f"{image}/manifests/{tag}")
                self.done += 1


@pytest.fixture
def traffic(tmp_path: Path) -> Iterator[Traffic]:
    """A busy server with tags that nobody touches."""
    settings = tmp_path / "settings.toml"
    settings.write_text("prune_interval = 1\nprune_grace = 600\n")
    with LiveServer(tmp_path / "storage", settings={"REGISTRY_CONFIG": str(settings)}) as server:
        with Wire(server) as wire:
            for number in range(STILL):
                wire.push_image(f"still{number}", f"still {number}".encode() * 300, b"base")
        traffic = Traffic(server)
        threads = [threading.Thread(target=traffic.run, args=(n,)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        yield traffic
        traffic.stop.set()
        for thread in threads:
            thread.join()


def wait_for_work(traffic: Traffic, more: int) -> None:
    """Return when so many more pushes are done, so that the copy is taken among them."""
    wanted, end = traffic.done + more, time.monotonic() + 60
    while traffic.done < wanted:
        assert time.monotonic() < end, "the clients push no more"
        traffic.stop.wait(0.01)


def pulled(wire: Wire, tag: str, image: str = IMAGE) -> None:
    """Pull a tag completely and compare every digest."""
    answer = wire.ask("GET", f"{image}/manifests/{tag}")
    assert answer.status == 200, (tag, answer.body)
    manifest = json.loads(answer.body)
    for part in (manifest["config"], *manifest["layers"]):
        blob = wire.ask("GET", f"{image}/blobs/{part['digest']}")
        assert blob.status == 200, (tag, part, blob.body)
        assert digest_of(blob.body) == part["digest"]


def used(root: Path) -> int:
    """The bytes that the files take, each inode once."""
    found = {p.lstat().st_ino: p.lstat().st_size for p in root.rglob("*") if p.is_file()}
    return sum(found.values())


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.__name__)
def test_a_copy_of_the_live_folder_is_a_backup(
    traffic: Traffic, tmp_path: Path, copy: Callable[[Path, Path], None]
) -> None:
    wait_for_work(traffic, 5)
    copy(traffic.server.storage, tmp_path / "restored")
    wait_for_work(traffic, 2)
    with LiveServer(tmp_path / "restored") as server:
        with Wire(server) as wire:
            for number in range(STILL):
                pulled(wire, f"still{number}")
            wire.push_image("new", b"pushed to the restored registry")
            pulled(wire, "new")
        done = server.cli("fsck", "--repair")
        assert done.returncode == 0, done.stdout + done.stderr
        with Wire(server) as wire:
            names = json.loads(wire.ask("GET", f"{IMAGE}/tags/list").body)
            for tag in names["tags"]:
                pulled(wire, tag)
    shutil.rmtree(tmp_path / "restored")


def test_a_copy_without_links_is_not_pruned_and_gets_its_bytes_back(
    traffic: Traffic, tmp_path: Path
) -> None:
    """Every name has one link there, which looks like orphans alone: the restore guard."""
    traffic.stop.set()
    restored = tmp_path / "restored"
    without_links(traffic.server.storage, restored)
    settings = tmp_path / "quick.toml"
    settings.write_text("prune_grace = 1\nprune_hold = 0\nprune_interval = 0\n")
    instance = build(Config(storage_root=str(restored)))
    assert used(restored) > 1.5 * used(traffic.server.storage)
    stopped = LiveServer(restored, settings={"REGISTRY_CONFIG": str(settings)})
    names = {p.name for p in (restored / "filestore").rglob("*") if p.is_file()}
    for _ in range(3):
        done = stopped.cli("prune", "--force", "--json")
        assert "relink" in json.loads(done.stdout)["skipped"]
    assert {p.name for p in (restored / "filestore").rglob("*") if p.is_file()} == names
    assert stopped.cli("relink").returncode == 0
    assert used(restored) <= 1.01 * used(traffic.server.storage)
    assert stopped.cli("fsck").returncode == 0
    instance.store.journal.close()
