"""A healthy storage folder has no findings, whatever has been done in it."""

from __future__ import annotations

from registry.model.digests import Digest
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.targets import parse_target
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import KEY, digest_of, encoded, index_object, push, push_image, put_blob
from tests.services.checking.stores import ACTOR, OLD, found, pull_all


def test_nothing_is_found(instance: Instance, client: Client) -> None:
    pull_all(client)
    assert found(instance, deep=True, days=0) == []
    checked = instance.checking.checked
    assert found(instance, days=1) == []
    assert found(instance, days=1000) == []
    assert list(instance.checking.run()) == []
    assert instance.checking.checked != checked


def test_whatever_is_deleted(instance: Instance, client: Client) -> None:
    """In every way in which it can be."""
    repository = instance.directory.unguarded_repository(RepositoryKey(KEY))
    image, deep = ImageName("team/app"), ImageName("team/app/deep")
    child = push_image(client, "amd64", layers=(b"child of an index",))
    push(client, "platforms", encoded(index_object([child])))
    loose = push_image(client, "loose", layers=(b"loose",))
    blob = put_blob(client, b"of no manifest")
    steps = (
        lambda: repository.delete_tag(image, Tag("amd64"), ACTOR),
        lambda: repository.delete_manifest(image, Tag("1.0"), ACTOR),
        lambda: repository.delete_manifest(image, Digest(digest_of(loose)), ACTOR),
        lambda: repository.delete_blob(image, Digest(blob), ACTOR),
        lambda: repository.delete_image(deep, ACTOR),
        lambda: instance.trashcan.restore(parse_target(f"{KEY}/{deep}"), ACTOR),
        lambda: instance.trashcan.empty(),
        lambda: instance.definitions.delete(OLD, ACTOR),
        lambda: instance.trashcan.restore(parse_target(OLD), ACTOR),
        lambda: repository.delete_image(image, ACTOR),
        lambda: instance.users.remove("bob"),
    )
    for step in steps:
        step()
        assert found(instance, deep=True) == []
