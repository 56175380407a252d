"""One flow on one filesystem: ``python -m tests.faults.power.run --flow push``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile

from tests.faults.power.filesystems import FILESYSTEMS
from tests.faults.power.flows import FLOWS
from tests.faults.power.harness import run
from tests.faults.power.report import Run
from tests.faults.power.syncs import SYNCS


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.power.run", description=__doc__)
    parser.add_argument("--flow", choices=FLOWS, default="push")
    parser.add_argument("--filesystem", choices=FILESYSTEMS, default="ext4")
    parser.add_argument("--states", type=int, default=200, help="power cuts to look at, at most")
    parser.add_argument("--rounds", type=int, help="how often the flow does its operations")
    parser.add_argument("--seed", type=int, default=7, help="of contents and of random subsets")
    parser.add_argument("--keep", action="store_true", help="keep the disks with problems")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--syncs", default="all", metavar="SYNCS",
        help=f"which fsyncs are done: {', '.join(SYNCS)}, or all 'without:' one PLACE",
    )  # fmt: skip
    which.add_argument(
        "--only-final-sync", dest="syncs", action="store_const", const="final",
        help="of the fsyncs of folders, do only the one that settles a manifest",
    )  # fmt: skip
    parser.add_argument("--places", action="store_true", help="show which places ask for fsyncs")
    return parser.parse_args(arguments)


def main() -> int:
    """Run, say what was found, and return how the command ends."""
    options = parsed()
    # What a damaged store makes the registry say is among the problems already.
    logging.disable(logging.CRITICAL)
    keep = tempfile.mkdtemp(prefix="registry-kept-") if options.keep else None
    wanted = Run(
        options.flow, options.filesystem, options.states, options.rounds, options.syncs,
        options.seed, keep,
    )  # fmt: skip
    report = run(wanted)
    sys.stdout.write(report.text() + "\n")
    if options.places:
        lines = (f"{count:5} {place}\n" for place, count in sorted(report.syncs.items()))
        sys.stdout.write("".join(lines))
    if keep is not None and os.listdir(keep):
        sys.stdout.write(f"disks with problems are in {keep}\n")
    elif keep is not None:
        os.rmdir(keep)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
