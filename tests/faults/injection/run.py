"""Runs faults from a shell: one point, one flow, or all of them.

python -m tests.faults.injection.run --flow push --mode kill --call fsync --number 3
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.faults.injection.bench import Bench, repeatable, work_folder
from tests.faults.injection.flows import FLOWS
from tests.faults.injection.points import MODES


def arguments() -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.injection.run")
    parser.add_argument("--flow", choices=FLOWS, help="only this flow")
    parser.add_argument("--mode", choices=MODES, help="only this mode")
    parser.add_argument("--call", help="only system calls of this name")
    parser.add_argument("--number", type=int, help="only the call of this number")
    parser.add_argument("--list", action="store_true", help="name the points, and run none")
    parser.add_argument("--folder", type=Path, help="where to work; it is left as it is")
    return parser.parse_args()


def run(asked: argparse.Namespace, folder: Path) -> int:
    """Run the points that were asked for; return the exit code."""
    bench, tried, bad, began = Bench(folder), 0, 0, time.monotonic()
    for flow in (flow for flow in FLOWS.values() if asked.flow in (None, flow.name)):
        for mode in (mode for mode in MODES.values() if asked.mode in (None, mode.name)):
            for point in bench.prepared(flow).points:
                if asked.call not in (None, point.call) or asked.number not in (None, point.number):
                    continue
                tried += 1
                if asked.list:
                    say(f"{flow.name} {mode.name} {point.call} {point.number} {point.path}")
                    continue
                wrong = bench.try_point(flow, mode, point)
                bad += bool(wrong)
                for line in wrong:
                    say(line)
    say(f"{tried} points, {bad} of them bad, {time.monotonic() - began:.1f} s")
    return 1 if bad or not tried else 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    asked = arguments()
    with repeatable(), work_folder() as folder:
        return run(asked, asked.folder or folder)


if __name__ == "__main__":
    sys.exit(main())
