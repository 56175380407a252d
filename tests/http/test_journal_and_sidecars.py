"""What a push, an overwrite and a delete leave in the journal and beside the manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from registry.config import Config
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import (
    DOCKER_LIST,
    IMAGE,
    KEY,
    LAYER,
    OCI_IMAGE,
    digest_of,
    encoded,
    index_object,
    journal,
    manifest_bytes,
    push,
    push_image,
    put_blob,
    put_manifest,
)

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def bob(client: Client, instance: Instance) -> Client:
    instance.users.add("bob", "password-of-bob")
    return client.as_user("bob", "password-of-bob")


def sidecar(storage: Path, reference: str, image: str = "team/app") -> dict[str, Any]:
    folder = storage / "artifacts" / KEY / image / reference
    document: dict[str, Any] = json.loads(
        (folder / "manifest.json.properties.json").read_text(encoding="utf-8")
    )
    return document


def config_with(labels: object) -> bytes:
    return encoded({"architecture": "amd64", "config": {"Labels": labels}})


def labels_of(document: Mapping[str, Any]) -> dict[str, str]:
    start = "docker.label."
    found = document["properties"].items()
    return {name[len(start) :]: value[0] for name, value in found if name.startswith(start)}


def test_journal_of_push_overwrite_and_delete(client: Client, bob: Client, config: Config) -> None:
    old = digest_of(push_image(client, layers=[b"old"]))
    put_blob(bob, LAYER)
    new = push(bob, "1.0", manifest_bytes())
    bob.request("DELETE", f"{IMAGE}/manifests/1.0", address="203.0.113.9")
    client.request("DELETE", f"{IMAGE}/manifests/{new}")
    client.request("DELETE", f"{IMAGE}/blobs/{digest_of(LAYER)}")
    events = journal(config)
    common = {"repository": KEY, "image": "team/app"}
    assert all(MOMENT.fullmatch(event.pop("time")) for event in events)
    facts = [
        {"event": "push", "principal": "admin", "tag": "1.0", "digest": old},
        {"event": "push", "principal": "bob", "tag": "1.0", "digest": new, "previous": old},
        {"event": "delete", "principal": "bob", "tag": "1.0", "previous": new},
        {"event": "delete", "principal": "admin", "digest": new},
        {"event": "delete", "principal": "admin", "blob": digest_of(LAYER)},
    ]
    addresses = ["127.0.0.1", "127.0.0.1", "203.0.113.9", "127.0.0.1", "127.0.0.1"]
    pairs = zip(facts, addresses, strict=True)
    assert events == [{**common, **fact, "address": address} for fact, address in pairs]


def test_journal_of_a_digest_with_tags(client: Client, config: Config) -> None:
    body = push_image(client, "a")
    digest = digest_of(body)
    put_manifest(client, digest, body, query=[("tag", "b"), ("tag", "c")])
    client.request("DELETE", f"{IMAGE}/manifests/{digest}")
    events = [(event["event"], event.get("tag")) for event in journal(config)]
    assert events[:4] == [("push", "a"), ("push", None), ("push", "b"), ("push", "c")]
    assert set(events[4:]) == {("delete", tag) for tag in ("a", "b", "c", None)}


def test_refused_requests_are_not_in_the_journal(client: Client, storage: Path) -> None:
    put_manifest(client, "1.0", manifest_bytes())
    put_manifest(client, "1.0", b"{}", media_type=OCI_IMAGE)
    client.request("DELETE", f"{IMAGE}/manifests/1.0")
    assert list((storage / "journal").iterdir()) == []


def test_sidecar_of_an_image(client: Client, storage: Path) -> None:
    labels = {"maintainer": "é <me@example.com>", "org.opencontainers.image.version": "1.0"}
    body = push_image(client, config=config_with(labels))
    document = sidecar(storage, "1.0")
    digest = digest_of(body)
    assert MOMENT.fullmatch(document.pop("created"))
    assert MOMENT.fullmatch(document.pop("modified"))
    properties = document.pop("properties")
    assert document == {
        "digest": digest,
        "sha256": digest.partition(":")[2],
        "size": len(body),
        "mediaType": OCI_IMAGE,
        "createdBy": "admin",
        "modifiedBy": "admin",
    }
    assert properties["docker.manifest"] == ["1.0"]
    assert properties["docker.manifest.digest"] == [digest]
    assert properties["docker.manifest.type"] == [OCI_IMAGE]
    assert properties["docker.repoName"] == ["team/app"]
    assert properties["sha256"] == [digest.partition(":")[2]]
    for label, value in labels.items():
        assert properties[f"docker.label.{label}"] == [value]


def test_sidecar_of_an_index(client: Client, storage: Path) -> None:
    image = push_image(client)
    body = encoded(index_object([image], DOCKER_LIST))
    push(client, "all", body)
    document = sidecar(storage, "all")
    assert document["mediaType"] == DOCKER_LIST
    assert document["size"] == len(body)
    assert document["properties"]["docker.manifest.type"] == [DOCKER_LIST]


def test_sidecar_of_a_sha512_manifest(client: Client, storage: Path) -> None:
    body = push_image(client)
    digest = digest_of(body, "sha512")
    put_manifest(client, digest, body, query=[("tag", "2.0")])
    document = sidecar(storage, "2.0")
    assert document["digest"] == digest
    assert document["sha256"] == digest_of(body).partition(":")[2]


def test_sidecar_of_an_overwritten_tag(client: Client, bob: Client, storage: Path) -> None:
    push_image(client, layers=[b"old"], config=config_with({"only": "old"}))
    first = sidecar(storage, "1.0")
    body = push_image(bob, config=config_with({"only": "new"}))
    second = sidecar(storage, "1.0")
    assert (second["created"], second["createdBy"]) == (first["created"], "admin")
    assert second["modifiedBy"] == "bob"
    assert second["modified"] >= first["modified"]
    assert (second["digest"], labels_of(second)) == (digest_of(body), {"only": "new"})


def test_a_displaced_manifest_keeps_who_made_it(client: Client, bob: Client, storage: Path) -> None:
    old = push_image(client, layers=[b"old"], config=config_with({"only": "old"}))
    first = sidecar(storage, "1.0")
    push_image(bob)
    displaced = sidecar(storage, digest_of(old))
    assert displaced["digest"] == digest_of(old)
    assert displaced["properties"]["docker.manifest"] == [digest_of(old)]
    assert labels_of(displaced) == {"only": "old"}
    assert (displaced["created"], displaced["createdBy"]) == (first["created"], "admin")


HOSTILE_LABELS: list[dict[str, Any]] = [
    {"script": "<script>alert(1)</script>", "<b>": "x", "javascript:": "{{7*7}}"},
    {"control": "\0\1\x1f\x7f\u2028", "a\r\nX-Evil: 1": "b\r\nc", "tab\t": "\t"},
    {"../../etc/passwd": "x", "sha256": "x", "docker.manifest": "x", ".": "y", "": "empty name"},
    {"many\udfff": "lone", "lone": "\ud800"},
    {"long": "x" * 10_000, "y" * 10_000: "long name", "fits": "z" * 1000},
    {f"label{number}": "x" for number in range(5000)},
    {"number": 5, "null": None, "list": [], "object": {}, "true": True, "good": "kept"},
]


@pytest.mark.parametrize("labels", HOSTILE_LABELS)
def test_b9_hostile_labels_break_nothing(
    client: Client, storage: Path, labels: dict[str, Any]
) -> None:
    body = push_image(client, config=config_with(labels))
    assert client.get(f"{IMAGE}/manifests/1.0").data == body
    document = sidecar(storage, "1.0")
    kept = labels_of(document)
    assert kept.items() <= {k: v for k, v in labels.items() if isinstance(v, str)}.items()
    assert len(kept) <= 1000
    assert all(len(name) <= 255 and len(value) <= 4096 for name, value in kept.items())
    assert document["properties"]["docker.manifest"] == ["1.0"]
    assert document["digest"] == digest_of(body)
    push_image(client, layers=[b"another"])
    assert client.get(f"{IMAGE}/manifests/{digest_of(body)}").data == body


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"[]", b"null", b"not json", b"\xff\xfe\x00", b"[" * 99_999,
        b'{"a":' * 99_999,
        b'{"config": 5}', b'{"config": {"Labels": []}}', b'{"config": {"Labels": "x"}}',
        b'{"config": {"Labels": null}}', b'{"n": ' + b"9" * 100_000 + b"}", b"\xef\xbb\xbf{}",
        '{"config": {"Labels": {"a": "b"}}}'.encode("utf-16"), b'{"config": NaN}', b"x" * 5_000_000,
        b'{"config":{"Labels":{"a":"b"}}}' + b" " * 5_000_000,
    ],
    ids=range(18),
)  # fmt: skip
def test_b5_odd_configs_break_nothing(client: Client, storage: Path, content: bytes) -> None:
    """Advisory class of CVE-2023-25153: a large config is not read for labels."""
    body = push_image(client, config=content)
    assert client.get(f"{IMAGE}/manifests/1.0").data == body
    assert len(labels_of(sidecar(storage, "1.0"))) <= 1
    if len(content) > 4 * 1024 * 1024:
        assert labels_of(sidecar(storage, "1.0")) == {}
