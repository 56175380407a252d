"""Reads that a busy registry answers all day: a manifest by tag, and a small blob."""

import os
import sys
from collections.abc import Sequence
from typing import ClassVar

from benchmarks import wrk
from benchmarks.ours import ROOT
from benchmarks.processes import clean_environment, free_port, running, wait_ready
from benchmarks.registry import MANIFEST_TYPE, Registry, digest_of, push_blob
from benchmarks.small_images import SmallImage
from benchmarks.workload import Metric, Settings, Workload

IMAGE = "hot"
TAG = "latest"
BLOB_BYTES = 4 << 10
WARM_SECONDS = 1
MOST_ROUNDS = 3


class _HotRead(Workload):
    tools = ("wrk",)
    title: ClassVar[str]
    behind_goal: ClassVar[float]

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        # wrk itself averages over seconds, so few rounds are enough.
        self.rounds = min(settings.rounds, MOST_ROUNDS)
        self._bare_port = free_port()

    def metrics(self) -> Sequence[Metric]:
        return [
            Metric(
                "rate",
                f"{self.title}, {wrk.CONNECTIONS} conn.",
                "req/s",
                True,
                goal=self.behind_goal if self.settings.is_behind else 2.5,
            ),
            Metric("p99", "  its 99th percentile", "ms", False),
        ]

    def size(self) -> int:
        raise NotImplementedError

    def path(self, image: str) -> str:
        raise NotImplementedError

    def publish(self, registry: Registry, image: str, headers: dict[str, str]) -> None:
        raise NotImplementedError

    def prepare(self, registries: Sequence[Registry]) -> None:
        for registry in registries:
            image = registry.image(IMAGE)
            self.publish(registry, image, registry.headers(image))
            self._load(registry, WARM_SECONDS)
        port = self._bare_port
        log = self.settings.folder / f"waitress-{self.name}.log"
        command = [sys.executable, "-m", "benchmarks.bare_waitress", str(port), str(self.size())]
        process = self.held.enter_context(running(command, log, ROOT, clean_environment({})))
        wait_ready(process, port, "/", 200, log)

    def measure(self, registry: Registry) -> dict[str, float]:
        load = self._load(registry, self.settings.wrk_seconds)
        return {"rate": load.per_second, "p99": load.p99_ms}

    def machine(self) -> dict[str, float]:
        url = f"http://127.0.0.1:{self._bare_port}/"
        load = wrk.run(url, {"Accept": MANIFEST_TYPE}, self.settings.wrk_seconds)
        return {"rate": load.per_second, "p99": load.p99_ms}

    def _load(self, registry: Registry, seconds: int) -> wrk.Load:
        image = registry.image(IMAGE)
        headers = {**registry.headers(image), "Accept": MANIFEST_TYPE}
        return wrk.run(registry.url(self.path(image)), headers, seconds)


class ManifestGet(_HotRead):
    """GET of a manifest by tag."""

    name = "manifest-get"
    about = "GET of a manifest by tag with 16 connections"
    title = "manifest GET"
    behind_goal = 3.0

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._image = SmallImage()

    def size(self) -> int:
        """Length of the manifest in bytes."""
        return len(self._image.manifest)

    def path(self, image: str) -> str:
        """The manifest's path."""
        return f"/v2/{image}/manifests/{TAG}"

    def publish(self, registry: Registry, image: str, headers: dict[str, str]) -> None:
        """Push the image whose manifest is read."""
        with registry.connect() as connection:
            self._image.push(connection, image, headers, TAG)


class BlobGet(_HotRead):
    """GET of a blob as small as a config."""

    name = "blob-get"
    about = "GET of a 4 KiB blob with 16 connections"
    title = "4 KiB blob GET"
    behind_goal = 4.0

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._blob = os.urandom(BLOB_BYTES)

    def size(self) -> int:
        """Length of the blob in bytes."""
        return BLOB_BYTES

    def path(self, image: str) -> str:
        """The blob's path."""
        return f"/v2/{image}/blobs/{digest_of(self._blob)}"

    def publish(self, registry: Registry, image: str, headers: dict[str, str]) -> None:
        """Push the blob."""
        with registry.connect() as connection:
            push_blob(connection, image, headers, digest_of(self._blob), self._blob)
