"""What is done under faults: one entry a flow.

A new flow is a function in one of the modules named below, and a line in the table. All begin with
the same small registry, see `pushes.furnish`, and with what a flow needs besides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from registry.services.instance import Instance
from tests.faults.injection import administration, deletions, pushes, transfers
from tests.faults.injection.sweeping import prune

Step = Callable[[Instance], object]


@dataclass(frozen=True, slots=True)
class Flow:
    """One operation of a registry."""

    name: str
    run: Step
    given: Step | None = None
    """What the registry has besides."""
    again: Step | None = None
    """How a client does it again, where that is not simply once more."""
    done: tuple[str, ...] = ()
    """The errors by which a client learns that it has been done already."""
    empty: bool = False
    """Whether there is no registry before."""
    errors: tuple[str, ...] = ()
    """Further errors that may tell of a failed disk."""
    leaves: tuple[str, ...] = ()
    """Leftovers that it may have after a failure besides `leftovers.AFTER_ERROR`."""
    lingers: tuple[str, ...] = ()
    """How the names begin of what may still be seen when it has been done in two halves."""
    untold: tuple[str, ...] = ()
    """How the paths begin of which it may keep to itself that the disk is full."""
    thorough: bool = False
    """Whether it is killed at every point even where time is short."""


def deletion(
    name: str,
    run: Step,
    given: Step | None = None,
    *,
    lingers: tuple[str, ...] = (),
    thorough: bool = False,
) -> Flow:
    """Return the flow of a deletion; half-way it leaves what nobody sees, or what is whole."""
    done = ("ManifestUnknown", "BlobUnknown", "ImageUnknown")
    leaves = ("stale link", "sidecar", "unfinished manifest", "dangling referrer", "staged")
    return Flow(name, run, given, done=done, leaves=leaves, lingers=lingers, thorough=thorough)


STALE: Final = ("stale link", "temporary")
UPLOAD: Final = ("upload",)
LITTER: Final = ("stale link", "staged", "temporary", "unfinished manifest", "upload")
REMOVED: Final = ("trash/_tmp.",)
"""Without room for another name, what goes from the trash goes under the one that it has."""
RECORD: Final = ("pruning.json", "_tmp.", "filestore/", *REMOVED)

TABLE: Final = (
    Flow("push", pushes.push, thorough=True),
    Flow("push-further", pushes.push_further, thorough=True),
    Flow("push-referrer", pushes.push_referrer),
    Flow("push-digest", pushes.push_digest_with_tags),
    Flow("push-chunked", pushes.push_chunked, leaves=UPLOAD, thorough=True),
    Flow(
        "finish-upload",
        pushes.finish_pending,
        pushes.begin_upload,
        pushes.finish_or_push,
        leaves=UPLOAD,
    ),
    Flow(
        "cancel-upload", pushes.cancel, pushes.begin_upload, done=("UploadUnknown",), leaves=UPLOAD
    ),
    Flow("push-index", pushes.push_index, thorough=True),
    Flow("mount", pushes.mount),
    Flow("overwrite", pushes.overwrite, leaves=STALE),
    Flow("overwrite-with-index", pushes.overwrite_with_index, leaves=STALE),
    Flow("overwrite-index", pushes.overwrite_index, pushes.tagged_index, leaves=STALE),
    Flow("promote", transfers.promote, transfers.family, leaves=STALE),
    # Broken off when its tag is gone, what belonged to it goes as what lost its last tag does.
    Flow(
        "move",
        transfers.move,
        transfers.family,
        done=("ManifestUnknown",),
        leaves=(*STALE, "unfinished manifest", "sidecar", "dangling referrer"),
        lingers=("digest docker-local/", "manifest docker-local/", "referrers docker-local/"),
    ),
    deletion("untag", deletions.untag, thorough=True),
    # Whose tag is gone is not told of the manifest; it goes as those do that lost their last tag.
    deletion(
        "delete-tag", deletions.delete_tag, lingers=("manifest ", "referrers "), thorough=True
    ),
    deletion("delete-digest", deletions.delete_digest, deletions.second_tag, thorough=True),
    deletion("delete-index", deletions.delete_index, pushes.tagged_index),
    deletion("delete-referrer", deletions.delete_referrer, pushes.push_referrer),
    deletion("delete-image", deletions.delete_image, pushes.push_referrer),
    deletion("delete-many", deletions.delete_image, deletions.many_tags),
    deletion("delete-blob", deletions.delete_blob, deletions.loose_blob, thorough=True),
    Flow("restore", deletions.restore, deletions.delete_tag, done=("TrashUnknown",)),
    Flow("restore-index", deletions.restore, deletions.deleted_index, done=("TrashUnknown",)),
    Flow("trash-empty", deletions.empty_trash, deletions.delete_image, untold=REMOVED),
    # A pass goes on after a failure, and says at its end that images were left out, not why.
    Flow(
        "prune",
        prune,
        deletions.littered,
        errors=("StorageFailed",),
        leaves=LITTER,
        untold=RECORD,
        thorough=True,
    ),
    Flow("first-start", administration.first_start, empty=True, errors=("StorageUnusable",)),
    Flow("user-add", administration.add_user, done=("UserExists",)),
    Flow("user-password", administration.change_password),
    Flow("user-remove", administration.remove_user, done=("UserUnknown",)),
    Flow("keys-rotate", administration.rotate_keys, again=administration.rotate_again),
    Flow("repository-create", administration.create_repository, done=("RepositoryExists",)),
    Flow("repository-set", administration.set_repository),
    Flow("repository-remove", administration.remove_repository, done=("RepositoryUnknown",)),
    Flow(
        "repository-delete",
        administration.delete_repository,
        leaves=("staged",),
        done=("RepositoryUnknown",),
    ),
    Flow(
        "repository-restore",
        administration.restore_repository,
        administration.delete_repository,
        leaves=("staged",),
        untold=REMOVED,
        done=("TrashUnknown",),
    ),
)
FLOWS: Final = {flow.name: flow for flow in TABLE}
