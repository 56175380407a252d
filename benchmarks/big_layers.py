"""Push and pull of one big layer, and the memory it costs the servers."""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from benchmarks.errors import MeasurementFailed
from benchmarks.front import STATIC
from benchmarks.machine import (
    hash_seconds,
    sendfile_seconds,
    write_and_hash_seconds,
    write_durably,
    write_seconds,
)
from benchmarks.processes import peak_rss_mb
from benchmarks.registry import Registry, digest_of, expect, location, open_upload, with_digest
from benchmarks.wire import RECEIVE_BYTES, Connection
from benchmarks.workload import Metric, Settings, Workload

IMAGE = "big"
STAMP_BYTES = 64
WARM_BYTES = 1 << 20

Push = Callable[[Registry, memoryview, str], float]


class Layer:
    """Random bytes that become a new layer by changing only their beginning."""

    def __init__(self, size: int) -> None:
        self._bytes = bytearray(os.urandom(size))
        self.data = memoryview(self._bytes)
        self.digest = ""

    def renew(self) -> None:
        """Make the content one that no server has seen."""
        self.data[:STAMP_BYTES] = os.urandom(STAMP_BYTES)
        self.digest = digest_of(self.data)


def push_streamed(registry: Registry, data: memoryview, digest: str) -> float:
    """Seconds of a push as docker does it: POST, one chunked PATCH, PUT without a body."""
    image = registry.image(IMAGE)
    headers = registry.headers(image)
    with registry.connect() as connection:
        start = time.perf_counter()
        session = open_upload(connection, image, headers)
        answer = expect(connection.request_chunked("PATCH", session, headers, data), 202, "PATCH")
        finish = with_digest(location(answer), digest)
        expect(connection.request("PUT", finish, headers), 201, "PUT of a layer")
        return time.perf_counter() - start


def push_monolithic(registry: Registry, data: memoryview, digest: str) -> float:
    """Seconds of a push as containerd does it: POST, then PUT with the whole body."""
    image = registry.image(IMAGE)
    headers = registry.headers(image)
    lines = {**headers, "Content-Type": "application/octet-stream"}
    with registry.connect() as connection:
        start = time.perf_counter()
        finish = with_digest(open_upload(connection, image, headers), digest)
        expect(connection.request("PUT", finish, lines, data), 201, "PUT of a layer")
        return time.perf_counter() - start


class _BigPush(Workload):
    title: ClassVar[str]

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._layer = Layer(settings.layer_bytes)

    def metrics(self) -> Sequence[Metric]:
        size = self.settings.layer_bytes >> 20
        return [
            Metric(
                "seconds",
                f"push {size} MiB, {self.title}",
                "s",
                False,
                goal=2.5 if self.settings.is_behind else 1.5,
                share=0.6,
            ),
            Metric("hash", "  sha256 of it alone", "s", False),
            Metric("write", "  write and fsync of it alone", "s", False),
        ]

    def push(self, registry: Registry, data: memoryview, digest: str) -> float:
        raise NotImplementedError

    def prepare(self, registries: Sequence[Registry]) -> None:
        for registry in registries:
            warm = memoryview(os.urandom(WARM_BYTES))
            self.push(registry, warm, digest_of(warm))

    def next_round(self) -> None:
        super().next_round()
        self._layer.renew()

    def measure(self, registry: Registry) -> dict[str, float]:
        # What an earlier round left unwritten would otherwise be paid by this one's fsync.
        os.sync()
        return {"seconds": self.push(registry, self._layer.data, self._layer.digest)}

    def machine(self) -> dict[str, float]:
        folder = self.settings.folder
        return {
            "seconds": write_and_hash_seconds(self._layer.data, folder),
            "hash": hash_seconds(self._layer.data),
            "write": write_seconds(self._layer.data, folder),
        }


class PushStreamed(_BigPush):
    """The big layer pushed as docker pushes."""

    name = "big-push"
    about = "push of one big layer by POST, a chunked PATCH and PUT"
    title = "streamed"

    def push(self, registry: Registry, data: memoryview, digest: str) -> float:
        """Seconds of one push."""
        return push_streamed(registry, data, digest)


