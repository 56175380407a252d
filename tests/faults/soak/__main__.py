"""A run from a shell: ``python -m tests.faults.soak --operations 2000 --seed 7``."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

from tests.faults.soak.figures import asked
from tests.faults.soak.operations import WEIGHTS
from tests.faults.soak.run import run


def main() -> int:
    """Run with the figures of the environment and the options; return the exit code."""
    figures = asked()
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--operations", type=int, default=figures.operations)
    parser.add_argument("--seconds", type=float, default=figures.seconds, help="at least so long")
    parser.add_argument("--seed", type=int, default=figures.seed)
    parser.add_argument("--clients", type=int, default=figures.clients)
    parser.add_argument(
        "--without", action="append", choices=WEIGHTS, default=[], help="an operation to leave out"
    )
    parser.add_argument("--folder", type=Path, help="where to work; it is left as it is")
    options = vars(parser.parse_args())
    folder = options.pop("folder")
    options["without"] = tuple(options["without"])
    with tempfile.TemporaryDirectory(prefix="registry-soak-") as temporary:
        report = run(folder or Path(temporary), dataclasses.replace(figures, **options))
    sys.stdout.write(report.text() + "\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
