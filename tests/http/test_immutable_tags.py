"""Immutable tags: whatever would change or delete one is refused, with the rule that keeps it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from registry.model.content import Actor
from registry.model.errors import TagImmutable
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.repositories.manifest_writer import Candidate
from registry.repositories.pushing import ManifestPush
from registry.services.instance import Instance
from registry.storage.journal import now
from tests.conftest import Client
from tests.http.support import (
    CONFIG,
    IMAGE,
    KEY,
    assert_error,
    digest_of,
    manifest_bytes,
    push_image,
    put_blob,
    put_manifest,
    tree,
)

STABLE = RepositoryKey("stable")
RULES = ["v*", "!*-rc*"]
KEPT = "v1.0"
SIGNATURE = f"sha256-{'0' * 64}.sig"


@pytest.fixture(autouse=True)
def pushed(instance: Instance, client: Client) -> bytes:
    """The manifest that the immutable tag has."""
    instance.definitions.create(STABLE, "local", {})
    body = push_image(client, KEPT)
    push_image(client, "v1.0-rc1")
    push_image(client, "free")
    instance.definitions.update(RepositoryKey(KEY), {"immutableTags": RULES})
    return body


def other(client: Client, image: str = IMAGE) -> bytes:
    put_blob(client, CONFIG, image)
    put_blob(client, b"another", image)
    return manifest_bytes(layers=[b"another"])


def promote(client: Client, source: str = KEY, **fields: object) -> TestResponse:
    document = {"dockerRepository": "team/app", **fields}
    return client.request(
        "POST", f"/api/docker/{source}/v2/promote",
        {"Content-Type": "application/json"}, json.dumps(document).encode(),
    )  # fmt: skip


def tag_is(client: Client, tag: str, body: bytes) -> bool:
    return bool(client.get(f"{IMAGE}/manifests/{tag}").data == body)


def test_a_push_over_one_is_refused_and_names_the_rule(
    client: Client, storage: Path, pushed: bytes
) -> None:
    body = other(client)
    before = tree(storage)
    answer = put_manifest(client, KEPT, body)
    assert_error(answer, 403, "DENIED")
    message = json.loads(answer.data)["errors"][0]["message"]
    assert message == (
        "the tag 'v1.0' of 'docker-local/team/app' cannot be overwritten: the rule 'v*' of "
        "immutableTags keeps it as it is"
    )
    assert tree(storage) == before
    assert tag_is(client, KEPT, pushed)


def test_several_tags_at_once_are_all_free_or_none_is_changed(
    client: Client, storage: Path, pushed: bytes
) -> None:
    body = other(client)
    before = tree(storage)
    answer = put_manifest(
        client, digest_of(body), body, query=[("tag", "free"), ("tag", KEPT), ("tag", "new")]
    )
    assert_error(answer, 403, "DENIED")
    assert tree(storage) == before
    assert tag_is(client, "free", pushed)


def test_of_two_first_pushes_one_counts(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tag comes to be after the first look, and before the push has the image for itself."""
    first, second, candidate = other(client), manifest_bytes(), ManifestPush.candidate

    def overtaken(push: ManifestPush, *arguments: Any) -> Candidate:
        monkeypatch.setattr(ManifestPush, "candidate", candidate)
        assert put_manifest(client, "v7", first).status_code == 201
        return candidate(push, *arguments)

    monkeypatch.setattr(ManifestPush, "candidate", overtaken)
    assert_error(put_manifest(client, "v7", second), 403, "DENIED")
    assert tag_is(client, "v7", first)


def test_what_is_not_meant_can_be_pushed(client: Client, pushed: bytes) -> None:
    body = other(client)
    for tag in ("v1.0-rc1", "free", "v2.0", SIGNATURE, SIGNATURE):
        assert put_manifest(client, tag, body).status_code == 201, tag
    # The same manifest again changes nothing.
    assert put_manifest(client, KEPT, pushed).status_code == 201
    assert_error(put_manifest(client, "v2.0", pushed), 403, "DENIED")
    assert put_manifest(client, SIGNATURE, pushed).status_code == 201


@pytest.mark.parametrize(
    "path",
    [
        f"{IMAGE}/manifests/{KEPT}",
        f"{IMAGE}/manifests/@",
        f"/{KEY}/team/app/{KEPT}",
        f"/{KEY}/team/app/{KEPT}/manifest.json",
        f"/{KEY}/team/app",
        f"/{KEY}/team",
        f"/{KEY}",
    ],
)
def test_no_door_deletes_one(client: Client, storage: Path, pushed: bytes, path: str) -> None:
    push_image(client, "other", image="/v2/docker-local/team/another")
    before = tree(storage)
    answer = client.request("DELETE", path.replace("@", digest_of(pushed)))
    assert answer.status_code in (403, 404, 405), path
    if path != f"/{KEY}":
        assert answer.status_code == 403, answer.text
        assert "immutableTags" in answer.text
    assert tree(storage) == before


def test_a_whole_image_is_not_deleted_by_any_command(
    instance: Instance, client: Client, storage: Path
) -> None:
    before = tree(storage)
    repository = instance.directory.unguarded_repository(RepositoryKey(KEY))
    with pytest.raises(TagImmutable):
        repository.delete_image(ImageName("team/app"), Actor("x", "local"))
    assert tree(storage) == before


