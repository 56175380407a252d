"""Killed, or refused by the disk, at every changing system call: see the card of this package.

A run takes a sample that is spread over all flows, modes and kinds of calls, and in it every point
at which a push or a deletion can be killed. With REGISTRY_SOAK=1 it takes every point there is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest

from tests.faults.injection.bench import Bench, repeatable, work_folder
from tests.faults.injection.flows import FLOWS, Flow
from tests.faults.injection.points import MODES, Mode, Point, sampled
from tests.faults.injection.tracing import TracingRefused
from tests.support.tools import require_tool, skip_or_fail

SOAK: Final = os.environ.get("REGISTRY_SOAK") == "1"
SAMPLE: Final = 3
"""Points of a flow and mode of which not all are tried."""


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    require_tool("strace")
    with repeatable(), work_folder() as folder:
        yield Bench(folder)


def points(bench: Bench, flow: Flow, mode: Mode) -> list[Point]:
    """Return the points that are tried."""
    try:
        found = list(bench.prepared(flow).points)
    except TracingRefused as refused:
        skip_or_fail(f"strace may not trace here: {refused}")
    if SOAK or (flow.thorough and mode.kills):
        return found
    return sampled(found, SAMPLE, f"{flow.name} {mode.name}")


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS.keys())
def test_every_state_is_whole(bench: Bench, flow: Flow, mode: Mode) -> None:
    """What is seen is the old or the new, the error is the right one, and doing it again works."""
    wrong = [
        what for point in points(bench, flow, mode) for what in bench.try_point(flow, mode, point)
    ]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def test_there_are_many_points(bench: Bench) -> None:
    pairs = [(flow, mode) for flow in FLOWS.values() for mode in MODES.values()]
    assert sum(len(points(bench, flow, mode)) for flow, mode in pairs) >= 300
    assert sum(len(bench.prepared(flow).points) for flow, _ in pairs) >= 1200
    assert all(points(bench, flow, mode) for flow, mode in pairs)
