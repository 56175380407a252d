"""All that runs: the server, the pruners, the helper, the clients, and what they count."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Final

from tests.faults.soak.chaos import Chaos, Pruners
from tests.faults.soak.client import Client, Operation
from tests.faults.soak.content import Pool
from tests.faults.soak.figures import (
    COMMON_KEY,
    GRACE,
    HOLD,
    KEY,
    LIMITED_KEY,
    MOST,
    TRASH,
    UPLOADS,
    Figures,
)
from tests.faults.soak.helper import Helper
from tests.faults.soak.model import Image
from tests.faults.soak.operations import draw
from tests.faults.soak.sharing import shared_images
from tests.faults.soak.wire import Connection, Kills
from tests.support.live import LiveServer

_OWNERS: Final = 2
"""Clients that have a repository of their own."""


class Tally:
    """Counts what happens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def add(self, name: str, number: int = 1) -> None:
        with self._lock:
            self.counts[name] += number


class Site:
    """One run on a folder of its own; all of it runs between `start` and `stop`."""

    def __init__(self, folder: Path, figures: Figures) -> None:
        self.figures = figures
        self.folder = folder
        self.settings = folder / "settings.toml"
        self.server = LiveServer(
            folder / "storage", figures.workers, {"REGISTRY_CONFIG": str(self.settings)}
        )
        self.pool = Pool(figures.seed)
        self.tally = Tally()
        self.kills = Kills()
        self.shared = shared_images()
        self.common_epoch = 0
        """An odd number while it may be away."""
        self.common_lock = threading.Lock()
        self.failures: list[str] = []
        self.began = time.monotonic()
        self._number = 0
        self._lock = threading.Lock()
        self.helper: Helper
        self.auditor: Helper
        """One more, for what takes long."""
        self.pruners: Pruners
        self.chaos: Chaos
        self.clients: list[Client] = []

    # --- beginning and end -------------------------------------------------------------------

    def start(self) -> None:
        self._write_settings()
        self.server.start()
        self.helper = Helper(self.settings, self.folder / "helper.log")
        self.auditor = Helper(self.settings, self.folder / "helper.log")
        owned = [f"soak-{number}" for number in range(_OWNERS)]
        for key in (COMMON_KEY, *owned):
            done = self.helper.ask("create", key)
            assert done.error is None, done
        done = self.helper.ask("create", LIMITED_KEY, maxUniqueTags=MOST)
        assert done.error is None, done
        fields = self.server.cli("repo", "set", KEY, "untaggedRetentionDays=0")
        assert fields.returncode == 0, fields.stderr
        self.clients = [Client(number, self) for number in range(self.figures.clients)]
        for client, key in zip(self.clients, owned, strict=False):
            client.repository = key
            client.images.append(Image(key, "team/app"))
        self.pruners = Pruners(self.settings, self.folder, self.figures)
        self.chaos = Chaos(self.server, self.pruners, self.kills, self.figures)
        self.began = time.monotonic()

    def _write_settings(self) -> None:
        settings = {
            "prune_interval": 1,
            "prune_grace": GRACE,
            "prune_hold": HOLD,
            "trash_lifetime": TRASH,
            "upload_lifetime": UPLOADS,
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        lines += ['log_level = "warning"', f'storage_root = "{self.server.storage}"']
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings.write_text("\n".join(lines) + "\n")

    # --- for clients -------------------------------------------------------------------------

    def connect(self) -> Connection:
        """Return a connection of its own."""
        return Connection(self.server.port, "admin", self.server.admin_password, self.kills)

    def next_operation(self) -> int | None:
        """Return the number of an operation to be done, or None if it is enough."""
        with self._lock:
            over = time.monotonic() - self.began >= self.figures.seconds
            if self.failures or (over and self._number >= self.figures.operations):
                return None
            self._number += 1
            return self._number

    def common_may_be_away(self, epoch: int) -> bool:
        """Return whether the common repository may have been away since it had that epoch."""
        return bool(self.common_epoch != epoch or epoch % 2)

    @property
    def operations(self) -> int:
        """How many operations have been begun."""
        return self._number

    def draw(self, rng: random.Random) -> tuple[str, Operation]:
        """Return what to do next."""
        return draw(rng, self.figures.without)

    def some_image(self, rng: random.Random) -> str:
        """Return the name of any image, as a source to mount from."""
        if rng.random() < 0.2:
            shared = rng.choice(self.shared)
            return f"{shared.key}/{shared.name}"
        image = rng.choice(rng.choice(self.clients).images)
        return f"{image.key}/{image.name}"

    def fail(self, report: str) -> None:
        """Take note of something wrong; all clients stop."""
        with self._lock:
            self.failures.append(report)
