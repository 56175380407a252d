"""The flows: what is there, what is done. One entry each, so a new operation is one line more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.faults.model import operations as do
from tests.faults.model.operations import Work
from tests.faults.model.oracle import PROMISED
from tests.repositories.pushing import push_blob


@dataclass(frozen=True)
class Flow:
    """Operations on a folder that was prepared; each is acknowledged when it has returned."""

    before: tuple[Work, ...]
    operations: tuple[Work, ...]
    repeatable: bool = True
    """Whether all may be done again from any state in between."""
    promised: tuple[str, ...] = PROMISED
    """The kinds of things that are promised, see `oracle`."""
    lasting: bool = True
    """Whether what was done has to stay done; the pruner may find its work undone, and do it
    again."""


FLOWS: Final[dict[str, Flow]] = {
    # Pushing.
    "first push": Flow((do.empty,), (do.push_new,)),
    "chunked push": Flow((do.empty,), (do.push_chunked,)),
    "push to an image": Flow((do.pushed,), (do.push_second,)),
    "push by digest": Flow((do.pushed,), (do.push_by_digest,)),
    "push under several tags": Flow((do.pushed,), (do.push_tags,)),
    "push of an index": Flow((do.pushed,), (do.push_tree,)),
    "push of a referrer": Flow((do.pushed,), (do.push_referrer,)),
    "push below a tag": Flow((do.pushed,), (do.push_deeper,)),
    "same image, another tag": Flow((do.pushed,), (do.push_same,)),
    "same image, same tag": Flow((do.pushed,), (do.push_old,)),
    "overwrite": Flow((do.pushed,), (do.push_new,)),
    "overwrite and back": Flow((do.pushed,), (do.push_new, do.push_old)),
    "image to index": Flow((do.pushed,), (do.push_index,)),
    "image to index to image": Flow((do.pushed,), (do.push_index, do.push_old)),
    "mount": Flow((do.pushed,), (do.mount,)),
    # Promoting.
    "copy to another repository": Flow((do.signed_and_spare,), (do.copy_old,)),
    "copy of an index": Flow((do.signed_and_spare,), (do.copy_tree,)),
    "move to another repository": Flow((do.signed_and_spare,), (do.move_old,), repeatable=False),
    "move of an index": Flow((do.signed_and_spare,), (do.move_tree,), repeatable=False),
    # Deleting, and bringing back.
    "untag": Flow((do.pushed,), (do.untag,), repeatable=False),
    "delete a tag": Flow((do.pushed,), (do.delete_tag,), repeatable=False),
    "delete a digest": Flow((do.pushed_twice,), (do.delete_digest,), repeatable=False),
    "delete a digest without a tag": Flow(
        (do.pushed, do.push_new), (do.delete_digest,), repeatable=False
    ),
    "delete a digest with many tags": Flow((do.pushed_often,), (do.delete_many,), repeatable=False),
    "delete an image": Flow((do.pushed_a_tree,), (do.delete_image,), repeatable=False),
    "delete a blob": Flow(
        (do.pushed, lambda at: push_blob(do.local(at), b"alone")),
        (do.delete_blob,),
        repeatable=False,
        promised=(*PROMISED, "blob"),
    ),
    "delete and push again": Flow((do.pushed,), (do.delete_tag, do.push_new), repeatable=False),
    "restore a tag": Flow((do.deleted,), (do.restore,), repeatable=False),
    "restore an image": Flow((do.pushed_a_tree, do.delete_image), (do.restore,), repeatable=False),
    "prune": Flow(
        (do.waste,), (do.prune,), promised=("manifest", "referrer", "tag"), lasting=False
    ),
    # Users and repositories.
    "start after an upgrade": Flow(
        (do.pushed, do.forget_the_trash), (do.prepared, do.delete_tag), repeatable=False
    ),
    "first start": Flow((), (do.first_start, do.push_new)),
    "add a user": Flow((do.empty,), (do.add_user,), repeatable=False),
    "change a password": Flow((do.empty, do.add_user), (do.change_password,), repeatable=False),
    "remove a user": Flow((do.empty, do.add_user), (do.remove_user,), repeatable=False),
    "create a repository and push": Flow((do.prepared,), (do.create, do.push_new)),
    "change a repository": Flow((do.empty,), (do.change_repository,)),
    "remove a repository": Flow(
        (do.empty, do.create_repository), (do.remove_repository,), repeatable=False
    ),
    "delete a repository": Flow((do.pushed,), (do.delete_repository,), repeatable=False),
    "restore a repository": Flow(
        (do.pushed, do.delete_repository), (do.restore_repository,), repeatable=False
    ),
}
