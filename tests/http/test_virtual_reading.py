"""Which member of a virtual repository answers, and which is not even asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import CONFIG, LAYER, assert_error, digest_of, encoded, index_object
from tests.http.support import push_image as push
from tests.http.virtual import (
    ABSENT,
    APP,
    DOCKER,
    LOCAL,
    MEMBER,
    ONE,
    OTHER,
    TWO,
    Upstreams,
    blob,
    given,
    manifest,
    members,
    note,
    offer,
)
from tests.support.upstream_answers import challenges, error, replies


@pytest.fixture
def upstreams(instance: Instance) -> Iterator[Upstreams]:
    with members(instance) as made:
        yield made


def put(client: Client, key: str, image: str = APP, tag: str = "1.0", text: str = "") -> bytes:
    return push(client, tag, f"/v2/{key}/{image}", **(note(text) if text else {}))


def test_locals_answer_before_remote_members_in_the_order_in_which_they_stand(
    client: Client, upstreams: Upstreams
) -> None:
    for upstream in upstreams.values():
        offer(upstream, **note("upstream"))
    second = put(client, OTHER, text="second")
    assert given(manifest(client)) == (OTHER, second)
    first = put(client, LOCAL, text="first")
    assert given(manifest(client)) == (LOCAL, first)
    assert not upstreams[ONE].requests + upstreams[TWO].requests


def test_what_no_local_member_has_comes_from_the_first_remote_one(
    client: Client, upstreams: Upstreams
) -> None:
    body = offer(upstreams[TWO])
    assert given(manifest(client)) == (TWO, body)
    assert upstreams[ONE].asked(part="manifests/1.0")
    layer = blob(client, digest_of(LAYER))
    assert given(layer) == (TWO, LAYER)
    other = offer(upstreams[ONE], "team/both", **note("one"))
    offer(upstreams[TWO], "team/both", **note("two"))
    assert given(manifest(client, image="team/both")) == (ONE, other)


def test_a_member_with_priority_answers_before_the_others(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    put(client, LOCAL, text="local")
    theirs = offer(upstreams[TWO], **note("two"))
    instance.definitions.update(TWO, {"priorityResolution": True})
    assert given(manifest(client)) == (TWO, theirs)
    ours = put(client, OTHER, text="other")
    instance.definitions.update(OTHER, {"priorityResolution": True})
    instance.definitions.update(TWO, {"priorityResolution": False})
    assert given(manifest(client)) == (OTHER, ours)


def test_caches_are_looked_at_before_any_upstream_is_asked(
    client: Client, upstreams: Upstreams
) -> None:
    body = offer(upstreams[TWO])
    assert given(manifest(client, key=TWO))[1] == body
    offer(upstreams[ONE], **note("one"))
    assert given(manifest(client)) == (TWO, body)
    assert not upstreams[ONE].requests


def test_a_failed_upstream_is_not_passed_over_for_a_tag(
    client: Client, upstreams: Upstreams
) -> None:
    body = offer(upstreams[TWO])
    upstreams[ONE].script("manifests", error(503, "UNAVAILABLE"))
    answer = manifest(client)
    assert answer.status_code in (404, 502)
    assert b"upstream" in answer.data
    assert not upstreams[TWO].requests
    assert given(manifest(client, digest_of(body))) == (TWO, body)


@pytest.mark.parametrize("status", [401, 403])
def test_an_upstream_that_shows_it_to_nobody_is_passed_over(
    client: Client, instance: Instance, upstreams: Upstreams, status: int
) -> None:
    """Many registries refuse names that they do not know."""
    body = offer(upstreams[TWO])
    instance.definitions.update(ONE, {"hardFail": True})
    realm = f'Bearer realm="{upstreams[ONE].url}/token",service="scripted"'
    upstreams[ONE].script("manifests", challenges(realm) if status == 401 else error(403, "DENIED"))
    upstreams[ONE].script("/token", replies(403))
    assert given(manifest(client)) == (TWO, body)
    assert upstreams[ONE].requests
    assert_error(manifest(client, key=ONE), 404, "MANIFEST_UNKNOWN")


def test_an_upstream_that_takes_our_password_no_more_is_not_passed_over(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    offer(upstreams[TWO])
    login = {"hardFail": True, "username": "us", "password": "of-before"}
    instance.definitions.update(ONE, login)
    upstreams[ONE].script("manifests", challenges('Basic realm="scripted"'))
    assert_error(manifest(client), 502, "UNAVAILABLE")
    assert not upstreams[TWO].requests


def test_a_digest_that_nobody_has_fails_if_somebody_could_not_say(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    instance.definitions.update(ONE, {"hardFail": True})
    upstreams[ONE].script("manifests", error(503, "UNAVAILABLE"))
    assert manifest(client, digest_of(b"nobody")).status_code == 502
    upstreams[ONE].script("blobs", error(503, "UNAVAILABLE"))
    assert blob(client, digest_of(b"nobody")).status_code == 502


def test_what_is_limited_upstream_is_told_to_the_client(
    client: Client, upstreams: Upstreams
) -> None:
    upstreams[ONE].script("manifests", replies(429, b"", Retry_After="77"))
    answer = manifest(client)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"]


def test_what_nobody_has_is_unknown(client: Client, upstreams: Upstreams) -> None:
    assert_error(manifest(client, image=ABSENT), 404, "MANIFEST_UNKNOWN")
    assert_error(blob(client, digest_of(b"x"), ABSENT), 404, "BLOB_UNKNOWN")
    assert_error(client.get(f"/v2/{DOCKER}/{ABSENT}/tags/list"), 404, "NAME_UNKNOWN")
    assert MEMBER not in manifest(client, image=ABSENT).headers


def test_c6_a_name_that_a_local_member_holds_is_never_asked_of_a_remote_one(
    client: Client, upstreams: Upstreams
) -> None:
    put(client, OTHER, tag="ours")
    for upstream in upstreams.values():
        offer(upstream, tag="2.0", layers=(b"evil",))
    assert_error(manifest(client, "2.0"), 404, "MANIFEST_UNKNOWN")
    assert_error(manifest(client, digest_of(b"anything")), 404, "MANIFEST_UNKNOWN")
    assert_error(blob(client, digest_of(b"evil")), 404, "BLOB_UNKNOWN")
    assert not upstreams[ONE].requests + upstreams[TWO].requests
    assert client.request("DELETE", f"/artifactory/{OTHER}/{APP}").status_code == 204
    assert manifest(client, "2.0").status_code == 200


def test_c6_what_was_cached_before_does_not_answer_for_a_name_of_ours(
    client: Client, upstreams: Upstreams
) -> None:
    body = offer(upstreams[ONE], tag="2.0")
    assert given(manifest(client, "2.0"))[0] == ONE
    put(client, LOCAL, tag="1.0")
    assert_error(manifest(client, "2.0"), 404, "MANIFEST_UNKNOWN")
    assert given(manifest(client, digest_of(body)))[1] == body


def test_c6_excluded_names_never_reach_an_upstream(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    for upstream in upstreams.values():
        offer(upstream)
    instance.definitions.update(DOCKER, {"excludesPattern": "team/**"})
    for path in ("manifests/1.0", f"blobs/{digest_of(LAYER)}", "tags/list"):
        assert client.get(f"/v2/{DOCKER}/{APP}/{path}").status_code == 404
    instance.definitions.update(DOCKER, {"excludesPattern": ""})
    instance.definitions.update(ONE, {"excludesPattern": "team/**"})
    assert given(manifest(client))[0] == TWO
    assert not upstreams[ONE].requests


def test_the_latest_of_several_tags_answers_where_that_is_wanted(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    instance.definitions.update(DOCKER, {"resolveDockerTagsByTimestamp": True})
    put(client, LOCAL, text="older")
    later = put(client, OTHER, text="later")
    assert given(manifest(client)) == (OTHER, later)
    latest = put(client, LOCAL, text="latest")
    assert given(manifest(client)) == (LOCAL, latest)


def test_c6_local_beats_remote_also_with_latest_by_timestamp(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    instance.definitions.update(DOCKER, {"resolveDockerTagsByTimestamp": True})
    ours = put(client, OTHER)
    for upstream in upstreams.values():
        offer(upstream, **note("younger"))
    assert given(manifest(client)) == (OTHER, ours)
    assert not upstreams[ONE].requests + upstreams[TWO].requests


def test_of_remote_members_the_one_that_changed_last_answers(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    instance.definitions.update(DOCKER, {"resolveDockerTagsByTimestamp": True})
    offer(upstreams[ONE], **note("one"))
    assert given(manifest(client, key=ONE))[0] is None
    two = offer(upstreams[TWO], **note("two"))
    assert given(manifest(client)) == (TWO, two)


def test_children_and_layers_of_an_index_come_from_the_member_that_has_it(
    client: Client, upstreams: Upstreams
) -> None:
    child = offer(upstreams[TWO], tag=digest_of(b"unused"))
    index = encoded(index_object([child]))
    upstreams[TWO].manifest(APP, "multi", index, "application/vnd.oci.image.index.v1+json")
    assert given(manifest(client, "multi")) == (TWO, index)
    assert given(manifest(client, digest_of(child))) == (TWO, child)
    for data in (CONFIG, LAYER):
        assert given(blob(client, digest_of(data))) == (TWO, data)
    assert not upstreams[ONE].asked(part="blobs")


def test_a_virtual_repository_may_be_a_member_of_another_one(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    put(client, LOCAL)
    put(client, LOCAL, "hidden/app")
    theirs = offer(upstreams[TWO], "open/app")
    instance.definitions.update(DOCKER, {"excludesPattern": "hidden/**"})
    instance.definitions.create("outer", "virtual", {"repositories": [DOCKER]})  # type: ignore[arg-type]
    assert given(manifest(client, key="outer"))[0] == LOCAL
    assert given(manifest(client, image="open/app", key="outer")) == (TWO, theirs)
    assert manifest(client, image="hidden/app", key="outer").status_code == 404
    assert not upstreams[ONE].asked(part="hidden") + upstreams[TWO].asked(part="hidden")


def test_another_artifactory_gets_what_is_here_unless_it_may_fetch(
    client: Client, instance: Instance, upstreams: Upstreams
) -> None:
    offer(upstreams[ONE])
    offer(upstreams[ONE], "team/cached")
    assert given(manifest(client, image="team/cached"))[0] == ONE
    asked = len(upstreams[ONE].requests)
    theirs = {"User-Agent": "Artifactory/7.55.10 75510900"}
    path = f"/v2/{DOCKER}/{{}}/manifests/1.0"
    assert client.get(path.format(APP), theirs).status_code == 404
    assert client.get(path.format("team/cached"), theirs).status_code == 200
    assert len(upstreams[ONE].requests) == asked
    instance.definitions.update(DOCKER, {"artifactoryRequestsCanRetrieveRemoteArtifacts": True})
    assert client.get(path.format(APP), theirs).status_code == 200


def test_pulls_are_counted_where_the_manifest_came_from(
    client: Client, upstreams: Upstreams
) -> None:
    offer(upstreams[ONE])
    put(client, LOCAL, "team/mine")
    manifest(client)
    manifest(client, image="team/mine")
    for key, image in (("one-cache", APP), (LOCAL, "team/mine")):
        stats = client.get(f"/artifactory/api/storage/{key}/{image}/1.0/manifest.json?stats")
        assert stats.status_code == 200, stats.text
        assert stats.get_json(force=True)["downloadCount"] == 1
