"""Clients that push, overwrite, retag and delete, and a ledger of what they have been told."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.live.wire import IMAGE, Wire, digest_of
from tests.support.live import LiveServer

OCI_MANIFEST: Final = "Content-Type: application/vnd.oci.image.manifest.v1+json"
BASE: Final = b"a layer that all images share"
TAGS: Final = 20
"""Tags that each client moves in each of its images."""
_WORKS: Final = 60.0
"""Seconds within which clients must have done something."""

Name = tuple[str, str]
"""The path of an image, and a tag."""


class Ledger:
    """What each tag stands for, as the server has said, and when that has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changing: set[Name] = set()
        self._known: dict[Name, tuple[float, str | None]] = {}

    @contextlib.contextmanager
    def changing(self, name: Name) -> Iterator[list[str | None]]:
        """Note that a tag changes within; the digest that it gets, or None, is to be appended."""
        with self._lock:
            self._changing.add(name)
        told: list[str | None] = []
        yield told
        with self._lock:
            self._changing.remove(name)
            self._known[name] = time.monotonic(), told[0]

    def unchanged(self, since: float) -> dict[Name, str | None]:
        """Return what the tags stand for that have not changed since that moment."""
        with self._lock:
            return {
                name: digest
                for name, (moment, digest) in self._known.items()
                if moment < since and name not in self._changing
            }


@dataclass
class Traffic:
    """Clients of a server, at work within `working`, until the end of the ``with`` block."""

    server: LiveServer
    clients: int = 3
    ledger: Ledger = field(default_factory=Ledger)
    done: int = 0
    _go: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _failures: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Traffic:
        self._threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(self.clients)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._go.set()
        for thread in self._threads:
            thread.join()
        assert not self._failures, self._failures

    def push(self, wire: Wire, name: Name, *layers: bytes) -> bytes:
        """Push an image."""
        image, tag = name
        with self.ledger.changing(name) as told:
            manifest = wire.push_image(tag, *layers, BASE, image=image)
            told.append(digest_of(manifest))
        return manifest

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Let the clients work; afterwards they rest once they have done what they began."""
        self._go.set()
        try:
            yield
        finally:
            self._go.clear()

    def wait_for_work(self, more: int) -> None:
        """Return when so much more has been done."""
        wanted, end = self.done + more, time.monotonic() + _WORKS
        while self.done < wanted:
            assert not self._failures, self._failures
            assert time.monotonic() < end, "the clients do nothing more"
            self._stop.wait(0.01)

    def _run(self, number: int) -> None:
        try:
            with Wire(self.server) as wire:
                self._work(wire, number)
        except BaseException as error:
            self._failures.append(error)

    def _work(self, wire: Wire, number: int) -> None:
        """Be one client, with an image of its own and tags of its own in one that all have."""
        chance = random.Random(number)
        images = (IMAGE, f"/v2/docker-local/busy{number}")
        count = 0
        while self._go.wait() and not self._stop.is_set():
            count += 1
            name = (chance.choice(images), f"moving{number}-{chance.randrange(TAGS)}")
            manifest = self.push(wire, name, f"{number} {count}".encode() * 400)
            kind = chance.randrange(4)
            if kind == 0:
                self._delete(wire, name, f"{name[0]}/manifests/{name[1]}")
            elif kind == 1:
                path = name[0].replace("/v2/", "/artifactory/")
                self._delete(wire, name, f"{path}/{name[1]}")
            elif kind == 2:
                other = (name[0], f"moving{number}-{chance.randrange(TAGS)}")
                with self.ledger.changing(other) as told:
                    path = f"{other[0]}/manifests/{other[1]}"
                    assert wire.ask("PUT", path, OCI_MANIFEST, body=manifest).status == 201
                    told.append(digest_of(manifest))
            self.done += 1

    def _delete(self, wire: Wire, name: Name, path: str) -> None:
        with self.ledger.changing(name) as told:
            assert wire.ask("DELETE", path).status in (202, 204)
            told.append(None)