def test_others_are_deleted(client: Client) -> None:
    for tag in ("free", "v1.0-rc1"):
        assert client.request("DELETE", f"{IMAGE}/manifests/{tag}").status_code == 202
    push_image(client, "v3", image="/v2/stable/team/app")
    assert client.request("DELETE", "/stable/team/app/v3").status_code == 204


def test_one_is_not_promoted_away_and_a_copy_of_it_may_go(client: Client, storage: Path) -> None:
    before = tree(storage)
    for fields in ({"tag": KEPT}, {}):
        answer = promote(client, targetRepo="stable", **fields)
        assert answer.status_code == 403
        assert "'v*' of immutableTags" in answer.text
    moved = client.request("POST", f"/api/move/{KEY}/team/app/{KEPT}?to=/stable/team/app/{KEPT}")
    assert moved.status_code == 403, moved.text
    assert tree(storage) == before
    assert promote(client, targetRepo="stable", tag=KEPT, copy=True).status_code == 200
    assert promote(client, targetRepo="stable", tag="free").status_code == 200


def test_nothing_is_promoted_or_copied_over_one(
    client: Client, storage: Path, pushed: bytes
) -> None:
    body = other(client, "/v2/stable/team/app")
    for tag in (KEPT, "free"):
        assert put_manifest(client, tag, body, image="/v2/stable/team/app").status_code == 201
    before = tree(storage)
    for fields in ({"tag": KEPT}, {"tag": "free", "targetTag": KEPT}, {}):
        answer = promote(client, "stable", targetRepo=KEY, copy=True, **fields)
        assert answer.status_code == 403, answer.text
    for verb in ("copy", "move"):
        for query in ("", "&dry=1"):
            answer = client.request("POST", f"/api/{verb}/stable/team/app?to=/{KEY}/team{query}")
            assert answer.status_code == 403, answer.text
    assert tree(storage) == before
    assert tag_is(client, KEPT, pushed)
    assert promote(client, "stable", targetRepo=KEY, tag="free", copy=True).status_code == 200


def test_nothing_is_put_back_or_restored_over_one(
    instance: Instance, client: Client, pushed: bytes
) -> None:
    key = RepositoryKey(KEY)
    instance.definitions.update(key, {"immutableTags": []})
    body = other(client)
    assert put_manifest(client, KEPT, body).status_code == 201
    assert client.request("DELETE", f"/{KEY}/team/app/{KEPT}").status_code == 204
    assert put_manifest(client, KEPT, pushed).status_code == 201
    instance.definitions.update(key, {"immutableTags": RULES})
    restored = f"/api/trash/restore/{KEY}/team/app/{KEPT}?overwrite=1"
    assert client.request("POST", restored).status_code == 403
    with pytest.raises(TagImmutable):
        instance.history.revert(
            key, ImageName("team/app"), Tag(KEPT), digest_of(body), Actor("x", "local"), now()
        )
    assert tag_is(client, KEPT, pushed)


def test_retention_never_deletes_one(instance: Instance, client: Client) -> None:
    key = RepositoryKey(KEY)
    instance.definitions.update(key, {"retention": "delete pushed>1d", "maxUniqueTags": 1})
    later = now() + datetime.timedelta(days=30)
    plan = {found.decision.state.tag: found.decision for found in instance.retention.plan(later)}
    assert (plan[Tag(KEPT)].goes, plan[Tag(KEPT)].rule) == (False, "immutableTags=v*")
    report = instance.retention.run(later)
    assert report.failed == []
    assert {str(found.decision.state.tag) for found in report.deleted} == {"v1.0-rc1", "free"}
    assert client.get(f"{IMAGE}/manifests/{KEPT}").status_code == 200


def test_a_limit_of_tags_leaves_it_and_counts_the_others(
    instance: Instance, client: Client
) -> None:
    instance.definitions.update(RepositoryKey(KEY), {"maxUniqueTags": 2})
    for tag in ("v2.0", "v3.0", "new"):
        push_image(client, tag)
    tags = json.loads(client.get(f"{IMAGE}/tags/list").data)["tags"]
    assert set(tags) == {KEPT, "v2.0", "v3.0", "free", "new"}


def test_a_decision_that_is_overtaken_by_a_rule_deletes_nothing(
    instance: Instance, client: Client
) -> None:
    key, image = RepositoryKey(KEY), ImageName("team/app")
    instance.definitions.update(key, {"immutableTags": [], "retention": "delete pushed>1d"})
    later = now() + datetime.timedelta(days=30)
    decision = next(
        found.decision for found in instance.retention.plan(later)
        if found.decision.state.tag == KEPT
    )  # fmt: skip
    instance.definitions.update(key, {"immutableTags": RULES})
    repository = instance.directory.unguarded_repository(key)
    with pytest.raises(TagImmutable):
        repository.retire_tag(image, decision, Actor("retention", "local"))
    assert client.get(f"{IMAGE}/manifests/{KEPT}").status_code == 200
