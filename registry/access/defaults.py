"""What Artifactory starts with: a group of readers, and two permission targets."""

from __future__ import annotations

import contextlib
from typing import Final

from registry.access.groups import GroupFields, Groups
from registry.access.permission_targets import (
    ANY,
    ANY_REMOTE,
    PermissionTarget,
    PermissionTargets,
    Section,
)
from registry.access.principals import ANONYMOUS
from registry.model.errors import GroupExists, PermissionExists

READERS: Final = "readers"
"""The group that new users join."""
_READ: Final = ("read",)
_FETCH: Final = ("read", "write")
"""As Artifactory has it, where fetching takes the right to write into the cache; not so here."""


def make_defaults(groups: Groups, targets: PermissionTargets) -> list[str]:
    """Make what is missing of it, and return what that was; targets decide from now on.

    Whoever is a user already joins no group by that.
    """
    made = []
    with contextlib.suppress(GroupExists):
        groups.create(READERS, GroupFields("A group for read-only users", auto_join=True))
        made.append(f"the group '{READERS}'")
    for name, repositories, words in (
        ("Anything", ANY, _READ),
        ("Any Remote", ANY_REMOTE, _FETCH),
    ):
        section = Section([repositories], users={ANONYMOUS: words}, groups={READERS: words})
        with contextlib.suppress(PermissionExists):
            targets.create(PermissionTarget(name, {"repo": section}))
            made.append(f"the permission target '{name}'")
    targets.put_in_force()
    return made
