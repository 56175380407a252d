"""The whole suite in half the time: ``python -m tests.together``.

Two runs of pytest at once: tests with engines, proxies and processes of their own wait much, and
what the other tests need is a core. Their output comes when both have ended, one after the other,
but that of the first one comes at once.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent
OUTSIDE = ("clients", "deploy", "live", "proxy", "security")
"""Folders whose tests run clients, proxies, machines and servers of their own."""
BESIDE = ("races", "soak", "surroundings", "power")
"""Those in ``faults`` that do so, too."""


def parts() -> tuple[list[str], list[str]]:
    """Return the paths of the first and of the second run; together they are all tests."""
    first, second = list[Path](), list[Path]()
    for path in [*_tests(HERE), *_tests(HERE / "faults")]:
        if path.name != "faults":
            (first if path.name in (*OUTSIDE, *BESIDE) else second).append(path)
    return [_shown(path) for path in first], [_shown(path) for path in second]


def _tests(folder: Path) -> Iterator[Path]:
    """Yield the folders and files of tests that are directly in a folder."""
    for path in sorted(folder.iterdir()):
        if (path / "__init__.py").exists() or path.match("test_*.py"):
            yield path


def _shown(path: Path) -> str:
    return str(path.relative_to(HERE.parent))


def main(arguments: Sequence[str]) -> int:
    """Run both; return 0 if both were green."""
    first, second = parts()
    began = time.monotonic()
    with tempfile.TemporaryFile() as output, _run(second, arguments, output) as beside:
        code = subprocess.call(_command(first, arguments))
        code = beside.wait() or code
        output.seek(0)
        sys.stdout.flush()
        for part in iter(lambda: output.read(1 << 16), b""):
            sys.stdout.buffer.write(part)
        sys.stdout.flush()
    seconds = time.monotonic() - began
    sys.stdout.write(f"both runs: {seconds:.0f} s, {'green' if code == 0 else 'NOT green'}\n")
    return code


def _command(paths: Sequence[str], arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments, *paths]


@contextlib.contextmanager
def _run(
    paths: Sequence[str], arguments: Sequence[str], output: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run pytest beside; whatever happens here, it does not go on for itself."""
    process = subprocess.Popen(_command(paths, arguments), stdout=output, stderr=output)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