class PushMonolithic(_BigPush):
    """The big layer pushed with its length known."""

    name = "big-push-monolithic"
    about = "push of one big layer by POST and PUT with Content-Length"
    title = "monolithic"

    def metrics(self) -> Sequence[Metric]:
        """Only the push itself: hash and write alone are rows of the streamed push."""
        return super().metrics()[:1]

    def push(self, registry: Registry, data: memoryview, digest: str) -> float:
        """Seconds of one push."""
        return push_monolithic(registry, data, digest)


class Pull(Workload):
    """The big layer pulled by one client that throws it away."""

    name = "big-pull"
    about = "pull of one big layer, checked once before the clock starts"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._buffer = bytearray(RECEIVE_BYTES)
        folder = settings.front.static if settings.front else settings.folder
        self._file = folder / "machine-pull"
        self._digest = ""

    def metrics(self) -> Sequence[Metric]:
        """Seconds of the pull."""
        size = self.settings.layer_bytes >> 20
        share = 0.95 if self.settings.is_behind else None
        return [Metric("seconds", f"pull {size} MiB", "s", False, goal=0.9, share=share)]

    def prepare(self, registries: Sequence[Registry]) -> None:
        """Push the layer and see once that it comes back unchanged."""
        layer = Layer(self.settings.layer_bytes)
        layer.renew()
        self._digest = layer.digest
        write_durably(self._file, layer.data)
        for registry in registries:
            push_monolithic(registry, layer.data, layer.digest)
            seen = hashlib.sha256()
            self._pull(registry, seen.update)
            if f"sha256:{seen.hexdigest()}" != layer.digest:
                raise MeasurementFailed(f"{registry.label} gave back other bytes than it got")
        self._take_stored_file()
        os.sync()

    def _take_stored_file(self) -> None:
        """Let the machine send the very file that ours stores, where its folder is known.

        How a file was written decides in which pieces the kernel caches it, and so how fast it is
        sent.
        """
        encoded = self._digest.partition(":")[2]
        storage = self.settings.folder / "ours" / "storage"
        stored = storage / "filestore" / "sha256" / encoded[:2] / encoded
        if stored.exists():
            self._file.unlink()
            os.link(stored, self._file)

    def measure(self, registry: Registry) -> dict[str, float]:
        """Seconds from the request until the last byte."""
        return {"seconds": self._pull(registry)}

    def machine(self) -> dict[str, float]:
        """The same file sent by the kernel, or by nginx where that is in front."""
        front = self.settings.front
        if front is None:
            return {"seconds": sendfile_seconds(self._file, self._buffer)}
        with Connection("127.0.0.1", front.peer_port) as connection:
            start = time.perf_counter()
            connection.download(f"{STATIC}{self._file.name}", {}, self._buffer)
            return {"seconds": time.perf_counter() - start}

    def _pull(self, registry: Registry, taste: Callable[[memoryview], None] | None = None) -> float:
        image = registry.image(IMAGE)
        headers = registry.headers(image)
        path = f"/v2/{image}/blobs/{self._digest}"
        with registry.connect() as connection:
            start = time.perf_counter()
            size = connection.download(path, headers, self._buffer, taste)
            seconds = time.perf_counter() - start
        if size != self.settings.layer_bytes:
            raise MeasurementFailed(f"{registry.label} gave {size} bytes of the layer")
        return seconds


class Memory(Workload):
    """The peak resident memory of the workers after pushes and a pull of the big layer."""

    name = "memory"
    about = "peak resident memory of each worker after pushes and a pull of the big layer"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.rounds = 1
        self._layer = Layer(settings.layer_bytes)

    def metrics(self) -> Sequence[Metric]:
        """The worker that took most."""
        return [Metric("rss", "peak RSS, largest worker", "MB", False, limit=100)]

    def prepare(self, registries: Sequence[Registry]) -> None:
        """Nothing: what the servers did before this counts as well."""

    def measure(self, registry: Registry) -> dict[str, float]:
        """Push twice, pull once, and read what the kernel remembers."""
        workers = registry.workers()
        if not workers:
            return {}
        for push in (push_streamed, push_monolithic):
            self._layer.renew()
            push(registry, self._layer.data, self._layer.digest)
        image = registry.image(IMAGE)
        path = f"/v2/{image}/blobs/{self._layer.digest}"
        with registry.connect() as connection:
            connection.download(path, registry.headers(image), bytearray(RECEIVE_BYTES))
        return {"rss": max(peak_rss_mb(pid) for pid in workers)}
