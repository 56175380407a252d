"""Manifests that are no manifests, or two at once; and every field with every wrong value."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Client
from tests.http.support import (
    CONFIG,
    DOCKER_IMAGE,
    DOCKER_LIST,
    IMAGE,
    LAYER,
    OCI_IMAGE,
    OCI_INDEX,
    assert_error,
    codes,
    descriptor,
    digest_of,
    encoded,
    index_object,
    manifest_bytes,
    manifest_object,
    put_blob,
    put_manifest,
    tree,
)

GOOD = manifest_bytes()
ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"


@pytest.fixture(autouse=True)
def blobs(client: Client) -> None:
    for data in (CONFIG, LAYER):
        put_blob(client, data)


def replaced(old: str, new: str) -> bytes:
    changed = GOOD.decode().replace(old, new, 1)
    assert changed != GOOD.decode()
    return changed.encode()


NO_MANIFESTS = {
    "nothing": b"",
    "space": b" ",
    "null": b"null",
    "number": b"2",
    "text": b'"x"',
    "list": b"[" + GOOD + b"]",
    "empty object": b"{}",
    "cut short": GOOD[:-1],
    "trailing data": GOOD + b"{}",
    "trailing zero byte": GOOD + b"\0",
    "trailing comma": GOOD[:-1] + b",}",
    "comment": b"/* */" + GOOD,
    "single quotes": GOOD.replace(b'"', b"'"),
    "BOM": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-32": GOOD.decode().encode("utf-32"),
    "no UTF-8": GOOD[:-1] + b', "x": "\xff"}',
    "overlong UTF-8": GOOD[:-1] + b', "x": "\xc0\xae"}',
    "raw control character": GOOD[:-1] + b', "x": "\x01"}',
    "NaN": GOOD[:-1] + b', "x": NaN}',
    "Infinity": GOOD[:-1] + b', "x": -Infinity}',
    "duplicate key": GOOD[:-1] + b', "schemaVersion": 2}',
    "duplicate other key": GOOD[:-1] + b', "x": 1, "x": 2}',
    "duplicate key, escaped": GOOD[:-1] + b', "l\\u0061yers": []}',
    "duplicate inner key": replaced('"size"', '"digest": "x", "size"'),
    "deep lists": GOOD[:-1] + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": GOOD[:-1] + b', "x": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    "only depth": b"[" * 100_000,
    "huge whole number": GOOD[:-1] + b', "x": ' + b"9" * 100_000 + b"}",
    "huge size": replaced(f'"size": {len(LAYER)}', '"size": ' + "9" * 5000),
    "image and index": encoded({**manifest_object(), "manifests": []}),
    "image and nothing of an index": encoded({**manifest_object(), "manifests": None}),
    "image and schema 1": encoded({**manifest_object(), "fsLayers": []}),
    "index with layers": encoded({**index_object([]), "layers": []}),
    "index with a config": encoded({**index_object([]), "config": descriptor(CONFIG)}),
    "no config": encoded({"schemaVersion": 2, "mediaType": OCI_IMAGE, "layers": []}),
    "too many layers": encoded({**manifest_object(), "layers": [{}] * 100_000}),
    "many good layers": encoded({**manifest_object(), "layers": [descriptor(LAYER)] * 20_000}),
}


@pytest.mark.parametrize("body", NO_MANIFESTS.values(), ids=NO_MANIFESTS.keys())
def test_b4_no_manifest(client: Client, storage: Path, body: bytes) -> None:
    before = tree(storage)
    for kind in (OCI_IMAGE, OCI_INDEX, "", "application/json"):
        for reference in ("1.0", digest_of(body)):
            answer = put_manifest(client, reference, body, media_type=kind)
            assert_error(answer, 400, "MANIFEST_INVALID")
    assert tree(storage) == before
    assert client.get(f"{IMAGE}/manifests/1.0").status_code == 404


def test_b3_the_same_object_under_two_types(client: Client, storage: Path) -> None:
    """CVE-2021-41190: what is read as an image here must not be an index there."""
    before = tree(storage)
    image, index = manifest_object(), index_object([])
    for document, kind in (
        (image, OCI_INDEX), (image, DOCKER_IMAGE), (image, DOCKER_LIST), (index, OCI_IMAGE),
        (index, DOCKER_LIST), (manifest_object(media_type=DOCKER_IMAGE), OCI_IMAGE),
    ):  # fmt: skip
        untyped = {name: value for name, value in document.items() if name != "mediaType"}
        answer = put_manifest(client, "1.0", encoded(document), media_type=kind)
        assert_error(answer, 400, "MANIFEST_INVALID")
        if kind in (OCI_INDEX, DOCKER_LIST) and document is image:
            answer = put_manifest(client, "1.0", encoded(untyped), media_type=kind)
            assert_error(answer, 400, "MANIFEST_INVALID")
    assert tree(storage) == before


WRONG: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**63, 10**400, 1.5, -0.0, 1e300, "", " ", "x", "é\0", "\ud800",
    "../../x", "x" * 10_000, [], [[]], [None], {}, {"a": {}}, digest_of(b"missing"), OCI_INDEX,
)  # fmt: skip
"""Values put in the place of each value of a good manifest."""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value inside of a document."""
    if path:
        yield path
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in entries:
            yield from places(inner, (*path, name))


