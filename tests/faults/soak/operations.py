"""Which operations there are, and how often each is drawn."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from typing import Final

from tests.faults.soak import (
    auditing,
    checking,
    deleting,
    limiting,
    pulling,
    pushes,
    restoring,
    reverting,
    sharing,
)
from tests.faults.soak.client import Client, Operation
from tests.faults.soak.wire import Wrong


def prune(client: Client) -> None:
    """Prune by the command, as an admin does beside the running server."""
    done = client.site.server.cli("prune", "--json")
    if done.returncode != 0 and "another pass is under way" not in done.stderr:
        raise Wrong(f"prune: {done.returncode} {done.stdout} {done.stderr}")


WEIGHTS: Final[Mapping[str, tuple[float, Operation]]] = {
    "push": (14, pushes.push_image),
    "push slowly": (3, pushes.push_slowly),
    "push of known blobs": (9, pushes.push_known),
    "push by digest to two tags": (2, pushes.push_to_tags),
    "push to an image of few tags": (3, limiting.push_to_limited),
    "retag": (7, pushes.retag),
    "retag of an untagged manifest": (4, pushes.retag_untagged),
    "push of an index": (4, pushes.push_index),
    "push of a referrer": (3, pushes.push_referrer),
    "upload in vain": (3, pushes.upload_in_vain),
    "pull": (10, pulling.pull),
    "pull of an untagged manifest": (4, pulling.pull_untagged),
    "pull across an overwrite": (1, pulling.pull_across_overwrite),
    "pull across a deletion": (1, pulling.pull_across_deletion),
    "untag": (7, deleting.untag),
    "delete a manifest": (5, deleting.delete_manifest),
    "delete a blob": (4, deleting.delete_blob),
    "delete a tag by its path": (4, deleting.delete_tag_path),
    "delete an image by its path": (1.5, deleting.delete_image_path),
    "restore a tag": (3, restoring.restore_tag),
    "restore an image": (1.5, restoring.restore_image),
    "revert a tag": (3, reverting.revert),
    "delete a repository": (0.4, restoring.delete_repository),
    "push to a shared image": (3, sharing.push_shared),
    "pull of a shared image": (3, sharing.pull_shared),
    "delete in a shared image": (3, sharing.delete_shared),
    "delete the common repository": (0.2, sharing.delete_common),
    "check": (4, checking.check),
    "check of the store": (0.15, auditing.check_store),
    "scrub": (0.1, auditing.scrub),
    "prune": (0.1, prune),
}


def draw(rng: random.Random, without: Collection[str]) -> tuple[str, Operation]:
    """Return the name of an operation, and the operation."""
    names = [name for name in WEIGHTS if name not in without]
    name = rng.choices(names, [WEIGHTS[name][0] for name in names])[0]
    return name, WEIGHTS[name][1]
