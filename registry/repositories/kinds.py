"""Which class stands for which kind of repository."""

from __future__ import annotations

from registry.repositories.base import Repository
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.local import LocalRepository
from registry.repositories.remote.asked import Upstreams
from registry.repositories.remote.repository import remote_repository
from registry.storage.store import Store


def make_repository(
    store: Store, definition: RepositoryDefinition, upstreams: Upstreams
) -> Repository:
    """Return the repository that a definition is about: a local one, a cache, or a remote one."""
    if definition.is_remote:
        return remote_repository(store, definition, upstreams)
    return LocalRepository(store, definition)
