"""Repositories over REST: secrets, rights, several at once, and what whole clients do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry.model.names import RepositoryKey
from registry.model.repository_values import MASK
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.repositories import (
    ALL,
    BATCH,
    GOOD,
    HUB,
    UPSTREAM,
    keys,
    read,
    send,
    with_each_kind,
)
from tests.http.support import KEY, get_token
from tests.http.test_web_server import message


@pytest.fixture
def world(client: Client, instance: Instance) -> Client:
    """One repository of each kind, and a user who is no admin."""
    return with_each_kind(client, instance)


# --- secrets and rights --------------------------------------------------------------------------


def test_d12_a_password_is_never_shown_and_survives_its_own_mask(
    world: Client, instance: Instance, storage: Path
) -> None:
    shown = read(world, f"{ALL}/hub")
    assert shown["password"] == MASK
    assert send(world, "POST", f"{ALL}/hub", shown | {"description": "new"}).status_code == 200
    definition = instance.definitions.get(RepositoryKey("hub"))
    assert (definition.text("password"), definition.text("description")) == ("geheim", "new")
    assert (storage / "etc/repositories/hub.json").stat().st_mode & 0o777 == 0o600
    for path in (ALL, f"{ALL}/configurations", f"{BATCH}?names=hub"):
        assert "geheim" not in world.get(path).text


def test_others_see_less_and_change_nothing(world: Client) -> None:
    bob = world.as_user("bob", "password-of-bob")
    assert keys(bob) == keys(world)
    found = read(bob, f"{ALL}/hub")
    assert (
        found
        == read(bob, f"{ALL}/configurations")["REMOTE"][0]
        == read(bob, f"{BATCH}?names=hub")["hub"]
    )
    assert (found["url"], found["rclass"], found["packageType"]) == (UPSTREAM, "remote", "docker")
    assert not {"password", "username", "notes", "proxy"} & found.keys()
    for method, path in (("PUT", f"{ALL}/new"), ("POST", f"{ALL}/hub"), ("DELETE", f"{ALL}/hub"),
                         ("DELETE", f"{ALL}/none"), ("PUT", BATCH), ("POST", BATCH)):  # fmt: skip
        message(send(bob, method, path, GOOD), 403)
    assert keys(world) == ["docker", KEY, "hub"]


def test_a_token_for_an_image_is_not_the_admin(world: Client) -> None:
    limited = world.with_token(get_token(world, f"repository:{KEY}/team/app:pull"))
    assert "notes" not in read(limited, f"{ALL}/hub")
    assert send(limited, "PUT", f"{ALL}/new", GOOD).status_code == 401


def test_nobody_learns_which_repositories_there_are(world: Client) -> None:
    answers = {
        world.request("GET", f"{ALL}/{key}", anonymous=True).data for key in (KEY, "none", "A")
    }
    assert len(answers) == 1
    assert world.request("GET", ALL, anonymous=True).status_code == 401


# --- several at once -----------------------------------------------------------------------------


def test_several_are_created_and_changed_together(client: Client) -> None:
    documents = [{"key": "all", "rclass": "virtual", "repositories": ["hub", "mine"]},
                 {"key": "hub", **HUB}, {"key": "mine", **GOOD}]  # fmt: skip
    made = send(client, "PUT", BATCH, documents)
    assert made.status_code == 201, made.text
    assert [one["key"] for one in json.loads(made.data)] == ["all", "hub", "mine"]
    changed = send(client, "POST", f"/artifactory{BATCH}",
                   [{"key": "hub", "notes": "a"}, {"key": "mine", "notes": "b"}])  # fmt: skip
    assert changed.status_code == 200
    assert [one["notes"] for one in json.loads(changed.data)] == ["a", "b"]
    found = read(client, f"{BATCH}?names=mine,hub,none")
    assert found == {key: read(client, f"{ALL}/{key}") for key in ("hub", "mine")}
    assert read(client, BATCH) == {}


BATCHES: dict[str, tuple[object, str]] = {
    "object": ({"key": "a", **GOOD}, "JSON list"),
    "no key": ([{"key": "a", **GOOD}, GOOD], "with a 'key'"),
    "text": ([{"key": "a", **GOOD}, "b"], "with a 'key'"),
    "twice": ([{"key": "a", **GOOD}, {"key": "a", **GOOD}], "exists already"),
    "taken": ([{"key": "a", **GOOD}, {"key": KEY, **GOOD}], "exists already"),
    "field": ([{"key": "a", **GOOD}, {"key": "b", **GOOD, "notes": 1}], "'notes' is a text"),
    "circle": (
        [{"key": "a", "rclass": "virtual", "repositories": ["b"]},
         {"key": "b", "rclass": "virtual", "repositories": ["a"]}],
        "contain itself",
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", BATCHES)
def test_of_several_all_are_created_or_none(client: Client, wrong: str) -> None:
    documents, said = BATCHES[wrong]
    assert said in message(send(client, "PUT", BATCH, documents), 400)
    assert keys(client) == [KEY]


def test_of_several_all_are_changed_or_none(client: Client) -> None:
    changes = [{"key": KEY, "notes": "x"}, {"key": "none", "notes": "x"}]
    message(send(client, "POST", BATCH, changes), 404)
    message(send(client, "POST", BATCH, [changes[0], {"key": KEY, "rclass": "remote"}]), 400)
    assert read(client, f"{ALL}/{KEY}")["notes"] == ""


# --- whole sequences of clients ------------------------------------------------------------------

PYA: dict[str, Any] = {
    "projectKey": None, "description": None, "notes": None, "includesPattern": "**/*",
    "excludesPattern": "", "repoLayoutRef": "maven-2-default", "propertySets": None,
    "checksumPolicyType": "client-checksums", "handleReleases": True, "maxUniqueSnapshots": 0,
    "snapshotVersionBehavior": "non-unique", "dockerApiVersion": "V2", "yumRootDepth": 0,
    "optionalIndexCompressionFormats": None, "primaryKeyPairRef": None, "cargoInternalIndex": False,
    "blockPushingSchema1": False, "terraformType": "MODULE",
}  # fmt: skip
DOHQ: dict[str, Any] = {
    "rclass": "local", "key": "mine", "description": "", "packageType": "docker", "notes": "",
    "includesPattern": "**/*", "excludesPattern": "", "repoLayoutRef": "maven-2-default",
    "dockerApiVersion": "V1", "checksumPolicyType": "client-checksums", "handleReleases": True,
    "handleSnapshots": True, "maxUniqueSnapshots": 0, "snapshotVersionBehavior": "unique",
    "suppressPomConsistencyChecks": True, "blackedOut": False, "propertySets": [],
    "archiveBrowsingEnabled": True, "yumRootDepth": 0,
}  # fmt: skip


def test_pyartifactory_creates_updates_and_deletes(client: Client) -> None:
    path = f"/artifactory{ALL}/mine"
    assert client.get(path).status_code in (400, 404)
    assert send(client, "PUT", path, {"key": "mine", **GOOD, **PYA}).status_code == 200
    made = read(client, path)
    assert None not in made.values()
    assert {name: made[name] for name, value in PYA.items() if value is not None} == {
        name: value for name, value in PYA.items() if value is not None
    }
    assert send(client, "POST", path, {"key": "mine", "description": "y"}).status_code == 200
    assert read(client, path) == made | {"description": "y"}
    assert client.request("DELETE", path).status_code == 200
    assert client.get(path).status_code in (400, 404)


def test_pyartifactory_sends_a_mask_of_its_own(client: Client, instance: Instance) -> None:
    send(client, "PUT", f"{ALL}/hub", HUB | {"password": "geheim"})
    send(client, "POST", f"{ALL}/hub", HUB | {"password": "**********"})
    assert instance.definitions.get(RepositoryKey("hub")).text("password") == "geheim"


def test_dohq_artifactory_creates_updates_and_deletes(client: Client) -> None:
    path = f"/artifactory{ALL}/mine"
    assert json.loads(client.get(path).data)["errors"]
    assert send(client, "PUT", path, DOHQ).status_code == 200
    assert read(client, path).items() >= DOHQ.items()
    assert send(client, "POST", path, DOHQ | {"description": "y"}).status_code == 200
    assert read(client, path)["description"] == "y"
    assert client.request("DELETE", path).status_code == 200
