"""What is measured: each function does one comparison, and says what it has found."""

import os
import statistics
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks import wrk
from benchmarks.proxied.servers import IMAGE, LOCAL, MANIFEST, VIRTUAL, Server
from benchmarks.relay import Relay

CLIENTS = 50
LEAST_CACHED = 0.9
"""What pulls from a cache should reach of those from a local repository."""
LEAST_FIRST = 0.8
"""What a first pull should reach of a direct one."""
_SMALL = 4096
_WRK_SECONDS = 3


def cached(proxy: Server, upstream: Server, size: int, rounds: int) -> None:
    """Tell how fast pulls from the cache are beside those from a local repository."""
    layer, small = os.urandom(size), os.urandom(_SMALL)
    local, virtual = proxy.beside(LOCAL), proxy.beside(VIRTUAL)
    digests = upstream.push("cached", layer, small)
    local.push("cached", layer, small)
    del layer
    for server in (proxy, virtual):
        server.pull_image("cached", digests)
    _tell_cached(
        f"layer of {size >> 20} MiB",
        "MB/s",
        {
            server: [size / server.pull(digests[1])[1] / 1e6 for _ in range(rounds)]
            for server in (local, proxy, virtual)
        },
    )
    for what, path in (
        ("manifest by tag", "manifests/cached"),
        ("blob of 4 KiB", f"blobs/{digests[2]}"),
    ):
        rates: dict[Server, list[float]] = {}
        for _ in range(rounds):
            for server in (local, proxy, virtual):
                headers = {**server.headers, "Accept": MANIFEST}
                load = wrk.run(server.url(path), headers, _WRK_SECONDS)
                rates.setdefault(server, []).append(load.per_second)
        _tell_cached(what, "a second", rates)


def _tell_cached(what: str, unit: str, rates: dict[Server, list[float]]) -> None:
    local, remote, virtual = rates.values()
    for rate, kind in ((remote, "remote"), (virtual, "virtual")):
        name = f"cached pull through a {kind} repository / local pull, {what}"
        _tell(name, LEAST_CACHED, rate, local, unit)


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
            os.sync()
            theirs.append(size / peer.pull(digest)[1] / 1e6)
    _tell(f"first pull / direct pull, {how}", LEAST_FIRST, ours, direct)
    print(f"  first byte later by {statistics.median(later):.0f} ms (wanted: at most 100)")
    if peer is not None:
        _tell("  ours / through the peer as a proxy", 1.0, ours, theirs)


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
