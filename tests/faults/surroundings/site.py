"""A server on a small disk, its log, and what must hold whatever has happened around it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.faults.surroundings.disks import Disk
from tests.live.wire import IMAGE, Reply, Wire, digest_of
from tests.support.accounts import Accounts
from tests.support.live import LiveServer, ServerNotReady

KEPT: Final = "kept"
LOST_LINES: Final = {"line-damaged"}
"""What a full disk may cost for good: a line of who pulled what, cut off in the middle."""
_SETTLES: Final = 30.0
"""Seconds within which everything that nothing needs has gone, where a grace is one second."""


class Site:
    """A running server on a disk, with one image that has to be there to the end."""

    def __init__(self, disk: Disk, server: LiveServer) -> None:
        self.disk = disk
        self.server = server
        self.storage = server.storage
        with self.wire() as wire:
            # Where users cannot be read every password is wrong, and that must not be held against
            # who comes later.
            policy = b'{"enabled": false, "loginAttempts": 10}'
            path = "/artifactory/api/security/userLockPolicy"
            assert wire.ask("PUT", path, body=policy).status == 200
            self.manifest = wire.push_image(KEPT, b"a layer from before", os.urandom(70_000))

    def wire(self) -> Wire:
        """Return a connection."""
        return Wire(self.server)

    # --- what must hold --------------------------------------------------------------------

    def assert_pulls(
        self, tag: str = KEPT, manifest: bytes | None = None, image: str = IMAGE
    ) -> None:
        """Pull an image with all that it names, by all requests that pull."""
        expected = self.manifest if manifest is None else manifest
        with self.wire() as wire:
            for reference in (tag, digest_of(expected)):
                assert wire.ask("GET", f"{image}/manifests/{reference}").body == expected
                assert wire.ask("HEAD", f"{image}/manifests/{reference}").status == 200
            for part in parts_of(expected):
                assert wire.ask("HEAD", f"{image}/blobs/{part}").status == 200
                assert digest_of(wire.ask("GET", f"{image}/blobs/{part}").body) == part
            assert tag in json.loads(wire.ask("GET", f"{image}/tags/list").body)["tags"]

    def assert_ready(self) -> None:
        """Wait until the server says that it can serve; it tries no more than once a second."""
        end = time.monotonic() + _SETTLES
        with self.wire() as wire:
            while (reply := wire.ask("GET", "/readyz", anonymous=True)).status != 200:
                assert time.monotonic() < end, reply.body
                time.sleep(0.05)

    def paths(self, below: str = "") -> set[str]:
        """Return what is in the storage folder, or in a folder of it."""
        root = self.storage / below
        return {str(path.relative_to(root)) for path in root.rglob("*")}

    def assert_no_traceback(self) -> None:
        """No worker has died, and what happened is told without the code."""
        text = self.log
        assert "Traceback" not in text, text[text.index("Traceback") - 500 :][:4000]
        assert "ended with status" not in text, text[-4000:]

    @property
    def log(self) -> str:
        """What the server has said."""
        return self.server.log.read_text()

    def prune(self) -> None:
        """Make one pass, when the server makes none itself."""
        end = time.monotonic() + _SETTLES
        while (done := self.server.cli("prune", "--force")).returncode != 0:
            assert "another pass is under way" in done.stderr, done.stdout + done.stderr
            assert time.monotonic() < end, "the server prunes all the time"

    def assert_settles(self) -> None:
        """Let the graces pass: then every file has its reason, and the check finds nothing."""
        end = time.monotonic() + _SETTLES
        while problems := self._prune_and_look():
            assert time.monotonic() < end, "\n".join(problems)
        done = self.server.cli("fsck", "--json")
        found = {finding["kind"] for finding in json.loads(done.stdout)["findings"]}
        assert found <= LOST_LINES, done.stdout

    def _prune_and_look(self) -> list[str]:
        self.prune()
        return Accounts(str(self.storage)).problems


class Server(LiveServer):
    """A server that has started when it answers: it may have reason not to be ready."""

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _SETTLES
        while process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError), Wire(self) as wire:
                wire.ask("GET", "/healthz", anonymous=True)
                return
            time.sleep(0.05)
        raise ServerNotReady(self.log_tail())


def parts_of(manifest: bytes) -> list[str]:
    """Return the digests of the blobs that an image manifest names."""
    document = json.loads(manifest)
    return [part["digest"] for part in (document["config"], *document["layers"])]


def assert_full(reply: Reply) -> None:
    """Assert that an answer says that the disk is full, in the dialect of the API."""
    assert reply.status == 507, (reply.status, reply.body)
    assert reply.headers["Content-Type"] == "application/json"
    entry = json.loads(reply.body)["errors"][0]
    assert entry.get("code", "UNKNOWN") == "UNKNOWN"
    assert entry.get("status", 507) == 507
    assert "full" in reply.body.decode() or "no room" in reply.body.decode()


@contextlib.contextmanager
def running(
    disk: Disk,
    folder: Path,
    kind: type[Server] = Server,
    environment: Mapping[str, str] = MappingProxyType({}),
    **settings: int,
) -> Iterator[Site]:
    """Yield a server on a disk; its log and its settings lie in ``folder``."""
    chosen = {"prune_interval": 0, "prune_grace": 1, "prune_hold": 0} | settings
    file = folder / "settings.toml"
    file.write_text("".join(f"{name} = {value}\n" for name, value in chosen.items()))
    server = kind(disk.storage, settings={"REGISTRY_CONFIG": str(file), **environment})
    server.log = folder / "server.log"
    with server:
        yield Site(disk, server)
