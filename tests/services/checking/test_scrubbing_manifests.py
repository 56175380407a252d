"""Damaged manifests are never served, and come back with the next push."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import (
    CONFIG,
    IMAGE,
    KEY,
    LAYER,
    digest_of,
    manifest_bytes,
    push,
    put_manifest,
)
from tests.services.checking.stores import FIRST, INDEX, content, flip, found, kinds, pull, pull_all
from tests.services.checking.test_scrubbing import scrub


@pytest.mark.parametrize("position", [0, FIRST.index(b"gzip"), FIRST.index(b"sha256") + 10])
def test_a_damaged_manifest_is_never_served(
    instance: Instance, client: Client, storage: Path, position: int
) -> None:
    """Neither before a scrub has found it nor afterwards, by digest or by tag."""
    flip(str(storage / content(digest_of(FIRST))), position)
    for reference in ("1.0", "latest", digest_of(FIRST)):
        answer = client.get(f"{IMAGE}/manifests/{reference}")
        assert answer.status_code == 500
        assert "damaged" in answer.text
    report = scrub(instance)
    assert [d.digest for d in report.damaged] == [digest_of(FIRST)]
    assert f"{KEY}/team/app:latest" in report.damaged[0].tags
    assert client.get(f"{IMAGE}/manifests/{digest_of(FIRST)}").status_code == 404
    assert client.get(f"{IMAGE}/manifests/latest").status_code == 500
    assert kinds(found(instance)) == {"content-quarantined"}
    push(client, "1.0", FIRST)
    assert found(instance, deep=True) == []
    pull_all(client)


def test_a_damaged_tag_can_be_overwritten(instance: Instance, client: Client) -> None:
    flip(os.path.join(instance.store.layout.root, content(digest_of(FIRST))))
    body = manifest_bytes(CONFIG, (LAYER,), annotations={"new": "yes"})
    assert put_manifest(client, "1.0", body).status_code == 201
    pull(client, "1.0")
    assert client.get(f"{IMAGE}/manifests/latest").status_code == 500
    scrub(instance)
    push(client, "2.0", FIRST)
    for tag in ("1.0", "latest", "2.0"):
        pull(client, tag)
    assert client.get(f"{IMAGE}/manifests/1.0").data == body


def test_a_damaged_index(instance: Instance, client: Client, storage: Path) -> None:
    flip(str(storage / content(digest_of(INDEX))), INDEX.index(b"sha256") + 20)
    report = scrub(instance)
    assert report.damaged[0].tags == [f"{KEY}/team/app:multi", f"{KEY}/team/app:turned"]
    push(client, "multi", INDEX)
    pull_all(client)
    assert found(instance, deep=True) == []


def test_a_moved_tag_is_not_moved_back(instance: Instance, client: Client, storage: Path) -> None:
    """What was damaged is healed where it still is, not where something else has come."""
    flip(str(storage / content(digest_of(FIRST))), FIRST.index(b"gzip"))
    scrub(instance)
    moved = manifest_bytes(CONFIG, (LAYER,), annotations={"new": "yes"})
    push(client, "1.0", moved)
    client.request("DELETE", f"{IMAGE}/manifests/deep")
    push(client, "2.0", FIRST)
    assert client.get(f"{IMAGE}/manifests/1.0").data == moved
    assert client.get(f"{IMAGE}/manifests/latest").data == FIRST
