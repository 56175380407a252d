"""After a power cut at any moment everything that was acknowledged is there, and whole.

With ``REGISTRY_SOAK=1`` in the environment the look is longer, and at all filesystems.
"""

from __future__ import annotations

import os

import pytest

from tests.faults.power.filesystems import FILESYSTEMS, PROMISED
from tests.faults.power.flows import FLOWS
from tests.faults.power.harness import run
from tests.faults.power.report import Run
from tests.support.tools import require_tool

SOAK = os.environ.get("REGISTRY_SOAK") == "1"
STATES = 500 if SOAK else 30
ROUNDS = 4 if SOAK else 1
"""How many times as often as for a short look the flows do their operations."""
LOOKS = [
    (flow, filesystem)
    for filesystem in PROMISED
    for flow in FLOWS
    if SOAK or filesystem == "ext4" or flow in ("push", "overwrite", "delete")
]
"""Which flow is looked at on which filesystem."""


@pytest.mark.usefixtures("may_mount")
@pytest.mark.parametrize(("flow", "filesystem"), LOOKS)
def test_what_was_acknowledged_survives(flow: str, filesystem: str) -> None:
    require_tool(FILESYSTEMS[filesystem].tool)
    report = run(Run(flow, filesystem, STATES, FLOWS[flow].rounds * ROUNDS))
    assert not report.problems, report.text()
    # A flow that writes little may have fewer moments than that.
    assert report.states >= STATES * 0.8


@pytest.mark.usefixtures("may_mount")
@pytest.mark.parametrize(
    ("flow", "syncs", "kind"),
    [
        ("push", "none", "acknowledged tag lost"),
        ("push", "files", "acknowledged tag lost"),
        ("push", "folders", "damaged"),
        ("overwrite", "folders", "incomplete"),
        ("delete", "files", "deletion not durable"),
        ("settings", "none", "acknowledged entry lost"),
    ],
)
def test_fsyncs_that_are_left_out_are_missed(flow: str, syncs: str, kind: str) -> None:
    """The harness can fail: a registry that saves fsyncs is found out."""
    require_tool(FILESYSTEMS["ext4"].tool)
    report = run(Run(flow, "ext4", 20, syncs=syncs))
    assert report.kinds()[kind] > 0, report.text()


@pytest.mark.usefixtures("may_mount")
def test_a_damaged_sidecar_hides_no_tag() -> None:
    """What is recorded beside a manifest may be lost; the manifest is all that a pull needs."""
    require_tool(FILESYSTEMS["ext4"].tool)
    report = run(Run("push", "ext4", STATES, syncs="without:manifests.stage"))
    assert any(place.startswith("manifests.stage:") for place in report.syncs)
    assert not report.problems, report.text()
