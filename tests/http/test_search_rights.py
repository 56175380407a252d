"""Searches tell nobody of what he may not read, and count it neither."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from registry.config import Config
from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from registry.web.application import make_application
from tests.conftest import Client, opened
from tests.http.searched import APP, CHILD, EVERYTHING, HEX, LIST, STAGED, TWO, aql, fill, places
from tests.http.support import KEY, get_token

READABLE = APP | CHILD | LIST
SEARCHES = (
    "artifact?name=a",
    "prop?k=v",
    f"checksum?sha256={HEX}",
    "pattern?pattern=docker-local:*",
)
KNOWN_USERS_ONLY = (
    "creation?from=0",
    "dates?dateFields=created&from=0",
    "usage?notUsedSince=1000",
)


@pytest.fixture(autouse=True)
def filled(client: Client, instance: Instance) -> None:
    fill(client, instance)


@pytest.fixture
def limited(client: Client) -> Client:
    """A client whose token is for one image."""
    return client.with_token(get_token(client, f"repository:{KEY}/team/app:pull"))


def test_b12_what_may_not_be_read_is_neither_found_nor_counted(
    client: Client, limited: Client
) -> None:
    assert places(client, "items.find()") == EVERYTHING
    assert places(limited, "items.find()") == READABLE
    answer = aql(limited, "items.find().limit(2)").get_json()
    assert answer["range"]["total"] == len(READABLE)
    pages = [aql(limited, f"items.find().offset({n}).limit(1)").get_json() for n in range(9)]
    assert [len(page["results"]) for page in pages] == [1] * 7 + [0] * 2


def test_folders_above_what_may_be_read_can_be_seen(limited: Client) -> None:
    found = places(limited, f'items.find({{"type":"folder","repo":"{KEY}"}})')
    assert f"{KEY}/./team" in found
    assert f"{KEY}/team/app" in found
    assert not any("other" in place for place in found)
    assert "docker-stage/./team" not in places(limited, 'items.find({"type":"any"})')


def test_the_smaller_searches_do_the_same(limited: Client) -> None:
    for search in (f"checksum?sha256={HEX}", "artifact?name=manifest", "prop?docker.manifest"):
        answer = limited.get(f"/artifactory/api/search/{search}")
        assert answer.status_code == 200
        uris = [result["uri"] for result in answer.get_json()["results"]]
        assert uris
        assert all(f"/{KEY}/team/app/" in uri for uri in uris)
    answer = limited.get("/api/search/pattern?pattern=docker-local:team/*/*/*.json")
    assert all(name.startswith("team/app/") for name in answer.get_json()["files"])


def test_what_the_patterns_of_a_repository_exclude_is_not_there(
    client: Client, instance: Instance
) -> None:
    instance.definitions.update(RepositoryKey(KEY), {"excludesPattern": "team/other/**"})
    assert places(client, "items.find()") == EVERYTHING - TWO


def test_a_blacked_out_repository_has_nothing(client: Client, instance: Instance) -> None:
    instance.definitions.update(RepositoryKey(KEY), {"blackedOut": True})
    assert places(client, "items.find()") == STAGED
    assert places(client, 'items.find({"repo":"docker"})') == set()


def test_what_a_removed_repository_leaves_is_not_found(client: Client, config: Config) -> None:
    os.unlink(f"{config.storage_root}/etc/repositories/docker-stage.json")
    assert places(client, "items.find()") == EVERYTHING - STAGED
    assert places(client, 'items.find({"repo":"docker-stage"})') == set()


def test_nobody_searches_where_nobody_may_read(client: Client) -> None:
    for search in (*SEARCHES, *KNOWN_USERS_ONLY, "versions"):
        answer = client.request("GET", f"/artifactory/api/search/{search}", anonymous=True)
        assert answer.status_code == 401, search
        assert answer.get_json()["errors"][0]["status"] == 401
    assert aql(client, "items.find()", anonymous=True).status_code == 401
    assert aql(client, "nonsense", anonymous=True).status_code == 401


@pytest.fixture
def public(config: Config) -> Iterator[Client]:
    """A client of the same registry, where everybody may pull."""
    for instance in opened(replace(config, anonymous_pull=True)):
        yield Client(make_application(instance))


def test_anonymous_callers_find_what_they_may_pull(public: Client) -> None:
    answer = aql(public, "items.find()", anonymous=True)
    assert answer.status_code == 200
    assert answer.get_json()["range"]["total"] == len(EVERYTHING)
    for search in SEARCHES:
        path = f"/artifactory/api/search/{search}"
        assert public.request("GET", path, anonymous=True).status_code == 200, search
    for search in KNOWN_USERS_ONLY:
        path = f"/artifactory/api/search/{search}"
        answer = public.request("GET", path, anonymous=True)
        assert answer.status_code == 401, search
        assert answer.get_json()["errors"][0]["status"] == 401
        assert public.get(path).status_code == 200
