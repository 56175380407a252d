"""What is measured: each function does one comparison, and says what it has found."""

import os
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import wrk
from benchmarks.errors import MeasurementFailed
from benchmarks.proxied.servers import IMAGE, LOCAL, MANIFEST, PASSWORD, VIRTUAL, Server
from benchmarks.relay import Relay

CLIENTS = 50
LEAST_CACHED = 0.9
"""What pulls from a cache should reach of those from a local repository."""
LEAST_FIRST = 0.8
"""What a first pull should reach of a direct one."""
LEAST_SMALL = 0.8
"""The same of requests so small that they are nothing but looking the thing up."""
LEAST_PEER = 1.0
_SMALL = 4096
_LAYERS = 5
_WRK_SECONDS = 3


def cached(proxy: Server, upstream: Server, size: int, rounds: int) -> None:
    """Tell how fast pulls from the cache are beside those from a local repository."""
    layer, small = os.urandom(size), os.urandom(_SMALL)
    layers = [os.urandom(size // 64) for _ in range(_LAYERS)]
    servers = local, _, virtual = proxy.beside(LOCAL), proxy, proxy.beside(VIRTUAL)
    digests = upstream.push("cached", layer, small)
    image = upstream.push("image", *layers)
    local.push("cached", layer, small)
    local.push("image", *layers)
    for server in (proxy, virtual):
        server.pull_image("cached", digests)
        server.pull_image("image", image)

    def pulled(server: Server) -> float:
        began = time.perf_counter()
        server.pull_image("image", image)
        return 1 / (time.perf_counter() - began)

    def rate(path: str) -> Callable[[Server], float]:
        def load(server: Server) -> float:
            headers = {**server.headers, "Accept": MANIFEST}
            return wrk.run(server.url(path), headers, _WRK_SECONDS).per_second

        return load

    for what, unit, wanted, measure in (
        (
            f"layer of {size >> 20} MiB", "MB/s", LEAST_CACHED,
            lambda server: size / server.pull(digests[1])[1] / 1e6,
        ),
        (f"image of {_LAYERS} layers of {size >> 26} MiB", "a second", LEAST_CACHED, pulled),
        ("a manifest by its tag", "a second", LEAST_SMALL, rate("manifests/cached")),
        ("a blob of 4 KiB", "a second", LEAST_SMALL, rate(f"blobs/{digests[2]}")),
    ):  # fmt: skip
        rates: dict[Server, list[float]] = {server: [] for server in servers}
        for _ in range(rounds):
            for server in servers:
                rates[server].append(measure(server))
        for server, kind in ((proxy, "remote"), (virtual, "virtual")):
            name = f"cached pull through a {kind} repository / local pull, {what}"
            _tell(name, wanted, rates[server], rates[local], unit)


def first(
    proxy: Server, upstream: Server, size: int, rounds: int, how: str, peer: Server | None = None
) -> None:
    """Tell how fast a first pull is beside a direct one, and one through the peer as a proxy."""
    direct, ours, theirs, later = [], [], [], []
    for number in range(rounds):
        layer = os.urandom(size)
        digest = upstream.push(f"first-{upstream.port}-{number}", layer)[1]
        del layer
        upstream.pull(digest)
        os.sync()
        began, seconds = upstream.pull(digest)
        direct.append(size / seconds / 1e6)
        through_began, seconds = proxy.pull(digest)
        ours.append(size / seconds / 1e6)
        later.append((through_began - began) * 1000)
        if peer is not None:
            theirs.append(size / peer.pull(digest)[1] / 1e6)
    _tell(f"first pull / direct pull, {how}", LEAST_FIRST, ours, direct)
    print(f"  first byte later by {statistics.median(later):.0f} ms (wanted: at most 100)")
    if peer is not None:
        _tell("  ours / through the peer as a proxy", LEAST_PEER, ours, theirs)


def first_by_client(
    proxy: Server, upstream: Server, size: int, rounds: int, peer: Server, folder: Path
) -> None:
    """The same by skopeo, which compares the digest and writes the layer, as clients do."""
    direct, ours, theirs = list[float](), list[float](), list[float]()
    for number in range(rounds):
        tag = f"client-{number}"
        layer = os.urandom(size)
        upstream.pull(upstream.push(tag, layer)[1])
        del layer
        for server, seconds in ((upstream, direct), (proxy, ours), (peer, theirs)):
            os.sync()
            began = time.perf_counter()
            _copy(server, tag, folder)
            seconds.append(size / (time.perf_counter() - began) / 1e6)
    _tell("first pull / direct pull, by skopeo", LEAST_FIRST, ours, direct)
    _tell("  ours / through the peer as a proxy", LEAST_PEER, ours, theirs)


def _copy(server: Server, tag: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        command = ["skopeo", "copy", "--quiet", "--src-tls-verify=false"]
        if server.headers:
            command += ["--src-creds", f"admin:{PASSWORD}"]
        command += [f"docker://127.0.0.1:{server.port}/{server.name}:{tag}", f"dir:{place}/image"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MeasurementFailed(f"skopeo: {done.stderr.strip()}")


def together(proxy: Server, upstream: Server, relay: Relay, layer: int) -> None:
    """Tell whether parallel first pulls of one image ask upstream for each blob once."""
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


def _tell(
    what: str, wanted: float, ones: Sequence[float], others: Sequence[float], unit: str = "MB/s"
) -> None:
    one, other = statistics.median(ones), statistics.median(others)
    word = "met" if one / other >= wanted else "missed"
    print(f"{what}: {one / other:.2f} ({one:.0f} / {other:.0f} {unit}), wanted {wanted}: {word}",
          flush=True)  # fmt: skip
