"""The caches of remote repositories, as repositories that hold images."""

from __future__ import annotations

import os

import pytest

from registry.model.errors import (
    OperationUnsupported,
    RepositoryExists,
    RepositoryNotEmpty,
    RestoreConflict,
)
from registry.model.names import RepositoryKey
from registry.model.repository_fields import LOCAL, REMOTE, VIRTUAL
from registry.model.targets import Target
from registry.repositories.definition import NewRepository
from registry.repositories.local import LocalRepository
from registry.services.checking import Checking
from registry.services.storage_summary import StorageSummary
from registry.services.usage import Usage
from registry.storage.manifest_files import Place
from tests.repositories.pushing import push_image
from tests.support.accounts import check_accounts
from tests.support.bench import ALICE, IMAGE, KEY, TAG, Bench
from tests.support.travel import DAY

HUB = RepositoryKey("hub")
CACHE = RepositoryKey("hub-cache")
UPSTREAM = {"url": "https://registry.example.com"}


@pytest.fixture
def remote(bench: Bench) -> LocalRepository:
    """What the remote repository fetches into."""
    definition = bench.definitions.create(HUB, REMOTE, UPSTREAM)
    return LocalRepository(bench.store, definition.cache())


def is_there(bench: Bench) -> bool:
    return bench.store.manifests.has_folder(Place(CACHE, IMAGE), TAG)


def test_the_cache_of_a_remote_repository_has_a_definition(bench: Bench) -> None:
    bench.definitions.create(HUB, REMOTE, UPSTREAM)
    found = bench.definitions.get(CACHE)
    assert found.is_cache
    assert found == bench.definitions.find(CACHE)
    assert [one.key for one in bench.definitions.holding()] == [KEY, CACHE]
    assert bench.definitions.all_keys() == [KEY, HUB]
    assert bench.definitions.holder(HUB) == bench.definitions.holder(CACHE) == found
    bench.definitions.update(HUB, {"excludesPattern": "secret/**"})
    assert bench.definitions.get(CACHE).reach.excludes == "secret/**"
    for other in ("docker-local-cache", "hub-cache-cache", "none-cache"):
        assert bench.definitions.find(other) is None


def test_a_cache_is_not_configured_by_itself(bench: Bench) -> None:
    bench.definitions.create(HUB, REMOTE, UPSTREAM)
    for change in (
        lambda: bench.definitions.update(CACHE, {"notes": "x"}),
        lambda: bench.definitions.remove(CACHE),
        lambda: bench.definitions.delete(CACHE, ALICE),
    ):
        with pytest.raises(OperationUnsupported, match="cache of the remote repository 'hub'"):
            change()


def test_no_repository_has_the_name_of_a_cache(bench: Bench) -> None:
    bench.definitions.create(HUB, REMOTE, UPSTREAM)
    for kind, fields in ((LOCAL, {}), (REMOTE, UPSTREAM), (VIRTUAL, {})):
        with pytest.raises(RepositoryExists, match="cache of the remote repository 'hub'"):
            bench.definitions.create(CACHE, kind, fields)
    bench.definitions.create(RepositoryKey("x-cache"), LOCAL, {})
    with pytest.raises(RepositoryExists, match="'x-cache'"):
        bench.definitions.create(RepositoryKey("x"), REMOTE, UPSTREAM)
    both = [
        NewRepository(RepositoryKey("y-cache"), LOCAL, {}),
        NewRepository(RepositoryKey("y"), REMOTE, UPSTREAM),
    ]
    with pytest.raises(RepositoryExists, match="'y-cache'"):
        bench.definitions.create_all(both)
    assert bench.definitions.find("y-cache") is None


def test_a_remote_repository_goes_to_the_trash_with_its_cache_and_comes_back(
    bench: Bench, remote: LocalRepository
) -> None:
    push_image(remote, b"layer")
    with pytest.raises(RepositoryNotEmpty):
        bench.definitions.remove(HUB)
    bench.definitions.delete(HUB, ALICE)
    assert os.listdir(bench.layout.top("artifacts")) == [KEY]
    bench.live_for(DAY)
    bench.trashcan.restore(Target(HUB), ALICE)
    assert is_there(bench)
    bench.settle()
    check_accounts(bench.root)


def test_a_remote_repository_does_not_come_back_over_another_one(
    bench: Bench, remote: LocalRepository
) -> None:
    push_image(remote, b"layer")
    bench.definitions.delete(HUB, ALICE)
    bench.definitions.create(CACHE, LOCAL, {})
    with pytest.raises(RestoreConflict, match="'hub-cache'"):
        bench.trashcan.restore(Target(HUB), ALICE)
    bench.definitions.delete(CACHE, ALICE)
    bench.definitions.create(HUB, REMOTE, UPSTREAM)
    with pytest.raises(RestoreConflict, match="'hub-cache'"):
        bench.trashcan.restore(Target(CACHE), ALICE)


def test_an_empty_remote_repository_can_be_removed(bench: Bench) -> None:
    bench.definitions.create(HUB, REMOTE, UPSTREAM)
    bench.definitions.remove(HUB)
    assert os.listdir(bench.layout.top("artifacts")) == [KEY]


def test_what_is_deleted_from_a_cache_comes_back(bench: Bench, remote: LocalRepository) -> None:
    push_image(remote, b"layer")
    remote.delete_tag(IMAGE, TAG, ALICE)
    assert not is_there(bench)
    bench.trashcan.restore(Target(CACHE, IMAGE, TAG), ALICE)
    assert is_there(bench)


def test_a_cache_is_pruned_checked_and_counted(bench: Bench, remote: LocalRepository) -> None:
    body = push_image(remote, b"layer")
    remote.delete_manifest(IMAGE, TAG, ALICE)
    assert not bench.live_for(12 * DAY, every=3 * DAY).failed
    assert not bench.store.manifests.digests(Place(CACHE, IMAGE))
    assert os.path.isdir(bench.layout.repository(CACHE))
    push_image(remote, b"layer")
    findings = Checking(bench.store, bench.definitions, 2 * DAY).run(deep=True)
    assert not [found for found in findings if "hub" in found.path]
    counted = StorageSummary(bench.store, bench.definitions, has_clock=False).run()
    by_key = {one["key"]: one for one in counted["repositories"]}
    assert by_key["hub-cache"]["kind"] == "CACHE"
    assert by_key["hub-cache"]["bytes"] >= len(body) + len(b"layer")
    usage = Usage(bench.store, bench.definitions)
    assert [part.name for part in usage.of().parts] == [CACHE, KEY]
    assert usage.of(Target(HUB)).total == usage.of(Target(CACHE)).total


def test_a_damaged_definition_does_not_cost_the_cache(
    bench: Bench, remote: LocalRepository
) -> None:
    push_image(remote, b"layer")
    path = bench.layout.repository_definition(HUB)
    with open(path, "r+") as file:
        document = file.read()
        file.seek(0)
        file.truncate()
    bench.live_for(6 * DAY, every=3 * DAY)
    with open(path, "w") as file:
        file.write(document)
    assert is_there(bench)
