"""How upstreams do, over HTTP: the list, the figures, and what is left in the answers of pulls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.access.permission_targets import PermissionTarget, Section
from registry.config import Config
from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import assert_error
from tests.http.test_metrics import read, value
from tests.http.virtual import APP, DOCKER, ONE, TWO, Upstreams, manifest, members, offer
from tests.support.upstream_answers import error

STATES = "/artifactory/api/docker/upstreams"
PASSWORD = "password-of-bob"
SECRET = "canary-of-the-upstream"
LIMITS = {
    "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600",
    "docker-ratelimit-source": "192.0.2.7",
}  # fmt: skip
ALWAYS = {"retrievalCachePeriodSecs": 0, "failedRetrievalCachePeriodSecs": 0}


@pytest.fixture
def upstreams(instance: Instance) -> Iterator[Upstreams]:
    with members(instance) as made:
        yield made


def states(client: Client) -> dict[str, Any]:
    answer = client.get(STATES)
    assert answer.status_code == 200, answer.text
    return {one["key"]: one for one in json.loads(answer.data)}


def let_bob(client: Client, instance: Instance, *keys: RepositoryKey) -> Client:
    instance.users.add("bob", PASSWORD)
    section = Section(list(keys), ("**",), users={"bob": ("read",)})
    instance.permission_targets.replace(PermissionTarget("for-bob", {"repo": section}))
    return client.as_user("bob", PASSWORD)


def test_each_upstream_is_listed_with_what_was_last_heard(
    client: Client, upstreams: Upstreams
) -> None:
    offer(upstreams[ONE])
    upstreams[ONE].content.headers = LIMITS
    upstreams[TWO].script("/manifests/", error(429, "TOOMANYREQUESTS", "enough", Retry_After="90"))
    assert manifest(client, key=ONE).status_code == 200
    assert manifest(client, key=TWO).status_code == 429
    found = states(client)
    assert list(found) == [ONE, TWO]
    one, two = found[ONE], found[TWO]
    assert (one["url"], one["state"], one["failed"]) == (upstreams[ONE].url, "answers", None)
    assert one["allowance"] == {
        "limit": 100, "remaining": 76, "windowSeconds": 21600,
        "source": "192.0.2.7", "seen": one["allowance"]["seen"],
    }  # fmt: skip
    assert one["allowance"]["seen"] <= one["answered"]
    assert (two["state"], two["allowance"], two["named"]) == ("paused", None, True)
    assert "enough" in two["cause"]
    assert two["pausedUntil"] > two["answered"]


def test_states_follow_what_happens(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    instance.definitions.update(ONE, ALWAYS)
    assert states(client)[ONE]["state"] == "never asked"
    upstreams[ONE].script("/manifests/", error(503, "X"), upstreams[ONE].content.answer)
    manifest(client, key=ONE)
    failed = states(client)[ONE]
    assert (failed["state"], failed["pausedUntil"]) == ("fails", None)
    assert failed["failed"]["cause"] == "'127.0.0.1' answers 503"
    manifest(client, key=ONE)
    assert states(client)[ONE]["state"] == "answers"
    instance.definitions.update(ONE, {"offline": True})
    assert states(client)[ONE]["state"] == "offline"


def test_a_pause_that_is_over_is_none(client: Client, config: Config, upstreams: Upstreams) -> None:
    offer(upstreams[ONE])
    manifest(client, key=ONE)
    path = Path(config.storage_root, "upstreams/one.json")
    over = {"pausedUntil": "2020-01-01T00:00:00.000Z", "cause": "x", "named": True}
    path.write_text(json.dumps(json.loads(path.read_text()) | over))
    found = states(client)[ONE]
    assert (found["state"], found["pausedUntil"], found["cause"]) == ("answers", None, None)


def test_others_see_what_they_may_read_and_no_account(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    offer(upstreams[ONE])
    upstreams[ONE].content.headers = LIMITS
    manifest(client, key=ONE)
    bob = let_bob(client, instance, ONE)
    found = states(bob)
    assert list(found) == [ONE]
    assert found[ONE]["allowance"]["remaining"] == 76
    assert "source" not in found[ONE]["allowance"]
    assert "192.0.2.7" not in bob.get(STATES).text
    assert_error(client.request("GET", STATES, anonymous=True), 401, "UNAUTHORIZED")


def test_no_secret_is_shown_or_noted(
    client: Client, instance: Instance, config: Config, upstreams: Upstreams
) -> None:
    instance.definitions.update(ONE, {"username": "carol", "password": SECRET})
    # By hand, because a definition with that is refused.
    path = Path(config.storage_root, "etc/repositories/one.json")
    document = json.loads(path.read_text())
    document["url"] = document["url"].replace("://", f"://carol:{SECRET}@")
    path.write_text(json.dumps(document))
    offer(upstreams[ONE])
    assert manifest(client, key=ONE).status_code == 200
    shown = client.get(STATES).text
    assert states(client)[ONE]["url"] == upstreams[ONE].url
    noted = Path(config.storage_root, "upstreams/one.json").read_text()
    for text in (shown, noted):
        assert SECRET not in text
        assert "carol" not in text


def test_the_note_goes_to_no_trash_and_does_not_come_back(
    client: Client, config: Config, upstreams: Upstreams
) -> None:
    offer(upstreams[ONE])
    manifest(client, key=ONE)
    path = Path(config.storage_root, "upstreams/one.json")
    assert path.exists()
    assert client.request("DELETE", f"/artifactory/api/repositories/{ONE}").status_code == 200
    assert not path.exists()
    assert list(states(client)) == [TWO]


def test_the_figures_tell_what_is_left_and_who_is_left_alone(
    client: Client, instance: Instance, config: Config, upstreams: Upstreams
) -> None:
    offer(upstreams[ONE])
    upstreams[ONE].content.headers = LIMITS
    upstreams[TWO].script("/manifests/", error(429, "TOOMANYREQUESTS"))
    manifest(client, key=ONE)
    manifest(client, key=TWO)
    found = read(client)
    assert value(found, "registry_upstream_allowance_limit", repository=ONE) == 100
    assert value(found, "registry_upstream_allowance_remaining", repository=ONE) == 76
    assert value(found, "registry_upstream_paused", repository=ONE) == 0
    assert value(found, "registry_upstream_paused", repository=TWO) == 1
    told = {name for name, labels in found if ("repository", TWO) in labels}
    assert "registry_upstream_allowance_limit" not in told
    # One definition that cannot be read costs no other figure.
    Path(config.storage_root, "etc/repositories/two.json").write_text("{")
    assert value(read(client), "registry_upstream_paused", repository=ONE) == 0


def limits_of(answer: Any) -> tuple[str | None, str | None]:
    return answer.headers.get("RateLimit-Limit"), answer.headers.get("RateLimit-Remaining")


@pytest.mark.parametrize("key", [ONE, DOCKER])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_left_is_said_where_upstream_was_asked(
    client: Client, instance: Instance, upstreams: Upstreams, key: RepositoryKey, method: str
) -> None:
    offer(upstreams[ONE])
    upstreams[ONE].content.headers = LIMITS
    path = f"/v2/{key}/{APP}/manifests/1.0"
    fetched = client.request(method, path)
    assert fetched.headers["X-Registry-Cache"] == "fetched"
    assert limits_of(fetched) == ("100;w=21600", "76;w=21600")
    hit = client.request(method, path)
    assert hit.headers["X-Registry-Cache"] == "hit"
    assert limits_of(hit) == (None, None)
    instance.definitions.update(ONE, ALWAYS)
    upstreams[ONE].content.headers = {"ratelimit-remaining": "75"}
    renewed = client.request(method, path)
    assert renewed.headers["X-Registry-Cache"] == "revalidated"
    assert limits_of(renewed) == (None, "75")
    assert "Docker-RateLimit-Source" not in fetched.headers
    upstreams[ONE].content.headers = {}
    assert limits_of(client.request(method, path)) == (None, None)
    upstreams[ONE].down()
    assert limits_of(client.request(method, path)) == (None, None)
