"""Manifests of schema 1: only where the repository takes them, and only with good signatures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http import es256
from tests.http.support import (
    IMAGE,
    KEY,
    LAYER,
    OCI_IMAGE,
    assert_error,
    codes,
    digest_of,
    encoded,
    manifest_bytes,
    push_image,
    put_blob,
    put_manifest,
    tree,
)

PLAIN = "application/vnd.docker.distribution.manifest.v1+json"
SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
PAYLOAD = es256.schema1("docker-local/team/app", "1.0", [digest_of(LAYER)])
LENGTH = len(PAYLOAD[:-1].rstrip())
DOCUMENT = es256.signed(PAYLOAD)


@pytest.fixture(autouse=True)
def allowed(client: Client, instance: Instance) -> None:
    put_blob(client, LAYER)
    instance.definitions.update(RepositoryKey(KEY), {"blockPushingSchema1": False})


def put(client: Client, body: bytes, kind: str = SIGNED, reference: str = "1.0") -> TestResponse:
    return put_manifest(client, reference, body, media_type=kind)


def test_blocked_by_default(client: Client, instance: Instance) -> None:
    instance.definitions.update(RepositoryKey(KEY), {"blockPushingSchema1": True})
    for body, kind in ((DOCUMENT, SIGNED), (PAYLOAD, PLAIN), (DOCUMENT, "")):
        answer = put(client, body, kind)
        assert answer.status_code in (400, 403, 405)
        codes(answer)
    assert client.get(f"{IMAGE}/manifests/1.0").status_code == 404


@pytest.mark.parametrize("kind", [SIGNED, "application/json", ""])
def test_signed(client: Client, kind: str) -> None:
    """The digest is that of the payload; length and body are those of the document."""
    answer = put(client, DOCUMENT, kind)
    assert answer.status_code == 201, answer.text
    digest = digest_of(PAYLOAD)
    assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.headers["Location"] == f"{IMAGE}/manifests/{digest}"
    for reference in ("1.0", digest):
        got = client.get(f"{IMAGE}/manifests/{reference}")
        assert (got.data, got.headers["Content-Type"]) == (DOCUMENT, SIGNED)
        assert got.headers["Docker-Content-Digest"] == digest
        assert got.headers["Content-Length"] == str(len(DOCUMENT))
    assert client.get(f"{IMAGE}/manifests/{digest_of(DOCUMENT)}").status_code == 404
    assert put(client, DOCUMENT, SIGNED, digest).status_code == 201
    assert client.request("DELETE", f"{IMAGE}/manifests/{digest}").status_code == 202
    assert client.get(f"{IMAGE}/manifests/1.0").status_code == 404


def test_two_signatures(client: Client) -> None:
    both = [es256.signature(PAYLOAD, LENGTH, secret) for secret in (es256.SECRET, 12345)]
    answer = put(client, es256.signed(PAYLOAD, both))
    assert answer.status_code == 201, answer.text
    assert answer.headers["Docker-Content-Digest"] == digest_of(PAYLOAD)


@pytest.mark.parametrize("kind", [PLAIN, "application/json"])
def test_unsigned(client: Client, kind: str) -> None:
    answer = put(client, PAYLOAD, kind)
    assert answer.status_code == 201
    got = client.get(f"{IMAGE}/manifests/1.0")
    assert (got.data, got.headers["Content-Type"]) == (PAYLOAD, PLAIN)
    assert got.headers["Docker-Content-Digest"] == digest_of(PAYLOAD)


def test_announced_as_signed_but_is_not(client: Client) -> None:
    assert_error(put(client, PAYLOAD, SIGNED), 400, "MANIFEST_UNVERIFIED")


GOOD = es256.signature(PAYLOAD, LENGTH)
JWK = GOOD["header"]["jwk"]
OTHER_PAYLOAD = PAYLOAD.replace(b'"amd64"', b'"arm64"')


def signed_with(**changed: Any) -> bytes:
    return es256.signed(PAYLOAD, [{**GOOD, **changed}])


def headed(jwk: dict[str, str] = JWK, alg: str = "ES256") -> bytes:
    return signed_with(header={"jwk": jwk, "alg": alg})


UNFIT = {
    "signature": signed_with(signature=es256.encode(b"\1" * 64)),
    "zero": signed_with(signature=es256.encode(bytes(64))),
    "order": signed_with(signature=es256.encode(es256.raw(es256.ORDER) * 2)),
    "short": signed_with(signature=es256.encode(b"\1" * 63)),
    "key": headed(es256.public_key(999)),
    "off the curve": headed({**JWK, "x": es256.encode(es256.raw(5))}),
    "algorithm": headed(alg="none"),
    "HMAC": headed(alg="HS256"),
    "payload": DOCUMENT.replace(b'"amd64"', b'"arm64"'),
    "no signatures": es256.signed(PAYLOAD, []),
    "too many": es256.signed(PAYLOAD, [GOOD] * 200),
    "two payloads": es256.signed(PAYLOAD, [GOOD, es256.signature(OTHER_PAYLOAD, LENGTH)]),
}


@pytest.mark.parametrize("body", UNFIT.values(), ids=UNFIT.keys())
def test_signatures_that_do_not_fit(client: Client, storage: Path, body: bytes) -> None:
    before = tree(storage)
    assert_error(put(client, body), 400, "MANIFEST_UNVERIFIED")
    assert tree(storage) == before


ODD: tuple[Any, ...] = (None, True, 0, -1, 10**30, 1.5, "", "é", "!", "A", [], [[]], {}, "A" * 9999)


def test_signatures_of_wrong_types(client: Client, storage: Path) -> None:
    good = GOOD
    before, entries = tree(storage), []
    for odd in ODD:
        entries += [odd, *({**good, name: odd} for name in good)]
        entries += [{**good, "header": {**good["header"], name: odd}} for name in ("jwk", "alg")]
        keys = [{**good["header"]["jwk"], name: odd} for name in ("kty", "crv", "x", "y")]
        entries += [{**good, "header": {"alg": "ES256", "jwk": key}} for key in keys]
        for name in ("formatLength", "formatTail"):
            facts = {
                "formatLength": LENGTH,
                "formatTail": es256.encode(PAYLOAD[LENGTH:]),
                name: odd,
            }
            entries.append({**good, "protected": es256.encode(encoded(facts))})
        entries.append({**good, "protected": es256.encode(encoded(odd))})
    failed = []
    for entry in entries:
        answer = put(client, es256.signed(PAYLOAD, [entry]))
        if answer.status_code != 400:
            failed.append((answer.status_code, json.dumps(entry)[:300]))
    for odd in ODD:
        body = PAYLOAD[:LENGTH] + b',"signatures": ' + encoded(odd) + b"}"
        if put(client, body).status_code != 400:
            failed.append((0, json.dumps(odd)))
    assert failed == []
    assert tree(storage) == before


def test_the_signed_payload_must_be_the_document(client: Client) -> None:
    """Else a document could be stored under the digest of quite another one.

    ``formatLength`` and ``formatTail`` are the pusher's: cut after the first brace, they make any
    JSON object the payload of any document.
    """
    victim = push_image(client, "victim")
    digest = digest_of(victim)
    attack = es256.signed(PAYLOAD, [es256.signature(victim, 1)])
    answers = [put(client, attack), put(client, attack, SIGNED, digest)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert client.get(f"{IMAGE}/manifests/{digest}").data == victim
    assert client.get(f"{IMAGE}/manifests/victim").data == victim


def test_no_image_can_be_shown_under_a_digest_that_it_does_not_have(client: Client) -> None:
    other = "/v2/docker-local/team/other"
    put_blob(client, LAYER, other)
    absent = manifest_bytes(annotations={"pushed": "never"})
    attack = es256.signed(PAYLOAD, [es256.signature(absent, 1)])
    put_manifest(client, digest_of(absent), attack, other, SIGNED)
    assert client.get(f"{other}/manifests/{digest_of(absent)}").status_code == 404


def test_the_tag_must_be_that_of_the_address(client: Client) -> None:
    answer = put(client, DOCUMENT, SIGNED, "2.0")
    assert_error(answer, 400, "TAG_INVALID")
    assert put(client, DOCUMENT, SIGNED, digest_of(PAYLOAD)).status_code == 201


def test_missing_layers(client: Client) -> None:
    payload = es256.schema1("docker-local/team/app", "1.0", [digest_of(b"missing")])
    assert_error(put(client, es256.signed(payload)), 404, "MANIFEST_BLOB_UNKNOWN")


def test_malformed_documents(client: Client, storage: Path) -> None:
    good = json.loads(PAYLOAD)
    before = tree(storage)
    bad: list[dict[str, Any]] = [
        {**good, "fsLayers": []},
        {**good, "history": []},
        {**good, "fsLayers": [{}]},
        {**good, "fsLayers": [None]},
        {**good, "fsLayers": {"blobSum": digest_of(LAYER)}},
        {**good, "fsLayers": [{"blobSum": "sha256:x"}]},
        {**good, "history": {}},
        {**good, "manifests": []},
        {**good, "layers": [], "config": {}},
        {**good, "mediaType": OCI_IMAGE},
        {**good, "schemaVersion": 2, "mediaType": PLAIN},
        {"schemaVersion": 1},
    ]
    accepted = [body for body in bad if put(client, encoded(body), PLAIN).status_code != 400]
    assert accepted == []
    assert put(client, PAYLOAD, OCI_IMAGE).status_code == 400
    assert put(client, manifest_bytes(), PLAIN).status_code == 400
    assert tree(storage) == before
