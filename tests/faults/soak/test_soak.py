"""No push is refused, no pull fails, nothing deleted is shown, and nothing is left over.

With ``REGISTRY_SOAK=1`` in the environment the run is the long one; see ``figures``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.faults.soak.accounting import Accounting
from tests.faults.soak.figures import CI_OPERATIONS, KEY, asked
from tests.faults.soak.model import Image
from tests.faults.soak.operations import WEIGHTS
from tests.faults.soak.run import run

FIGURES = asked()


@pytest.mark.timeout(FIGURES.limit)
def test_whatever_clients_do_pruning_harms_none_of_them(tmp_path: Path) -> None:
    report = run(tmp_path, FIGURES)
    sys.stdout.write(report.text() + "\n")
    assert not report.problems, report.text()
    assert report.counts["operations"] >= FIGURES.operations
    assert report.counts.keys() >= WEIGHTS.keys() or FIGURES.operations < CI_OPERATIONS
    # As much has gone on beside that as is worth the name of a soak.
    assert report.passes["passes"] >= FIGURES.operations / 50
    assert report.passes["freed names"] >= FIGURES.operations / 10
    assert report.counts["kills of workers"] >= FIGURES.operations / 500
    assert report.counts["kills of pruners"] >= FIGURES.operations / 2_000


def test_a_new_store_is_accounted_for(storage: Path) -> None:
    assert Accounting(storage, [KEY], [], furnished=False).differences() == []


@pytest.mark.parametrize(
    "stray",
    [
        "filestore/sha256/9c/9c12",
        "artifacts/docker-local/app/_layers/sha256__9c12",
        "artifacts/docker-local/_tmp.0123",
        "etc/users/_tmp.0123",
        "trash/entry/deletion.json",
        "uploads/0123.data",
        "_tmp.0123",
    ],
)
def test_the_accounting_sees_what_is_left_over(storage: Path, stray: str) -> None:
    path = storage / stray
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"stray")
    differences = Accounting(storage, [KEY], [], furnished=False).differences()
    assert any(line.startswith(f"unaccounted for: {stray}") for line in differences)


def test_the_accounting_sees_what_is_missing(storage: Path) -> None:
    image = Image(KEY, "team/app")
    assert Accounting(storage, [KEY, "other"], [image], furnished=False).differences() == [
        "missing: etc/repositories/other.json",
        "missing folder: artifacts/other",
    ]
