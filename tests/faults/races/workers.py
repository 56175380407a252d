"""Worker processes that are stopped in the middle of requests, and a pruner beside them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from registry.model.digests import Digest
from registry.model.names import ImageName
from registry.repositories.definitions import Definitions
from registry.services.pruning import Limits, Pruning
from registry.storage.manifest_files import listed
from registry.storage.store import Store
from tests.faults.races import stops
from tests.live.wire import Wire
from tests.support.accounts import Accounts
from tests.support.bench import KEY
from tests.support.connections import open_files, peer_of, process_of
from tests.support.live import LiveServer

GRACE: Final = 1
UPLOADS: Final = 1
"""Seconds that the server's own pruning waits, before what nobody needs and for uploads."""
WORKERS: Final = 11
"""Two more than are stopped at the same time: one serves, and another one may prune."""
DEADLINE: Final = 120.0
"""Seconds after which a test gives up; nothing takes that long."""


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return when the condition holds."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.01)


class Workers(LiveServer):
    """A server whose workers can be stopped, and prune only when the test lets them."""

    def __init__(self, folder: Path) -> None:
        self._stops = folder / "stops"
        config = folder / "settings.toml"
        environment = {"REGISTRY_CONFIG": str(config)} | stops.environment(self._stops)
        super().__init__(folder / "storage", WORKERS, environment)
        config.write_text(
            f"prune_interval = 1\nprune_grace = {GRACE}\nprune_hold = 0\n"
            f"upload_lifetime = {UPLOADS}\ntrash_lifetime = 0\n"
        )
        self.store = Store(str(self.storage))

    # --- pruning -------------------------------------------------------------------------------

    @contextmanager
    def no_pruning(self) -> Iterator[None]:
        """Keep the workers from pruning, and none of them in the middle of a pass."""
        with ExitStack() as stack:
            job = self.store.locks.try_job
            wait_until(lambda: stack.enter_context(job("prune")), "the end of a pass")
            yield

    def prune_until(
        self,
        condition: Callable[[], object],
        what: str,
        *,
        grace: float = GRACE,
        hold: float = 0.0,
    ) -> None:
        """Prune from here, which is another process, until the condition holds."""
        limits = Limits(grace, hold, 0.0, UPLOADS)
        pruning = Pruning(self.store, Definitions(self.store), limits)

        def prune() -> object:
            pruning.run()
            return condition()

        wait_until(prune, what)

    def shows(self, image: str, digest: Digest) -> bool:
        """Return whether an image shows a blob; nobody is told so."""
        return self.store.links.has(KEY, ImageName(image), digest)

    def holds(self, image: str, digest: Digest) -> bool:
        """Return whether an image shows a blob, or could again because the name is on hold."""
        return _has_name(self.store.layout.layer(KEY, ImageName(image), digest))

    def stores(self, digest: Digest) -> bool:
        """Return whether content is in the filestore, on hold too."""
        return _has_name(self.store.layout.content(digest))

    def problems(self) -> list[str]:
        """Return what is in the storage folder without a reason."""
        return Accounts(str(self.storage)).problems

    # --- stopping ------------------------------------------------------------------------------

    def stopped(self) -> set[int]:
        """Return the workers that are stopped."""
        return {pid for pid in self.worker_pids() if _state(pid) == "T"}

    def stop_at(self, place: str, request: Callable[[], object]) -> None:
        """Make a request whose worker stops at a place; return when it has."""
        before, asked = self.stopped(), stops.ask(self._stops, place)
        request()
        wait_until(lambda: self.stopped() - before, f"a stop at {place}")
        assert not asked.exists()

    def stop_worker_of(self, wire: Wire) -> None:
        """Stop the worker at the other end of a connection, once it has read what was sent."""
        worker = self.worker_of(wire)
        wait_until(lambda: peer_of(wire.socket).unread == 0, "all that was sent is read")
        os.kill(worker, signal.SIGSTOP)
        wait_until(lambda: worker in self.stopped(), "the worker is stopped")

    def go_on(self) -> None:
        """Let all workers go on."""
        for pid in self.stopped():
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def apart(self) -> Iterator[tuple[Wire, Wire]]:
        """Yield connections to two workers."""
        with ExitStack() as stack:
            stack.callback(self.go_on)
            first = stack.enter_context(Wire(self))
            self.stop_worker_of(first)
            second = stack.enter_context(Wire(self))
            assert self.worker_of(first) != self.worker_of(second)
            self.go_on()
            yield first, second

    def has_deleted(self, wire: Wire) -> bool:
        """Return whether the worker of a connection has content open that has no name left."""
        store = f"{self.storage}/"
        names = open_files(self.worker_of(wire))
        return any(name.startswith(store) and name.endswith(" (deleted)") for name in names)

    def worker_of(self, wire: Wire) -> int:
        """Return the worker that has taken a connection, once one has."""
        return process_of(wire.socket, self.worker_pids())


def _has_name(path: str) -> bool:
    folder, name = os.path.split(path)
    return any(found.endswith(name) for found in listed(folder))


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
