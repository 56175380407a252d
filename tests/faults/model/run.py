"""Looks at one flow from a shell: its steps, what a power cut may do to it, and its fsyncs.

python -m tests.faults.model.run "push to an image" --trace
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from typing import Final

from tests.faults.model.crashes import Model, Ordered, Weakest
from tests.faults.model.flows import FLOWS
from tests.faults.model.trace import Site, Sync
from tests.faults.model.trial import Trial
from tests.faults.model.workbench import Workbench

MODELS: Final[dict[str, type[Model]]] = {model.name: model for model in (Weakest, Ordered)}
SHOWN: Final = 5
"""Violations of one kind of trial that are shown."""


def arguments() -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.model.run")
    parser.add_argument("flow", choices=FLOWS)
    parser.add_argument("--model", choices=MODELS, default=Weakest.name)
    parser.add_argument("--trace", action="store_true", help="show every step")
    parser.add_argument("--sites", action="store_true", help="leave out each fsync in turn")
    parser.add_argument(
        "--killed-after", type=int, help="kill a process after so many steps before"
    )
    return parser.parse_args()


def run(asked: argparse.Namespace, bench: Workbench) -> int:
    """Look at the flow; return the exit code."""
    trial = Trial(FLOWS[asked.flow], MODELS[asked.model], bench, asked.killed_after)
    if asked.trace:
        for number, step in enumerate(trial.trace.steps, start=1):
            say(f"{number:4} {step.text}" + (f"  <- {step.site}" if isinstance(step, Sync) else ""))
    found = violations(trial)
    for line in found[:SHOWN]:
        say(line)
    say(f"{trial.states} states, {len(found)} of them bad")
    if asked.sites:
        for site, count in trial.trace.sites().items():
            missed = violations(trial, [site])
            say(f"{site.place} {site} ({count}x): {missed[0] if missed else 'not missed'}")
    return 1 if found else 0


def violations(trial: Trial, without: Collection[Site] = ()) -> list[str]:
    return [str(found) for found in trial.violations(trial.crashes(without))]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    with Workbench() as workbench:
        sys.exit(run(arguments(), workbench))
