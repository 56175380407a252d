"""The whole suite in half the time: ``python -m tests.together``.

Two runs of pytest at once: tests with engines, proxies and processes of their own wait much, and
what the other tests need is a core. Their output comes when both have ended, one after the other,
but that of the first one comes at once.

Two runs at once can starve a test. So the few that have failed are run again, alone, when both have
ended: one that fails then is broken, and one that does not is named as unsteady. That is a defect,
too, of the test or of what it looks at, but none for which everything has to wait.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from tests.support import failed

HERE = Path(__file__).resolve().parent
OUTSIDE = ("clients", "deploy", "live", "proxy", "security")
"""Folders whose tests run clients, proxies, machines and servers of their own."""
BESIDE = ("races", "soak", "surroundings", "power")
"""Those in ``faults`` that do so, too."""
MOST = 3
"""More tests than these do not fail because they were starved."""
_GREEN, _TESTS_FAILED = 0, 1


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
    """Run both, and again what few tests have failed; return 0 if all were green in the end."""
    first, second = parts()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        notes = Path(folder, "first"), Path(folder, "second")
        with _run(second, arguments, output, notes[1]) as beside:
            codes = [subprocess.call(_command(first, arguments), env=_environment(notes[0]))]
            codes.append(beside.wait())
            output.seek(0)
            sys.stdout.flush()
            for part in iter(lambda: output.read(1 << 16), b""):
                sys.stdout.buffer.write(part)
            sys.stdout.flush()
        tests = [test for note in notes for test in failed.read(note)]
    code = next(filter(None, codes), _GREEN)
    if _deserve_it(codes, tests):
        code = _again(tests, arguments)
    seconds = time.monotonic() - began
    sys.stdout.write(f"both runs: {seconds:.0f} s, {'green' if code == 0 else 'NOT green'}\n")
    return code


def _deserve_it(codes: Sequence[int], tests: Sequence[str]) -> bool:
    """Return whether nothing else has happened than that a few tests have failed."""
    return set(codes) <= {_GREEN, _TESTS_FAILED} and 0 < len(tests) <= MOST


def _again(tests: Sequence[str], arguments: Sequence[str]) -> int:
    """Run tests alone; return how that ended."""
    sys.stdout.write(f"again, and alone: {', '.join(tests)}\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory() as folder:
        environment = _environment(Path(folder, "again"))
        code = subprocess.call(_command(tests, arguments), env=environment)
    if code == _GREEN:
        sys.stdout.write("".join(f"UNSTEADY, find out why: {test}\n" for test in tests))
    return code


def _command(paths: Sequence[str], arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", "-p", "tests.support.failed", *arguments, *paths]


def _environment(note: Path) -> dict[str, str]:
    """Return the environment of a run that writes down there what has failed."""
    return {**os.environ, failed.PLACE: str(note)}


@contextlib.contextmanager
def _run(
    paths: Sequence[str], arguments: Sequence[str], output: IO[bytes], note: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run pytest beside; whatever happens here, it does not go on for itself."""
    command, environment = _command(paths, arguments), _environment(note)
    process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
