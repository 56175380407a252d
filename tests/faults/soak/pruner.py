"""A process that prunes again and again, without the lock that keeps passes apart.

``python -m tests.faults.soak.pruner SETTINGS REPORTS PAUSE``: a line for each pass goes to the
file REPORTS.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path

from registry import config
from registry.repositories.definitions import Definitions
from registry.services.pruning import Limits, Pruning
from registry.storage.store import Store


def main() -> None:
    settings = config.load(sys.argv[1], os.environ, {})
    store = Store(settings.storage_root, settings.lease_renewal)
    limits = Limits(
        settings.prune_grace, settings.prune_hold, settings.trash_lifetime,
        settings.upload_lifetime, settings.prune_limit,
    )  # fmt: skip
    pruning = Pruning(store, Definitions(store), limits)
    with Path(sys.argv[2]).open("a", encoding="utf-8") as reports:
        while True:
            reports.write(one_pass(pruning) + "\n")
            reports.flush()
            time.sleep(float(sys.argv[3]))


def one_pass(pruning: Pruning) -> str:
    """Make a pass, and return what it did as a line of JSON."""
    try:
        return json.dumps(pruning.run().document())
    except Exception:
        return json.dumps({"defect": traceback.format_exc()})


if __name__ == "__main__":
    main()
