"""The first start: a storage folder, an admin, a repository to push to and one to pull from."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from typing import Final

from registry.access.defaults import make_defaults
from registry.model.errors import RepositoryExists, StorageFull, UserExists
from registry.model.names import RepositoryKey
from registry.model.repository_fields import LOCAL, REMOTE, VIRTUAL
from registry.repositories.definition import NewRepository
from registry.services.instance import Instance
from registry.storage import format as storage_format

ADMIN = "admin"
FIRST_REPOSITORY = RepositoryKey("docker-local")
FIRST_REMOTE = RepositoryKey("docker-remote")
FIRST_VIRTUAL = RepositoryKey("docker")
_REPOSITORIES: Final = (
    NewRepository(FIRST_REPOSITORY, LOCAL, {}),
    NewRepository(
        FIRST_REMOTE,
        REMOTE,
        {"url": "https://registry-1.docker.io", "enableTokenAuthentication": True},
    ),
    NewRepository(
        FIRST_VIRTUAL,
        VIRTUAL,
        {
            "repositories": [FIRST_REPOSITORY, FIRST_REMOTE],
            "defaultDeploymentRepo": FIRST_REPOSITORY,
        },
    ),
)
"""What a new storage folder has: one name for what is pushed here and for Docker Hub."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the set-up did."""

    new: bool
    """Whether the storage folder was made by this call."""
    generated_password: str | None
    """The admin's password, if it was made up here; shown once and kept nowhere."""


def set_up(instance: Instance, admin_password: str | None) -> Setup:
    """Make the storage folder ready to serve; what is there already stays as it is.

    Raises:
        StorageUnusable: the folder cannot serve; the message has the remedy.
        UserInvalid: the given admin password cannot be used.
    """
    new = storage_format.prepare(instance.store.layout)
    instance.keys.ensure()
    with contextlib.suppress(StorageFull):
        # The name is made later, then; a full disk can still be pulled from.
        _ = instance.system_info.service_id
    generated = None
    if not any(user.admin for user in instance.users.all()):
        generated = _add_admin(instance, admin_password)
    if new:
        make_defaults(instance.groups, instance.permission_targets)
        for first in _REPOSITORIES:
            with contextlib.suppress(RepositoryExists):
                instance.definitions.create(first.key, first.rclass, first.fields)
        storage_format.stamp(instance.store.layout)
    return Setup(new, generated)


def _add_admin(instance: Instance, password: str | None) -> str | None:
    generated = None if password else secrets.token_urlsafe(15)
    try:
        instance.users.add(ADMIN, password or generated or "", admin=True)
    except UserExists:
        # Another process made it a moment ago, or it has been made an ordinary user on purpose.
        return None
    return generated
