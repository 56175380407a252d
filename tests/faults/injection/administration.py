"""What an admin does: users, keys and repositories."""

from __future__ import annotations

from registry.model.names import RepositoryKey
from registry.model.targets import Target
from registry.services.instance import Instance
from registry.services.setup import set_up
from tests.faults.injection.pushes import ADMIN_PASSWORD, NEW_PASSWORD, SPARE
from tests.repositories.pushing import ALICE, KEY


def first_start(instance: Instance) -> None:
    set_up(instance, ADMIN_PASSWORD)


def add_user(instance: Instance) -> None:
    instance.users.add("bob", NEW_PASSWORD)


def change_password(instance: Instance) -> None:
    instance.users.set_password("alice", NEW_PASSWORD)


def remove_user(instance: Instance) -> None:
    instance.users.remove("alice")


def rotate_keys(instance: Instance) -> None:
    instance.keys.rotate()


def rotate_again(instance: Instance) -> None:
    """An admin who was told of a failure looks how many keys there are."""
    if len(instance.keys.current()) < 2:
        instance.keys.rotate()


def create_repository(instance: Instance) -> None:
    instance.definitions.create(RepositoryKey("third-local"), "local", {"description": "third"})


def set_repository(instance: Instance) -> None:
    instance.definitions.update(SPARE, {"description": "changed", "allowSparseIndexes": True})


def delete_repository(instance: Instance) -> None:
    """Delete it with all its images."""
    instance.definitions.delete(KEY, ALICE)


def restore_repository(instance: Instance) -> None:
    instance.trashcan.restore(Target(KEY), ALICE)


def remove_repository(instance: Instance) -> None:
    instance.definitions.remove(SPARE)
