"""Deleting by place: on each image it is decided, and what may not be read is not there."""

from __future__ import annotations

import pytest

from registry.access.decision import Decisions
from registry.access.principals import Action, Principal
from registry.model.errors import Denied, PathUnknown, RegistryError
from registry.model.names import ImageName, Reference, RepositoryKey
from registry.model.paging import PageRequest
from registry.repositories.guarded import GuardedRepository
from registry.repositories.guarded_items import GuardedItems
from registry.repositories.items import LocalItems
from registry.repositories.local import LocalRepository
from registry.services.instance import Instance
from registry.services.removing import remove_location
from tests.repositories.pushing import KEY, push_image


class ReadsAndDeletes(Decisions):
    """Decisions over two images: one may be read, one deleted, too; others are not known."""

    def allows(
        self,
        principal: Principal,
        action: Action,
        key: RepositoryKey,
        image: ImageName,
        reference: Reference | None = None,
    ) -> bool:
        allowed = {"team/app": (Action.READ, Action.DELETE), "team/read": (Action.READ,)}
        return action in allowed.get(image, ())


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", Denied),
        ("team", Denied),
        ("team/read", Denied),
        ("team/read/1.0", Denied),
        ("team/hidden", PathUnknown),
        ("team/hidden/1.0", PathUnknown),
        ("team/app/none", PathUnknown),
        ("team/app/1.0", None),
        ("team/app", None),
    ],
)
def test_deleting_a_path_decides_on_each_image(
    instance: Instance, path: str, error: type[RegistryError] | None
) -> None:
    """All or nothing; and what may not be read looks like what is not there."""
    repository = instance.directory.unguarded_repository(KEY)
    assert isinstance(repository, LocalRepository)
    names = ("team/app", "team/read", "team/hidden")
    for name in names:
        push_image(repository, b"layer", image=ImageName(name))
    bob = Principal("bob")
    guarded = GuardedRepository(repository, bob, ReadsAndDeletes(), "::1")
    tree = GuardedItems(LocalItems(instance.store, KEY), guarded, bob, "::1")
    if error is None:
        remove_location(guarded, tree, path)
    else:
        with pytest.raises(error):
            remove_location(guarded, tree, path)
    left = [name for name in names if name in repository.images(PageRequest()).names]
    assert left == [name for name in names if error is not None or name != "team/app"]
