"""The configuration of repositories over REST; sections 2 and 12.1 of Artifactory's contract."""

from __future__ import annotations

import json

import pytest

from registry.config import Config
from registry.model.repository_fields import FIELDS_OF, KINDS, LOCAL, REMOTE, VIRTUAL
from registry.services.instance import Instance
from registry.web.application import make_application
from registry.wiring import build
from tests.conftest import Client
from tests.http.repositories import (
    ALL,
    GOOD,
    HUB,
    UPSTREAM,
    VENDOR,
    assert_text,
    keys,
    read,
    send,
    with_each_kind,
)
from tests.http.support import KEY, push_image
from tests.http.test_web_server import message


@pytest.fixture
def world(client: Client, instance: Instance) -> Client:
    """One repository of each kind, and a user who is no admin."""
    return with_each_kind(client, instance)


# --- lists ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["/artifactory", ""])
@pytest.mark.parametrize("end", ["", "/"])
def test_the_list_has_the_form_of_artifactory(world: Client, prefix: str, end: str) -> None:
    base = "http://localhost/artifactory"
    assert read(world, f"{prefix}{ALL}{end}") == [
        {"key": "docker", "description": "", "type": "VIRTUAL", "url": f"{base}/docker",
         "packageType": "Docker"},
        {"key": KEY, "description": "", "type": "LOCAL", "url": f"{base}/{KEY}",
         "packageType": "Docker"},
        {"key": "hub", "description": "", "type": "REMOTE", "url": UPSTREAM,
         "packageType": "Docker"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?type=", ["docker", KEY, "hub"]), ("?type=local", [KEY]), ("?type=LOCAL", [KEY]),
        ("?type=local,remote", [KEY, "hub"]), ("?type=local&type=virtual", ["docker", KEY]),
        ("?type=federated", []), ("?packageType=docker", ["docker", KEY, "hub"]),
        ("?packageType=Docker&type=remote", ["hub"]), ("?packageType=npm", []),
        ("?project=blue", [KEY]), ("?project=", ["docker", KEY, "hub"]), ("?project=red", []),
        ("?archiveType=zip", ["docker", KEY, "hub"]),
    ],
)  # fmt: skip
def test_the_list_is_limited(world: Client, query: str, expected: list[str]) -> None:
    send(world, "POST", f"{ALL}/{KEY}", {"projectKey": "blue"})
    assert keys(world, query) == expected


def test_all_configurations_come_by_kind(world: Client) -> None:
    found = read(world, f"{ALL}/configurations")
    assert {kind: [one["key"] for one in group] for kind, group in found.items()} == {
        "LOCAL": [KEY], "REMOTE": ["hub"], "VIRTUAL": ["docker"],
    }  # fmt: skip
    assert found["LOCAL"] == [read(world, f"{ALL}/{KEY}")]
    limited = read(world, f"{ALL}/configurations?repoType=remote&packageType=docker")
    assert [len(limited[kind.upper()]) for kind in KINDS] == [0, 1, 0]


def test_existence_is_told(world: Client) -> None:
    assert read(world, f"{ALL}/existence?key=hub&type=remote") == {"exists": True}
    assert read(world, f"{ALL}/existence?key=hub&type=local") == {"exists": False}
    assert read(world, f"{ALL}/existence?repoKey=none") == {"exists": False}
    assert read(world, f"{ALL}/existence?type=remote") == {"exists": True}
    assert read(world, f"{ALL}/existence?type=federated") == {"exists": False}


# --- one repository ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [ALL, f"/artifactory{ALL}", "/api/v2/repositories"])
def test_one_repository_has_all_fields_of_its_kind(world: Client, path: str) -> None:
    for key, kind in ((KEY, LOCAL), ("hub", REMOTE), ("docker", VIRTUAL)):
        found = read(world, f"{path}/{key}")
        assert (found["key"], found["rclass"], found["packageType"]) == (key, kind, "docker")
        assert found.keys() == {"key", "rclass", "packageType"} | FIELDS_OF[kind].keys()
        assert None not in found.values()
        assert world.request("HEAD", f"{path}/{key}").status_code == 200


@pytest.mark.parametrize("key", ["none", "A", "a b", "x" * 500, "hub-cache", "v2"])
def test_an_unknown_repository_is_a_wrong_request(world: Client, key: str) -> None:
    """Artifactory answers 400 when it is asked for one, and clients know that."""
    for path in (f"{ALL}/{key}", f"/api/v2/repositories/{key}"):
        assert "there is no repository" in message(world.get(path), 400)
        assert world.request("HEAD", path).status_code == 400
    message(send(world, "POST", f"{ALL}/{key}", {}), 404)
    message(world.request("DELETE", f"{ALL}/{key}"), 404)


