"""What somebody put into the tree by hand: ignored, told of by ``fsck``, and left alone.

A symbolic link is no folder or file of ours, wherever it leads, and nothing waits for a pipe.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.live.wire import IMAGE, Wire, digest_of
from tests.support.live import LiveServer

_REPOSITORY: Final = "artifacts/docker-local"
_APP: Final = f"{_REPOSITORY}/live/app"
_ENCODED: Final = digest_of(b"nothing").removeprefix("sha256:")
_PLACES: Final = (
    "artifacts",
    _REPOSITORY,
    f"{_REPOSITORY}/live",
    _APP,
    f"{_APP}/1.0",
    f"{_APP}/_layers",
    f"{_APP}/_manifests",
)
_NAMES: Final = ("planted", "sha256:" + _ENCODED, "sha256__" + _ENCODED, "manifest.json")
"""Names that may be read as a tag, a digest, content, and a manifest."""
_LONG_AGO: Final = 1_000_000_000


@dataclass(frozen=True)
class Site:
    """A server with an image, and a folder outside that looks like one."""

    server: LiveServer
    outside: Path

    def plant(self, how: Callable[[], object]) -> None:
        """Do something in the places without a trace in their times, which are told of."""
        folders = [self.server.storage / place for place in _PLACES]
        before = [path.stat() for path in folders]
        how()
        for path, status in zip(folders, before, strict=True):
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def everything_outside(self) -> list[tuple[str, int, int]]:
        """What is outside, as far as somebody could have changed it."""
        found = sorted([self.outside, *self.outside.rglob("*")])
        return [(str(path), path.stat().st_nlink, path.stat().st_mtime_ns) for path in found]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("by-hand")
    with LiveServer(folder / "storage") as server:
        with Wire(server) as wire:
            wire.push_image("1.0", b"a layer")
        outside = folder / "outside"
        shutil.copytree(server.storage / _APP, outside / "app")
        # What a pruner would clear, had it a right to.
        (outside / "half").mkdir()
        (outside / "half" / ("sha256__" + _ENCODED)).write_bytes(b"nothing")
        (outside / "half" / "_tmp.1").write_bytes(b"half-done")
        (outside / "empty").mkdir()
        for path in [outside, *outside.rglob("*")]:
            os.utime(path, (_LONG_AGO, _LONG_AGO))
        yield Site(server, outside)


def _circle(path: Path, site: Site) -> None:
    path.symlink_to(path.name)


def _dangling(path: Path, site: Site) -> None:
    path.symlink_to("/nowhere")


def _pipe(path: Path, site: Site) -> None:
    os.mkfifo(path)


def _leading(to: str) -> Callable[[Path, Site], None]:
    def plant(path: Path, site: Site) -> None:
        path.symlink_to(site.outside / to)

    return plant


_KINDS: Final = {
    "circle": _circle,
    "dangling": _dangling,
    "pipe": _pipe,
    "to an image": _leading("app"),
    "to a tag": _leading("app/1.0"),
    "to what is half-done": _leading("half"),
    "to an empty folder": _leading("empty"),
    "to a file": _leading("app/1.0/manifest.json"),
}


def _listings(wire: Wire) -> list[object]:
    """What the server says is there."""
    storage, found = "/artifactory/api/storage/docker-local", list[object]()
    for path in (
        f"{IMAGE}/tags/list",
        f"{IMAGE}/manifests/1.0",
        "/v2/_catalog",
        "/artifactory/api/docker/docker-local/v2/_catalog",
        f"{storage}/",
        f"{storage}/live",
        f"{storage}/live/app",
        f"{storage}/live/app/1.0",
        f"{storage}?list&deep=1&listFolders=1",
        f"{storage}/live?lastModified",
        "/artifactory/api/repositories",
        "/artifactory/api/search/artifact?name=*",
    ):
        reply = wire.ask("GET", path)
        assert reply.status == 200, (path, reply)
        found.append((path, json.loads(reply.body)))
    # Names in the place of something else may be nothing, and are never an error of the server.
    for path in ("planted", "app/planted", "app/1.0/planted", "app/1.0/manifest.json"):
        for address in (f"{storage}/live/{path}", f"/v2/docker-local/live/{path}/tags/list"):
            assert wire.ask("GET", address).status in (200, 404), address
    for reference in ("planted", f"sha256:{_ENCODED}"):
        assert wire.ask("GET", f"{IMAGE}/manifests/{reference}").status == 404
        assert wire.ask("GET", f"{IMAGE}/blobs/sha256:{_ENCODED}").status == 404
    return found


def _commands(server: LiveServer) -> list[object]:
    """Let everything run that walks over the storage folder; return what it has counted."""
    said = list[object]()
    for command in (
        ("prune", "--force"),
        ("prune", "--dry-run"),
        ("du", "--json"),
        ("scrub",),
    ):
        done = server.cli(*command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        if command[0] == "du":
            said.append(json.loads(done.stdout))
    return said


@pytest.fixture(scope="module")
def healthy(site: Site) -> list[object]:
    """What is said as long as nobody has planted anything."""
    with Wire(site.server) as wire:
        return [_listings(wire), _commands(site.server)]


def _assert_ignored(site: Site, healthy: list[object], planted: list[Path]) -> None:
    """Look at everything; ``planted`` stays, and is told of by ``fsck`` only."""
    outside = site.everything_outside()
    with Wire(site.server) as wire:
        listed = _listings(wire)
        counted = _commands(site.server)
        assert [listed, counted] == healthy
        assert _listings(wire) == listed
    assert site.everything_outside() == outside
    checked = site.server.cli("fsck", "--json")
    assert "Traceback" not in checked.stderr
    told = {finding["path"] for finding in json.loads(checked.stdout)["findings"]}
    for path in planted:
        assert os.path.lexists(path)
        name = os.fsencode(path.relative_to(site.server.storage)).decode(errors="replace")
        assert name in told


@pytest.mark.parametrize("kind", _KINDS)
def test_links_and_pipes_are_ignored_told_of_and_left_alone(
    site: Site, healthy: list[object], kind: str
) -> None:
    names = (site.server.storage / place / name for place in _PLACES for name in _NAMES)
    paths = [path for path in names if not os.path.lexists(path)]

    def plant() -> None:
        for path in paths:
            _KINDS[kind](path, site)
            os.utime(path, (_LONG_AGO, _LONG_AGO), follow_symlinks=False)

    def uproot() -> None:
        for path in paths:
            path.unlink(missing_ok=True)

    site.plant(plant)
    try:
        _assert_ignored(site, healthy, paths)
    finally:
        site.plant(uproot)


def test_names_that_are_no_text_are_ignored_told_of_and_left_alone(
    site: Site, healthy: list[object]
) -> None:
    folders = [os.fsencode(site.server.storage / place) for place in _PLACES]
    made = [folder + b"/d\xff\xe9" for folder in folders]
    files = [folder + b"/f\xff\xe9" for folder in folders]
    inside = [path + b"/inside" for path in made]

    def plant() -> None:
        for path in made:
            os.mkdir(path)
        for path in (*files, *inside):
            Path(os.fsdecode(path)).touch()

    def uproot() -> None:
        for path in (*files, *inside):
            os.remove(path)
        for path in made:
            os.rmdir(path)

    site.plant(plant)
    try:
        _assert_ignored(site, healthy, [Path(os.fsdecode(path)) for path in (*files, *made)])
    finally:
        site.plant(uproot)
