"""Copying the folder of a running server is a backup: every tag that stood still can be pulled.

The commands are those of ``docs/backup.md``, word for word.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.faults.surroundings.traffic import Name, Traffic
from tests.live.wire import IMAGE, Wire, digest_of
from tests.support.accounts import Accounts
from tests.support.live import ROOT, LiveServer
from tests.support.tools import require_tool

STILL: Final = 40
"""Tags that nobody touches."""
TEXT: Final = (ROOT / "docs" / "backup.md").read_text(encoding="utf-8")
COMMANDS: Final = dict(re.findall(r"^\| ([a-z, ]+) \| `([^`]+)` \|", TEXT, re.MULTILINE))
FINE: Final = {"rsync": (0, 24), "tar": (0, 1), "cp": (0, 1)}
"""Exit codes that say no more than that files changed or vanished meanwhile."""
_MEMORY: Final = "/dev/shm"
_HANGS: Final = 60.0
_TRIES: Final = 10
_SETTLES: Final = 30.0
WITHOUT_LINKS: Final = "cp, without links"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder in memory, where there is one: no power is cut here, so a sync need cost nothing."""
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="registry-backup-", dir=place) as made:
        yield Path(made)


def settings_file(folder: Path, **settings: int) -> dict[str, str]:
    file = folder / f"settings-{len(list(folder.iterdir()))}.toml"
    file.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    return {"REGISTRY_CONFIG": str(file)}


@pytest.fixture(scope="module")
def traffic(folder: Path) -> Iterator[Traffic]:
    """A busy server, with tags that nobody touches; its pruner is at work."""
    settings = settings_file(folder, prune_interval=1, prune_grace=600)
    with LiveServer(folder / "storage", settings=settings) as server:
        traffic = Traffic(server)
        with Wire(server) as wire:
            for number in range(STILL):
                traffic.push(wire, (IMAGE, f"still{number}"), f"still {number}".encode() * 300)
        with traffic:
            yield traffic


@pytest.fixture
def restored(folder: Path) -> Iterator[Path]:
    yield folder / "restored"
    shutil.rmtree(folder / "restored")


def run(command: str, source: Path, target: Path) -> int | None:
    """Run a command of the documentation; return its exit code, or None if it hangs."""
    named = command.replace("storage_root", str(source)).replace("BACKUP", str(target))
    words = shlex.split(named)
    require_tool(words[0])
    try:
        return subprocess.run(words, capture_output=True, timeout=_HANGS, check=False).returncode
    except subprocess.TimeoutExpired:
        return None


def copy(traffic: Traffic, way: str, target: Path) -> dict[Name, str | None]:
    """Copy the folder of the busy server; return the tags that stood still meanwhile."""
    with traffic.working():
        traffic.wait_for_work(5)
        expected = make_copy(traffic, COMMANDS[way], target)
        traffic.wait_for_work(1)
    if way == "tar":
        target.mkdir()
        (extract,) = re.findall(r"^ *(tar --extract .+)$", TEXT, re.MULTILINE)
        assert run(extract, target, target) == 0
    return expected


def make_copy(traffic: Traffic, command: str, target: Path) -> dict[Name, str | None]:
    source, way = traffic.server.storage, command.split()[0]
    for _ in range(2 if way == "rsync" else 1):
        for _ in range(_TRIES):
            began = time.monotonic()
            code = run(command, source, target)
            if code in FINE[way]:
                break
        else:
            raise AssertionError(f"{command}: {code}")
    return traffic.ledger.unchanged(began)


def assert_pulls(wire: Wire, name: Name, digest: str | None) -> None:
    """Pull a tag completely and compare every digest."""
    image, tag = name
    answer = wire.ask("GET", f"{image}/manifests/{tag}")
    if digest is None:
        assert answer.status == 404, (name, answer.body)
        return
    assert answer.status == 200, (name, answer.body)
    assert digest_of(answer.body) == digest
    manifest = json.loads(answer.body)
    for part in (manifest["config"], *manifest["layers"]):
        blob = wire.ask("GET", f"{image}/blobs/{part['digest']}")
        assert blob.status == 200, (name, part, blob.body)
        assert digest_of(blob.body) == part["digest"]


def assert_all_pull(server: LiveServer, expected: dict[Name, str | None]) -> None:
    with Wire(server) as wire:
        for name, digest in expected.items():
            assert_pulls(wire, name, digest)


def tags_of(wire: Wire, images: set[str]) -> Iterator[Name]:
    for image in images:
        answer = wire.ask("GET", f"{image}/tags/list")
        for tag in json.loads(answer.body)["tags"] if answer.status == 200 else ():
            yield image, tag