def mutated(document: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield variants of a document with one value wrong, missing or renamed."""
    for path in places(document):
        for wrong in (*WRONG, ...):
            changed = copy.deepcopy(document)
            parent: Any = changed
            for name in path[:-1]:
                parent = parent[name]
            if wrong is ...:
                del parent[path[-1]]
            else:
                parent[path[-1]] = wrong
            yield f"{path} {str(wrong)[:20]!a}", encoded(changed)


FULL: Any = {
    "annotations": {"org.example": "text"},
    "artifactType": "application/vnd.example",
    "subject": descriptor(b"subject", OCI_IMAGE),
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "image": manifest_object(**FULL),
    "docker image": manifest_object(media_type=DOCKER_IMAGE),
    "index": {**index_object([]), "manifests": [descriptor(LAYER)], **FULL},
    "artifact": {"mediaType": ARTIFACT, "blobs": [descriptor(LAYER)], **FULL},
    "layer with all": manifest_object(layers=[])
    | {"layers": [descriptor(LAYER, urls=["https://x"], annotations={"a": "b"}, data="eA==")]},
}


def complaint_about(client: Client, body: bytes, kind: str) -> str:
    """Return what is wrong with the answer to a mutant; one that is stored must come back whole."""
    answer = put_manifest(client, "mutant", body, media_type=kind)
    if answer.status_code != 201:
        if answer.status_code not in (400, 404):
            return str(answer.status_code)
        return "" if codes(answer) else "no codes"
    got = client.get(f"{IMAGE}/manifests/mutant")
    if (got.status_code, got.data) != (200, body):
        return f"accepted, then {got.status_code}"
    if got.headers["Docker-Content-Digest"] != digest_of(body):
        return "accepted under another digest"
    subject, complaint = json.loads(body).get("subject"), ""
    if subject is not None:
        listed = client.get(f"{IMAGE}/referrers/{subject['digest']}")
        if listed.status_code != 200:
            complaint = f"accepted, then its referrers are {listed.status_code}"
    if client.request("DELETE", f"{IMAGE}/manifests/{digest_of(body)}").status_code != 202:
        complaint = "accepted, but cannot be deleted"
    return complaint


@pytest.mark.parametrize("name", DOCUMENTS)
def test_mutants(client: Client, storage: Path, name: str) -> None:
    document = DOCUMENTS[name]
    kind = str(document["mediaType"])
    before = tree(storage, but=("locks", "journal", "filestore", "trash", "pulls"))
    assert complaint_about(client, encoded(document), kind) == ""
    failures = []
    for what, body in mutated(document):
        complaint = complaint_about(client, body, kind)
        if complaint:
            failures.append(f"{what}: {complaint}")
    assert failures == []
    assert tree(storage, but=("locks", "journal", "filestore", "trash", "pulls")) == before


MUST_BE_REFUSED: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("schemaVersion", (None, True, 0, 3, "2", [2])),
    ("config", (None, [], "x", 5, {})),
    ("layers", ({}, "x", 5, True, [None], ["x"], [[]])),
    ("annotations", ("x", [], 5, {"a": 5}, {"a": None})),
    ("artifactType", (5, [], {}, True)),
    ("subject", ("x", 5, [], {})),
    ("mediaType", ("", "x", 5, [], OCI_INDEX, DOCKER_IMAGE, "application/json")),
)


@pytest.mark.parametrize(("field", "values"), MUST_BE_REFUSED)
def test_values_that_must_be_refused(client: Client, field: str, values: tuple[Any, ...]) -> None:
    for value in values:
        answer = put_manifest(
            client, "1.0", encoded({**manifest_object(), field: value}), media_type=OCI_IMAGE
        )
        assert_error(answer, 400, "MANIFEST_INVALID")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("digest", "sha256:abc"), ("digest", "sha256:" + "A" * 64), ("digest", None), ("digest", 5),
        ("digest", "md5:" + "0" * 32), ("digest", digest_of(LAYER) + "\n"), ("digest", "../x"),
        ("size", -1), ("size", 1.5), ("size", "5"), ("size", None), ("size", True), ("size", 2**64),
        ("mediaType", 5), ("mediaType", []), ("urls", "https://x"), ("urls", [5]), ("urls", {}),
    ],
)  # fmt: skip
def test_descriptors_that_must_be_refused(client: Client, field: str, value: object) -> None:
    bad = {**descriptor(LAYER), field: value}
    for document in (
        {**manifest_object(), "layers": [bad]},
        {**manifest_object(), "config": bad},
        {**index_object([]), "manifests": [bad]},
        {**manifest_object(), "subject": bad},
    ):
        kind = str(document["mediaType"])
        answer = put_manifest(client, "1.0", encoded(document), media_type=kind)
        assert_error(answer, 400, "MANIFEST_INVALID")


def test_b10_text_of_others_makes_no_header(client: Client) -> None:
    """Advisory class of pypiserver CVE-2019-6802."""
    evil = "x\r\nX-Evil: 1"
    body = manifest_bytes(annotations={evil: evil}, artifactType=evil, subject=descriptor(b"s"))
    assert put_manifest(client, "1.0", body).status_code in (201, 400)
    for path in ("manifests/1.0", f"referrers/{digest_of(b's')}"):
        answer = client.get(f"{IMAGE}/{path}")
        assert "X-Evil" not in answer.headers
        assert answer.status_code in (200, 404)
    filtered = client.request(
        "GET", f"{IMAGE}/referrers/{digest_of(b's')}", query={"artifactType": evil}
    )
    assert "X-Evil" not in filtered.headers
    assert filtered.status_code == 200
