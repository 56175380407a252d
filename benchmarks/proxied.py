"""Figures of pulls through a remote repository: ``python -m benchmarks.proxied``.

Debian's docker-registry is the upstream, ours the proxy in front of it, both on this machine. A
pull from the cache is compared with one from a local repository of the same server, a first pull
with a direct one from upstream; and it is counted how often upstream is asked.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import CannotStart, MeasurementFailed
from benchmarks.ours import ROOT, WORKERS
from benchmarks.peer import PROGRAM, UNGUARDED
from benchmarks.processes import clean_environment, free_port, running, wait_ready
from benchmarks.relay import Relay
from benchmarks.wire import RECEIVE_BYTES, Connection

PASSWORD = "benchmark-only"
IMAGE = "bench/app"
REMOTE = "mirror"
VIRTUAL = "all"
LOCAL = "docker-local"
CLIENTS = 50
LINE = 1.25e8
"""Bytes a second: an upstream is seldom on the same machine."""
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, eq=False)
class Server:
    """A registry, and how it is asked for the benchmark's image."""

    port: int
    path: str
    """What stands before the image."""
    headers: dict[str, str]

    def ask(self, method: str, rest: str, body: bytes = b"", kind: str = "") -> str:
        """Send one request about the image, and return where it leads."""
        headers = {**self.headers, "Content-Type": kind or "application/octet-stream"}
        path = rest if rest.startswith("/") else f"{self.path}/{IMAGE}/{rest}"
        with Connection("127.0.0.1", self.port) as connection:
            answer = connection.request(method, path, headers, body)
        if answer.status not in (200, 201, 202):
            raise MeasurementFailed(f"{method} {path} answered {answer.status}")
        location = answer.headers.get("location", "")
        return location.removeprefix(f"http://127.0.0.1:{self.port}")

    def create(self, key: str, document: dict[str, object]) -> None:
        """Create a repository of the server."""
        body = json.dumps(document).encode()
        self.ask("PUT", f"/artifactory/api/repositories/{key}", body, "application/json")

    def push(self, tag: str, *layers: bytes) -> list[str]:
        """Push an image of these layers; return the digests of its blobs."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "tag": tag}).encode()
        digests = []
        for data in (config, *layers):
            digests.append(f"sha256:{hashlib.sha256(data).hexdigest()}")
            session = self.ask("POST", "blobs/uploads/")
            joined = "&" if "?" in session else "?"
            self.ask("PUT", f"{session}{joined}digest={digests[-1]}", data)
        parts = [
            {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": d, "size": len(b)}
            for d, b in zip(digests, (config, *layers), strict=True)
        ]
        parts[0]["mediaType"] = "application/vnd.oci.image.config.v1+json"
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST}
        manifest |= {"config": parts[0], "layers": parts[1:]}
        self.ask("PUT", f"manifests/{tag}", json.dumps(manifest).encode(), MANIFEST)
        return digests

    def pull(self, digest: str) -> tuple[float, float]:
        """Pull a blob; return the seconds until its first byte and until its last."""
        first: list[float] = []
        path = f"{self.path}/{IMAGE}/blobs/{digest}"
        buffer = bytearray(RECEIVE_BYTES)
        with Connection("127.0.0.1", self.port) as connection:
            began = time.perf_counter()

            def taste(_: memoryview) -> None:
                if not first:
                    first.append(time.perf_counter() - began)

            connection.download(path, self.headers, buffer, taste)
            return first[0] if first else 0.0, time.perf_counter() - began

    def pull_image(self, tag: str, digests: Sequence[str]) -> None:
        """Pull a manifest and all its blobs."""
        self.ask("GET", f"manifests/{tag}")
        for digest in digests:
            self.pull(digest)


@contextlib.contextmanager
def _upstream(folder: Path) -> Iterator[Server]:
    folder.mkdir()
    port, configuration = free_port(), folder / "config.yml"
    configuration.write_text(UNGUARDED.format(storage=folder / "storage", port=port))
    log = folder / "server.log"
    command = [PROGRAM, "serve", str(configuration)]
    with running(command, log, folder, clean_environment({})) as process:
        wait_ready(process, port, "/v2/", 200, log)
        yield Server(port, "/v2", {})


@contextlib.contextmanager
def _proxy(folder: Path, upstream: int) -> Iterator[Server]:
    folder.mkdir()
    port, log = free_port(), folder / "server.log"
    command = [sys.executable, str(ROOT / "app.py"), "serve", "--workers", str(WORKERS)]
    command += ["--storage", str(folder / "storage"), "--listen", f"127.0.0.1:{port}"]
    environment = clean_environment({"REGISTRY_ADMIN_PASSWORD": PASSWORD})
    credentials = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    with running(command, log, ROOT, environment) as process:
        wait_ready(process, port, "/readyz", 200, log)
        server = Server(port, f"/v2/{REMOTE}", {"Authorization": f"Basic {credentials}"})
        server.create(REMOTE, {"rclass": "remote", "url": f"http://127.0.0.1:{upstream}"})
        server.create(VIRTUAL, {"rclass": "virtual", "repositories": [REMOTE]})
        yield server


def cached(proxy: Server, upstream: Server, size: int, rounds: int) -> None:
    """Tell how fast pulls from the cache are beside those from a local repository."""
    layer = os.urandom(size)
    digest = upstream.push("cached", layer)[1]
    local = Server(proxy.port, f"/v2/{LOCAL}", proxy.headers)
    local.push("cached", layer)
    del layer
    proxy.pull(digest)
    virtual = Server(proxy.port, f"/v2/{VIRTUAL}", proxy.headers)
    rates: dict[Server, list[float]] = {}
    for _ in range(rounds):
        for server in (local, proxy, virtual):
            rates.setdefault(server, []).append(size / server.pull(digest)[1] / 1e6)
    for server, what in ((proxy, "remote"), (virtual, "virtual")):
        ratio = statistics.median(rates[server]) / statistics.median(rates[local])
        name = f"cached pull through a {what} repository / local pull"
        _tell(name, ratio, 0.9, rates[server], rates[local])


def first(proxy: Server, upstream: Server, size: int, rounds: int, how: str) -> float:
    """Return how fast a first pull is beside a direct one from the same upstream."""
    direct, through, later = [], [], []
    for number in range(rounds):
        layer = os.urandom(size)
        digest = upstream.push(f"first-{upstream.port}-{number}", layer)[1]
        del layer
        upstream.pull(digest)
        os.sync()
        began, seconds = upstream.pull(digest)
        direct.append(size / seconds / 1e6)
        through_began, seconds = proxy.pull(digest)
        through.append(size / seconds / 1e6)
        later.append((through_began - began) * 1000)
    ratio = statistics.median(through) / statistics.median(direct)
    _tell(f"first pull / direct pull, {how}", ratio, 0.8, through, direct)
    print(f"  first byte later by {statistics.median(later):.0f} ms (wanted: at most 100)")
    return ratio


def together(proxy: Server, upstream: Server, relay: Relay, layer: int) -> bool:
    """Return whether parallel first pulls of one image ask upstream for each blob once."""
    digests = upstream.push("together", *(os.urandom(layer) for _ in range(5)))
    relay.asked.clear()
    with ThreadPoolExecutor(CLIENTS) as pool:
        pulls = [pool.submit(proxy.pull_image, "together", digests) for _ in range(CLIENTS)]
        for pull in pulls:
            pull.result()
    counted: Counter[str] = Counter(
        line.split()[1] for line in relay.asked if line.startswith("GET") and "/v2/" in line
    )
    blobs = [counted[f"/v2/{IMAGE}/blobs/{digest}"] for digest in digests]
    manifests = sum(count for path, count in counted.items() if "/manifests/" in path)
    once = set(blobs) == {1}
    word = "met" if once and manifests == 1 else "missed"
    print(f"{CLIENTS} first pulls of one image: GETs of its blobs {blobs}, of its manifest "
          f"{manifests}; wanted 1 each: {word}")  # fmt: skip
    return once


def _tell(
    what: str, ratio: float, wanted: float, ones: Sequence[float], others: Sequence[float]
) -> None:
    word = "met" if ratio >= wanted else "missed"
    rates = f"{statistics.median(ones):.0f} / {statistics.median(others):.0f} MB/s"
    print(f"{what}: {ratio:.2f} ({rates}), wanted {wanted}: {word}", flush=True)


def main() -> int:
    """Measure, and say what was found; 2 if something needed is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proxied", description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large layer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workdir", help="where the stores are made")
    given = parser.parse_args()
    size = given.size << 20
    try:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=given.workdir)))
            upstream = stack.enter_context(_upstream(folder / "upstream"))
            relay = stack.enter_context(Relay(upstream.port))
            proxy = stack.enter_context(_proxy(folder / "proxy", upstream.port))
            cached(proxy, upstream, size // 4, given.rounds)
            first(proxy, upstream, size, given.rounds, "as fast as this machine is")
            slow = stack.enter_context(Relay(upstream.port, rate=LINE))
            slower = Server(slow.port, "/v2", {})
            behind = stack.enter_context(_proxy(folder / "slow", slow.port))
            first(behind, slower, size, max(given.rounds // 2, 1), "by a line of 1 Gbit/s")
            counted = stack.enter_context(_proxy(folder / "counted", relay.port))
            together(counted, upstream, relay, size // 64)
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    threading.stack_size(1 << 20)
    sys.exit(main())
