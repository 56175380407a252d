"""The command line: what is measured, in which order, and what is printed."""

import argparse
import contextlib
import importlib.util
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from benchmarks import front, ours, peer
from benchmarks.big_layers import Memory, Pull, PushMonolithic, PushStreamed
from benchmarks.errors import CannotStart, MeasurementFailed
from benchmarks.hot_reads import BlobGet, ManifestGet
from benchmarks.registry import Registry
from benchmarks.report import SIDES, Row, table
from benchmarks.small_images import SmallImages
from benchmarks.workload import Settings, Workload

MIB = 1 << 20
WORKLOADS: tuple[type[Workload], ...] = (
    PushStreamed,
    PushMonolithic,
    Pull,
    Memory,
    SmallImages,
    ManifestGet,
    BlobGet,
)
# Both servers keep what each round pushed: three workloads push in it, on two servers.
LAYERS_KEPT_PER_ROUND = 4
LAYERS_KEPT_ONCE = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when all was measured, 1 when something failed, 2 when it cannot run."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        return _run(options)
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 2
    except MeasurementFailed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="Measure this registry side by side with Debian's docker-registry.",
        epilog="workloads: " + "; ".join(f"{kind.name}: {kind.about}" for kind in WORKLOADS),
    )
    names = [kind.name for kind in WORKLOADS]
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument(
        "--quick", action="store_true", help="64 MiB, two short rounds: a trial, not a figure"
    )
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help="one workload; repeatable"
    )
    parser.add_argument(
        "--behind", choices=["nginx"], help="put one nginx in front of both, and compare with it"
    )
    parser.add_argument(
        "--peer", default=peer.PROGRAM, metavar="PROGRAM",
        help="the reference registry to compare with, such as a build of version 3 (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each workload")
    parser.add_argument(
        "--server", metavar="URL", help="measure this running server instead of starting ours"
    )
    parser.add_argument("--user", default=ours.USER, help="user for --server (%(default)s)")
    parser.add_argument(
        "--prefix", default=ours.PREFIX, help="image path for --server (%(default)s)"
    )
    parser.add_argument(
        "--workdir", type=Path, metavar="DIR", help="where the temporary folder goes"
    )
    return parser


def _run(options: argparse.Namespace) -> int:
    chosen = [kind for kind in WORKLOADS if not options.only or kind.name in options.only]
    _check_tools(chosen, options.peer, behind=bool(options.behind))
    parent = options.workdir or Path(tempfile.gettempdir())
    if not parent.is_dir():
        raise CannotStart(f"The working folder {parent} does not exist.")
    with (
        tempfile.TemporaryDirectory(prefix="registry-bench-", dir=parent) as name,
        contextlib.ExitStack() as stack,
    ):
        settings = _settings(options, Path(name))
        _check_space(settings)
        registries = _start(options, settings, stack)
        rows: list[Row] = []
        failures: list[str] = []
        for kind in chosen:
            try:
                rows += _measure(kind(settings), registries)
            except (MeasurementFailed, OSError) as error:
                failures.append(f"{kind.name}: {error}")
        _print(options, rows, failures)
        if options.json:
            options.json.write_text(json.dumps(_document(options, rows, failures), indent=2) + "\n")
    return 1 if failures else 0


def _measure(workload: Workload, registries: Sequence[Registry]) -> list[Row]:
    rows = [Row(workload.name, metric) for metric in workload.metrics()]

    def note(side: str, figures: dict[str, float]) -> None:
        for row in rows:
            if row.metric.key in figures:
                row.figures[side].append(figures[row.metric.key])

    try:
        _progress(f"{workload.name}: preparing")
        workload.prepare(registries)
        for number in range(workload.rounds):
            _progress(f"{workload.name}: round {number + 1} of {workload.rounds}")
            workload.next_round()
            # Who goes first changes each round, so that neither always finds a calmer machine.
            for registry in registries if number % 2 == 0 else registries[::-1]:
                try:
                    note(registry.label, workload.measure(registry))
                except MeasurementFailed as error:
                    raise MeasurementFailed(f"{registry.label}: {error}") from error
            note("machine", workload.machine())
    finally:
        workload.close()
    return rows


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _start(
    options: argparse.Namespace, settings: Settings, stack: contextlib.ExitStack
) -> list[Registry]:
    """Start both servers, and nginx in front of them if that is wanted."""
    if not options.behind:
        return [
            stack.enter_context(_ours(options, settings)),
            stack.enter_context(_peer(options.peer, settings)),
        ]
    place = settings.front
    if place is None:
        raise CannotStart("There is no front.")
    for name in ("ours", "peer"):
        (settings.folder / name).mkdir()
    left = stack.enter_context(ours.start(settings.folder / "ours", place))
    right = stack.enter_context(peer.start(options.peer, settings.folder / "peer", place.peer_port))
    written = front.settings_file(place, settings.folder / "ours" / "storage")
    stack.enter_context(front.start(place, ours.ROOT, written, right.backend))
    return [left, right]


