"""Dry runs compared with the passes after them."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any, Final

from registry.services.pruning_report import Report
from tests.support.bench import Bench

PREDICTED: Final = ("content", "freed", "set_on_hold", "brought_back", "manifests_deleted",
                    "manifests_kept", "leases_ended", "trash_expired", "trash_entries",
                    "uploads_removed", "skipped", "failed")  # fmt: skip


def listing(root: str) -> dict[str, tuple[Any, ...]]:
    """Return every name with all that is known of it."""
    found = {}
    for folder, folders, names in os.walk(root):
        for name in [*folders, *names]:
            status = os.lstat(f"{folder}/{name}")
            found[os.path.relpath(f"{folder}/{name}", root)] = (
                status.st_ino, status.st_mode, status.st_nlink, status.st_size,
                status.st_mtime_ns, status.st_ctime_ns,
            )  # fmt: skip
    return found


def predicted(report: Report) -> dict[str, Any]:
    """Return what a dry run has to tell exactly."""
    return {name: asdict(report)[name] for name in PREDICTED}


def compare(bench: Bench) -> Report:
    """Make a dry run and a pass; return the report of the latter."""
    before = listing(bench.root)
    dry = bench.prune(dry_run=True)
    assert listing(bench.root) == before
    assert dry.dry_run
    wet = bench.prune()
    assert predicted(dry) == predicted(wet)
    return wet