@pytest.mark.parametrize("prefix", ["/artifactory", ""])
def test_a_repository_comes_changes_and_goes(client: Client, prefix: str) -> None:
    path = f"{prefix}{ALL}/mine"
    document = json.dumps({"key": "mine", "rclass": "local", "packageType": "docker"}).encode()
    made = client.request("PUT", f"{path}?pos=0", {"Content-Type": VENDOR}, document)
    assert_text(made, "Successfully created repository 'mine'")
    assert "the repository 'mine' exists" in message(
        send(client, "PUT", path, json.loads(document)), 400
    )
    changed = send(client, "POST", path, {"key": "mine", "description": "y", "maxUniqueTags": 3})
    assert_text(changed, "Repository mine update successfully.")
    assert_text(send(client, "POST", path, {"notes": "n", "description": None}),
                "Repository mine update successfully.")  # fmt: skip
    found = read(client, path)
    assert (found["description"], found["maxUniqueTags"], found["notes"]) == ("y", 3, "n")
    gone = client.request("DELETE", path)
    assert_text(gone, "Repository mine and all its content have been removed successfully.")
    assert keys(client) == [KEY]


LEFTOVERS = {"vcsType": "GIT", "terraformType": "MODULE", "enableNpmSupport": False}
"""What clients send with every kind of package, and want to read again."""


def test_what_belongs_to_other_kinds_of_packages_comes_back(client: Client) -> None:
    send(client, "PUT", f"{ALL}/mine", {"rclass": "local", "projectKey": None, **LEFTOVERS})
    found = read(client, f"{ALL}/mine")
    assert found.items() >= LEFTOVERS.items()
    assert found["projectKey"] == ""


WRONG: dict[str, tuple[str, object, str]] = {
    "no JSON": ("mine", b"{", "no JSON"),
    "no number": ("mine", b'{"rclass":"local","x":NaN}', "no JSON"),
    "deep": ("mine", b"[" * 60_000, "no JSON"),
    "empty": ("mine", b"", "no JSON"),
    "list": ("mine", [GOOD], "JSON object"),
    "other key": ("mine", GOOD | {"key": "other"}, "'key' is 'mine' in the path"),
    "no kind": ("mine", {"packageType": "docker"}, "'rclass' is one of local, remote, virtual"),
    "kind": ("mine", GOOD | {"rclass": "federated"}, "'rclass' is one of"),
    "odd kind": ("mine", GOOD | {"rclass": ["local"]}, "'rclass' is one of"),
    "package": ("mine", GOOD | {"packageType": "npm"}, "only Docker"),
    "value": ("mine", GOOD | {"maxUniqueTags": "many"}, "'maxUniqueTags' is a whole number"),
    "reserved": ("api", GOOD, "reserved"),
    "null": ("null", GOOD, "reserved"),
    "cache": ("mine-cache", GOOD, "-cache"),
    "upper case": ("Docker-Local", GOOD, "lower-case"),
    "digit": ("1a", GOOD, "begins with a letter"),
    "blank": ("a b", GOOD, "lower-case"),
    "no url": ("mine", {"rclass": "remote"}, "needs a 'url'"),
    "no registry": ("mine", HUB | {"url": "file:///etc"}, "'url' is an address"),
    "stranger": ("mine", {"rclass": "virtual", "repositories": ["none"]}, "no repository 'none'"),
    "itself": ("mine", {"rclass": "virtual", "repositories": ["mine"]}, "contain itself"),
    "target": (
        "mine",
        {"rclass": "virtual", "repositories": ["hub"], "defaultDeploymentRepo": "hub"},
        "not a local repository",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_created_is_refused(world: Client, wrong: str) -> None:
    key, document, said = WRONG[wrong]
    assert said in message(send(world, "PUT", f"{ALL}/{key}", document), 400)
    assert keys(world) == ["docker", KEY, "hub"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"rclass": "remote"}, "'rclass' of 'docker-local' is 'local'"), ([], "JSON object"),
        ({"packageType": "npm"}, "only Docker"), ({"key": "x"}, "'key' is"), (b"", "no JSON"),
        ({"dockerApiVersion": "V9"}, "one of V1, V2"),
    ],
)  # fmt: skip
def test_what_cannot_be_changed_is_refused(world: Client, document: object, said: str) -> None:
    before = read(world, f"{ALL}/{KEY}")
    assert said in message(send(world, "POST", f"{ALL}/{KEY}", document), 400)
    assert read(world, f"{ALL}/{KEY}") == before


def test_a_body_beyond_all_measure_is_not_taken(client: Client) -> None:
    message(send(client, "PUT", f"{ALL}/mine", GOOD | {"notes": "x" * 300_000}), 413)


def test_a_repository_goes_with_its_images_and_leaves_the_virtual_ones(world: Client) -> None:
    push_image(world)
    world.request("DELETE", f"{ALL}/{KEY}")
    assert world.get(f"/v2/{KEY}/team/app/manifests/1.0").status_code == 404
    left = read(world, f"{ALL}/docker")
    assert (left["repositories"], left["defaultDeploymentRepo"]) == (["hub"], "")
    assert send(world, "PUT", f"{ALL}/{KEY}", GOOD).status_code == 200
    assert read(world, "/v2/_catalog") == {"repositories": []}


def test_every_worker_knows_at_once(world: Client, config: Config) -> None:
    other = Client(make_application(build(config)))
    assert keys(other) == keys(world)
    send(other, "POST", f"{ALL}/hub", {"description": "new"})
    assert read(world, f"{ALL}/hub")["description"] == "new"
    other.request("DELETE", f"{ALL}/hub")
    assert keys(world) == ["docker", KEY]