@contextlib.contextmanager
def _ours(options: argparse.Namespace, settings: Settings) -> Iterator[Registry]:
    folder = settings.folder / "ours"
    folder.mkdir()
    if options.server:
        password = os.environ.get("REGISTRY_ADMIN_PASSWORD", "")
        with ours.attach(options.server, options.prefix, options.user, password) as registry:
            yield registry
    else:
        with ours.start(folder) as registry:
            yield registry


@contextlib.contextmanager
def _peer(program: str, settings: Settings) -> Iterator[Registry]:
    folder = settings.folder / "peer"
    folder.mkdir()
    with peer.start(program, folder) as registry:
        yield registry


def _settings(options: argparse.Namespace, folder: Path) -> Settings:
    quick = bool(options.quick)
    place = front.prepare(folder) if options.behind else None
    return Settings(
        folder=folder,
        layer_bytes=(64 if quick else 256) * MIB,
        rounds=max(1, options.rounds or (2 if quick else 5)),
        images_per_client=4 if quick else 12,
        wrk_seconds=2 if quick else 5,
        front=place,
    )


def _check_tools(chosen: Sequence[type[Workload]], program: str, *, behind: bool) -> None:
    wanted = [program, "openssl", *(tool for kind in chosen for tool in kind.tools)]
    wanted += [front.PROGRAM] if behind else []
    missing = sorted({tool for tool in wanted if shutil.which(tool) is None})
    if missing:
        raise CannotStart(
            f"Missing: {', '.join(missing)}. Install with: apt-get install {' '.join(missing)}"
        )
    if importlib.util.find_spec("waitress") is None:
        raise CannotStart("This Python has no waitress: run with the one that serves the registry.")


def _check_space(settings: Settings) -> None:
    layers = LAYERS_KEPT_PER_ROUND * settings.rounds + LAYERS_KEPT_ONCE
    needed = layers * settings.layer_bytes
    free = shutil.disk_usage(settings.folder).free
    if free < needed:
        raise CannotStart(
            f"The benchmark needs {needed // MIB} MiB free and {settings.folder.parent} has"
            f" {free // MIB} MiB: give another folder with --workdir."
        )


def _print(options: argparse.Namespace, rows: Sequence[Row], failures: Sequence[str]) -> None:
    print(table(rows))
    print("\nMedians of all rounds; ratio and best (of the best rounds): above 1, ours is better.")
    print(f"Peer: {peer.version(options.peer)}.")
    print(f"Machine: {os.cpu_count()} cores; Python {platform.python_version()}.")
    if options.behind:
        print(f"Both behind one nginx {front.version()}; the machine's pull is a file of nginx's.")
    if options.quick:
        print("A quick run: the targets are meant for a full one.")
    for failure in failures:
        print(f"NOT MEASURED {failure}")


def _document(
    options: argparse.Namespace, rows: Sequence[Row], failures: Sequence[str]
) -> dict[str, Any]:
    return {
        "quick": bool(options.quick),
        "peer": peer.version(options.peer),
        "behind": f"nginx {front.version()}" if options.behind else None,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "sides": list(SIDES),
        "rows": [row.document() for row in rows],
        "failures": list(failures),
    }


def _leave(number: int, frame: object) -> NoReturn:
    # An exception, not a sudden end, lets every context end its processes and files.
    raise SystemExit(128 + number)
