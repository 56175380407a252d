"""The tree for one principal: names of what may not be read are not told."""

from __future__ import annotations

import pytest

from registry.access.decision import Decisions
from registry.access.principals import Action, Principal
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.repositories.guarded import GuardedRepository
from registry.repositories.guarded_items import GuardedItems
from registry.repositories.items import LocalItems
from registry.repositories.local import LocalRepository
from registry.services.instance import Instance
from tests.repositories.pushing import KEY, push_image


class ReadsOne(Decisions):
    """Decisions by which the image ``team`` may be read, and no other."""

    def allows(
        self,
        principal: Principal,
        action: Action,
        key: RepositoryKey,
        image: ImageName,
        reference: Reference | None = None,
    ) -> bool:
        return image == "team" and action is Action.READ


@pytest.fixture
def items(instance: Instance) -> GuardedItems:
    """A tree in which an image that may be read has others in its folder that may not."""
    repository = instance.directory.unguarded_repository(KEY)
    assert isinstance(repository, LocalRepository)
    for name in (
        *("team:1.0", "team:both", "team/both:x"),
        *("team/hidden:y", "team/deep/hidden:z", "other:1.0"),
    ):
        image, _, tag = name.partition(":")
        push_image(repository, b"layer", image=ImageName(image), reference=Tag(tag))
    bob = Principal("bob")
    guarded = GuardedRepository(repository, bob, ReadsOne(), "::1")
    return GuardedItems(LocalItems(instance.store, KEY), guarded, bob, "::1")


@pytest.mark.parametrize(
    ("location", "folders"), [("", ["team"]), ("team", ["1.0", "both"]), ("team/both", [])]
)
def test_names_of_images_that_may_not_be_read_are_not_told(
    items: GuardedItems, location: str, folders: list[str]
) -> None:
    found = items.names(items.item(location))
    assert [name for name, is_folder in found if is_folder] == folders
    walked = {item.location for item in items.walk(location) if item.is_folder}
    assert not any("hidden" in at or at.endswith("/x") for at in walked)