def remove_torn(server: LiveServer, expected: dict[Name, str | None], named: str) -> None:
    """Delete what does not pull: the check has named it, and it changed during the copy."""
    with Wire(server) as wire:
        for image, tag in tags_of(wire, {image for image, _ in expected}):
            answer = wire.ask("GET", f"{image}/manifests/{tag}")
            try:
                assert_pulls(wire, (image, tag), digest_of(answer.body))
            except AssertionError:
                assert (image, tag) not in expected
                assert f"/{tag}" in named
                assert wire.ask("DELETE", f"{image}/manifests/{tag}").status == 202


def until(done: Callable[[], bool]) -> None:
    """Do something again and again until it says that it is done."""
    end = time.monotonic() + _SETTLES
    while not done():
        assert time.monotonic() < end


LINKED = [way for way in COMMANDS if way != WITHOUT_LINKS]


def test_the_documentation_names_every_way() -> None:
    assert LINKED == ["rsync", "tar", "cp"]
    assert WITHOUT_LINKS in COMMANDS


@pytest.mark.parametrize("way", LINKED)
def test_a_copy_of_the_live_folder_is_a_backup(
    traffic: Traffic, way: str, restored: Path, folder: Path
) -> None:
    expected = copy(traffic, way, restored)
    assert len(expected) >= STILL
    with LiveServer(restored, settings=quick(folder)) as server:
        assert_all_pull(server, expected)
        with Wire(server) as wire:
            wire.push_image("new", b"pushed to the restored registry")
        repaired = server.cli("fsck", "--repair", "--json")
        remove_torn(server, expected, repaired.stdout)
        assert_all_pull(server, expected)

        def is_settled() -> bool:
            assert server.cli("prune", "--force").returncode == 0
            return not Accounts(str(restored)).problems

        until(is_settled)
        assert_all_pull(server, expected)
        done = server.cli("fsck")
        assert done.returncode == 0, done.stdout


def test_a_copy_without_links_is_not_pruned_before_it_is_joined_again(
    traffic: Traffic, restored: Path, folder: Path
) -> None:
    """Every name is a file of its own there, which looks like content that nobody has."""
    expected = copy(traffic, WITHOUT_LINKS, restored)
    with LiveServer(restored, settings=quick(folder)) as server:
        assert_all_pull(server, expected)
        names = stored(restored)
        for _ in range(3):
            pruned = json.loads(server.cli("prune", "--force", "--json").stdout)
            assert "relink" in pruned["skipped"]
            assert pruned["freed"]["names"] == pruned["set_on_hold"]["names"] == 0
        assert stored(restored) == names
        found = server.cli("fsck", "--json")
        assert found.returncode == 1
        assert json.loads(found.stdout)["counts"]["split"] >= len(expected)

        before = used(restored)
        assert server.cli("relink").returncode == 0
        assert used(restored) <= 1.01 * needed(restored) < before / 2
        remove_torn(server, expected, server.cli("fsck", "--repair", "--json").stdout)
        assert "split" not in server.cli("fsck").stdout
        assert_all_pull(server, expected)

        gone = f"still {0}".encode() * 300
        assert encoded(gone) in stored(restored)
        assert server.cli("delete", "docker-local/live/app:still0").returncode == 0
        assert server.cli("trash", "empty", "--yes").returncode == 0

        def is_freed() -> bool:
            pruned = json.loads(server.cli("prune", "--force", "--json").stdout)
            assert pruned["skipped"] is None
            return encoded(gone) not in stored(restored)

        until(is_freed)
        expected[IMAGE, "still0"] = None
        assert_all_pull(server, expected)


def quick(folder: Path) -> dict[str, str]:
    return settings_file(
        folder,
        prune_interval=0,
        prune_grace=1,
        prune_hold=0,
        prune_limit=100_000,
        upload_lifetime=1,
    )


def encoded(data: bytes) -> str:
    return digest_of(data).removeprefix("sha256:")


def stored(root: Path) -> set[str]:
    """Return the names in the filestore."""
    return {path.name for path in (root / "filestore").rglob("*") if path.is_file()}


def used(root: Path) -> int:
    """Return the bytes that the files take, each inode once."""
    files = [path.lstat() for path in root.rglob("*") if path.is_file()]
    return sum({status.st_ino: status.st_size for status in files}.values())


def needed(root: Path) -> int:
    """Return the bytes that the files would take if the same bytes were never there twice."""
    files = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
    return sum(map(len, set(files)))
