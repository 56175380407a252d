"""The command line of `benchmarks.proxied`."""

import argparse
import contextlib
import sys
import tempfile
import threading
from pathlib import Path

import benchmarks.proxied
from benchmarks.errors import CannotStart, MeasurementFailed
from benchmarks.proxied import figures
from benchmarks.proxied.servers import Server, proxy_in, upstream_in
from benchmarks.relay import Relay

LINE = 1.25e8
"""Bytes a second: an upstream is seldom on the same machine."""


def _cached(folder: Path, upstream: Server, size: int, rounds: int) -> None:
    with proxy_in(folder / "cached", upstream.port) as proxy:
        figures.cached(proxy, upstream, size // 4, rounds)


def _first(folder: Path, upstream: Server, size: int, rounds: int) -> None:
    with (
        proxy_in(folder / "first", upstream.port) as proxy,
        upstream_in(folder / "peer", mirrors=upstream.port) as peer,
    ):
        figures.first(proxy, upstream, size, rounds, "as fast as this machine is", peer)
        figures.first_by_client(proxy, upstream, size, rounds, peer, folder)


def _line(folder: Path, upstream: Server, size: int, rounds: int) -> None:
    with (
        Relay(upstream.port, rate=LINE) as line,
        proxy_in(folder / "line", line.port) as proxy,
    ):
        far = Server(line.port, "/v2", {})
        figures.first(proxy, far, size, max(rounds // 2, 1), "by a line of 1 Gbit/s")


def _together(folder: Path, upstream: Server, size: int, rounds: int) -> None:
    with Relay(upstream.port) as relay, proxy_in(folder / "together", relay.port) as proxy:
        figures.together(proxy, upstream, relay, size // 64)


MEASURES = {"cached": _cached, "first": _first, "line": _line, "together": _together}


def main() -> int:
    """Measure, and say what was found; 1 if that failed, 2 if something needed is missing."""
    description = benchmarks.proxied.__doc__
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proxied", description=description)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large layer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("cached", "first", "line", "together"))
    parser.add_argument("--workdir", help="where the stores are made")
    given = parser.parse_args()
    try:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=given.workdir)))
            upstream = stack.enter_context(upstream_in(folder / "upstream"))
            for name, measure in MEASURES.items():
                if given.only in (None, name):
                    measure(folder, upstream, given.size << 20, given.rounds)
    except (CannotStart, MeasurementFailed) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, CannotStart) else 1
    return 0


if __name__ == "__main__":
    threading.stack_size(1 << 20)
    sys.exit(main())
