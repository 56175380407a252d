"""Which member answers, and why: what ``repo resolve`` and its call tell an admin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import assert_error, digest_of, push_image
from tests.http.virtual import APP, DOCKER, LOCAL, ONE, OTHER, TWO, Upstreams, members, offer
from tests.support.upstream_answers import error

RESOLVE = "/artifactory/api/docker/resolve"


@pytest.fixture
def upstreams(instance: Instance) -> Iterator[Upstreams]:
    with members(instance) as made:
        yield made


def explained(client: Client, path: str) -> Any:
    answer = client.get(f"{RESOLVE}?path={path}")
    assert answer.status_code == 200, answer.text
    return json.loads(answer.data)


def outcomes(found: Any) -> dict[str, str]:
    return {one["repository"]: one["outcome"] for one in found["members"]}


def reasons(found: Any) -> dict[str, str]:
    return {one["repository"]: one["reason"] for one in found["members"]}


def test_each_member_is_listed_with_what_became_of_it(client: Client, upstreams: Upstreams) -> None:
    body = offer(upstreams[TWO])
    found = explained(client, f"{DOCKER}/{APP}:1.0")
    assert found["path"] == f"{DOCKER}/{APP}:1.0"
    assert (found["answeredBy"], found["digest"]) == (TWO, digest_of(body))
    assert list(outcomes(found).items()) == [
        (LOCAL, "absent"), (OTHER, "absent"), ("one-cache", "absent"), ("two-cache", "absent"),
        (ONE, "absent"), (TWO, "found"),
    ]  # fmt: skip
    assert [one["repository"] for one in found["members"] if one["answers"]] == [TWO]
    push_image(client)
    found = explained(client, f"{DOCKER}/{APP}:1.0")
    assert found["answeredBy"] == LOCAL
    assert set(outcomes(found).values()) == {"found", "not asked"}
    assert reasons(found)[ONE] == "an earlier member has it"


def test_a_name_of_ours_is_why_upstreams_are_not_asked(
    client: Client, upstreams: Upstreams
) -> None:
    push_image(client, "1.0", f"/v2/{OTHER}/{APP}")
    found = explained(client, f"{DOCKER}/{APP}:2.0")
    assert found["answeredBy"] is None
    assert reasons(found)[ONE] == f"the name is that of an image in the local member '{OTHER}'"
    assert not upstreams[ONE].requests


def test_a_failure_is_told(client: Client, upstreams: Upstreams) -> None:
    upstreams[ONE].script("manifests", error(503, "UNAVAILABLE"))
    found = explained(client, f"{DOCKER}/{APP}:1.0")
    assert found["answeredBy"] is None
    assert found["failure"]
    assert outcomes(found)[ONE] == "failed"
    assert outcomes(found)[TWO] == "not asked"


def test_what_is_excluded_is_told(client: Client, instance: Instance, upstreams: Upstreams) -> None:
    instance.definitions.update(DOCKER, {"excludesPattern": "**/1.0/**"})
    found = explained(client, f"{DOCKER}/{APP}:1.0")
    assert set(outcomes(found).values()) == {"not asked"}
    assert "exclude" in reasons(found)[LOCAL]
    instance.definitions.update(DOCKER, {"excludesPattern": ""})
    instance.definitions.update(ONE, {"excludesPattern": "team/**"})
    assert reasons(explained(client, f"{DOCKER}/{APP}:1.0"))[ONE]
    assert not upstreams[ONE].requests


def test_a_repository_that_is_not_virtual_is_its_only_member(
    client: Client, upstreams: Upstreams
) -> None:
    body = push_image(client)
    found = explained(client, f"{LOCAL}/{APP}@{digest_of(body)}")
    assert outcomes(found) == {LOCAL: "found"}
    offer(upstreams[ONE], "their/app")
    assert explained(client, f"{ONE}/their/app:1.0")["answeredBy"] == ONE
    assert outcomes(explained(client, "one-cache/their/app:1.0")) == {"one-cache": "found"}


def test_only_an_admin_is_told(client: Client, instance: Instance, upstreams: Upstreams) -> None:
    instance.users.add("bob", "password-of-bob")
    path = f"{RESOLVE}?path={DOCKER}/{APP}:1.0"
    assert client.as_user("bob", "password-of-bob").get(path).status_code == 403
    assert client.request("GET", path, anonymous=True).status_code == 401


@pytest.mark.parametrize("path", ["", "docker", f"docker/{APP}", "docker/UPPER:1.0", ":"])
def test_a_path_that_is_none_is_refused(client: Client, path: str) -> None:
    assert client.get(f"{RESOLVE}?path={path}").status_code == 400


def test_an_unknown_repository_is_unknown(client: Client) -> None:
    assert_error(client.get(f"{RESOLVE}?path=none/{APP}:1.0"), 404, "NAME_UNKNOWN")
