"""Words of the tests of repositories over REST."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.test import TestResponse

from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import KEY

ALL = "/api/repositories"
BATCH = "/api/v2/repositories/batch"
UPSTREAM = "https://registry.example.com"
HUB = {"rclass": "remote", "packageType": "docker", "url": UPSTREAM}
GOOD = {"rclass": "local", "packageType": "docker"}
VENDOR = "application/vnd.org.jfrog.artifactory.repositories.LocalRepositoryConfiguration+json"


def send(client: Client, method: str, path: str, document: object) -> TestResponse:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return client.request(method, path, {"Content-Type": "application/json"}, data)


def read(client: Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    return json.loads(answer.data)


def keys(client: Client, query: str = "") -> list[str]:
    return [entry["key"] for entry in read(client, f"{ALL}{query}")]


def assert_text(answer: TestResponse, text: str) -> None:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text == f"{text}\n"


def with_each_kind(client: Client, instance: Instance) -> Client:
    """Add a remote and a virtual repository, and a user who is no admin."""
    instance.users.add("bob", "password-of-bob")
    remote = HUB | {"password": "geheim", "notes": "x"}
    virtual = {"rclass": "virtual", "repositories": [KEY, "hub"], "defaultDeploymentRepo": KEY}
    for key, document in (("hub", remote), ("docker", virtual)):
        assert send(client, "PUT", f"{ALL}/{key}", document).status_code == 200
    return client
