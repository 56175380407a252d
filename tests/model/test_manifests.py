from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import ManifestInvalid, ManifestUnverified, RegistryError
from registry.model.manifests import (
    PARTS_LIMIT,
    ManifestIdentifier,
    parse_manifest,
)
from tests.model.documents import Document, descriptor, docker_image, encode, image, index, schema1

ARTIFACT: Document = {
    "mediaType": media_types.OCI_ARTIFACT,
    "artifactType": "application/example",
    "blobs": [descriptor(b"sbom")],
}

KINDS = [
    (image(b"{}", b"one", b"two"), media_types.OCI_IMAGE, 3, 0),
    (docker_image(b"{}", b"one"), media_types.DOCKER_IMAGE, 2, 0),
    (image(b"{}"), media_types.OCI_IMAGE, 1, 0),
    (index(b"m1", b"m2"), media_types.OCI_INDEX, 0, 2),
    (index(), media_types.OCI_INDEX, 0, 0),
    (index(b"m1", mediaType=media_types.DOCKER_LIST), media_types.DOCKER_LIST, 0, 1),
    (schema1(b"one", b"two"), media_types.SCHEMA1, 2, 0),
    (ARTIFACT, media_types.OCI_ARTIFACT, 1, 0),
    ({k: v for k, v in image(b"{}").items() if k != "mediaType"}, media_types.OCI_IMAGE, 1, 0),
    ({k: v for k, v in index().items() if k != "mediaType"}, media_types.OCI_INDEX, 0, 0),
    (image(b"{}", layers=None), media_types.OCI_IMAGE, 1, 0),
    (index(manifests=None), media_types.OCI_INDEX, 0, 0),
]


@pytest.mark.parametrize(("document", "media_type", "blobs", "children"), KINDS)
def test_each_kind_is_read(document: Document, media_type: str, blobs: int, children: int) -> None:
    body = encode(document)
    for announced in ("", "application/json", media_type, f"{media_type.upper()}; charset=utf-8"):
        manifest = parse_manifest(body, announced)
        assert manifest.media_type == media_type
        assert len(list(manifest.blobs)) == blobs
        assert len(manifest.children) == children
        assert manifest.is_index == (media_type in media_types.INDEX_TYPES)
        assert manifest.identity(body, "sha256") == Digest.of(body)
        assert manifest.identity(body, "sha512") == Digest.of(body, "sha512")


@pytest.mark.parametrize(("document", "media_type", "blobs", "children"), KINDS)
def test_another_type_than_the_stated_one_is_refused(
    document: Document, media_type: str, blobs: int, children: int
) -> None:
    others = media_types.MANIFEST_TYPES - {media_type}
    if media_type in media_types.SCHEMA1_TYPES:
        others -= media_types.SCHEMA1_TYPES
    for other in (*others, "text/plain", "x" * 5000):
        with pytest.raises(ManifestInvalid):
            parse_manifest(encode(document), other)


def changed(document: Document, path: str, value: Any) -> Document:
    """Return a copy with the value at ``path`` (``a.0.b``) replaced."""
    copy: Any = json.loads(json.dumps(document))
    at = copy
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        at = at[part]
    at[last] = value
    return dict(copy)


def each(document: Document, path: str, *values: Any) -> list[tuple[Document, str, Any]]:
    return [(document, path, value) for value in values]


IMAGE = image(b"{}", b"one")
INDEX = index(b"m1")
MUTATIONS = [
    *each(IMAGE, "schemaVersion", None, 0, 1, 3, "2", True, False, [], {}, -2, 2.5),
    *each(IMAGE, "mediaType", None, 1, "", "text/plain", [], media_types.OCI_INDEX),
    *each(IMAGE, "config", None, [], "", 1, {}, {"digest": "sha256:00"}),
    *each(IMAGE, "layers", {}, "", 1, [None], [1], ["x"], [[]], [{}], True),
    *each(IMAGE, "config.digest", None, 1, "", "sha256:", "../x", [], {}, "a" * 9999),
    *each(IMAGE, "config.size", None, -1, "1", True, 1.5, 2**63, [], {}),
    *each(IMAGE, "layers.0.mediaType", 1, [], {}, None, True),
    *each(IMAGE, "layers.0.urls", "x", [1], ["file:///etc"], ["//h"], {}, 1, [None]),
    *each(IMAGE, "subject", 1, [], {}, "x", {"digest": "sha256:0"}),
    *each(IMAGE, "artifactType", 1, [], {}, True),
    *each(IMAGE, "annotations", 1, [], "x", {"a": 1}, {"a": None}, {"a": {}}),
    *each(IMAGE, "manifests", [], None, {}),
    *each(IMAGE, "fsLayers", [], None, {}),
    *each(INDEX, "layers", [], None),
    *each(INDEX, "config", {}, None),
    *each(INDEX, "fsLayers", [], None),
    *each(INDEX, "blobs", [], None),
    *each(INDEX, "manifests", {}, "", 1, [None], [{}], [[]]),
    *each(INDEX, "manifests.0.digest", None, "", 1, "sha256:zz"),
    *each(INDEX, "mediaType", media_types.OCI_IMAGE, media_types.SCHEMA1),
    *each(schema1(b"x"), "fsLayers", None, [], {}, [1], [{}], [{"blobSum": 1}]),
    *each(schema1(b"x"), "history", None, [], {}, [{}, {}], 1),
]


@pytest.mark.parametrize(("document", "path", "value"), MUTATIONS)
def test_a_broken_part_is_refused(document: Document, path: str, value: Any) -> None:
    with pytest.raises(ManifestInvalid):
        parse_manifest(encode(changed(document, path, value)))


BODIES = [
    b"", b"x", b"[]", b"null", b"1", b'"a"', b"{", b"{}", b"{}{}", b"\xff\xfe{}", b"\xef\xbb\xbf{}",
    b'{"schemaVersion": NaN}', b'{"schemaVersion": 2, "schemaVersion": 2}', b"[" * 200_000,
    b'{"a":' * 100_000, b'{"schemaVersion":' + b"9" * 10_000 + b"}", b"\0", b"{'a': 1}",
    encode(image()).replace(b'"layers"', b'"config": {}, "layers"'),
    encode(image()).replace(b'"size": 2', b'"size": 2, "size": 3'),
    encode(image()).replace(b'"size": 2', b'"size": Infinity'),
    encode(image()).decode().encode("utf-16"),
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_bytes_that_are_no_manifest_are_refused_briefly(body: bytes) -> None:
    with pytest.raises(ManifestInvalid) as caught:
        parse_manifest(body)
    assert len(caught.value.message) < 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = ["schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "annotations",
          "artifactType", "blobs", "fsLayers", "history", "signatures", "tag"]  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(FIELDS), json_values),
    st.sampled_from([image(b"{}", b"l"), index(b"m"), schema1(b"l"), {}]),
)
def test_no_document_crashes_the_parser(extra: Document, base: Document) -> None:
    body = json.dumps(base | extra).encode()
    try:
        manifest = parse_manifest(body)
    except RegistryError:
        return
    assert parse_manifest(body, manifest.media_type) == manifest


@given(st.binary(max_size=100))
def test_no_bytes_crash_the_parser(body: bytes) -> None:
    with pytest.raises((ManifestInvalid, ManifestUnverified)):
        parse_manifest(body)


def test_the_number_of_parts_is_limited() -> None:
    part = descriptor(b"x")
    assert len(parse_manifest(encode(image(layers=[part] * PARTS_LIMIT))).layers) == PARTS_LIMIT
    for document in (
        image(layers=[part] * (PARTS_LIMIT + 1)),
        index(manifests=[part] * (PARTS_LIMIT + 1)),
    ):
        with pytest.raises(ManifestInvalid, match=str(PARTS_LIMIT)):
            parse_manifest(encode(document))


@pytest.mark.parametrize("media_type", sorted(media_types.FOREIGN_LAYER_TYPES))
def test_a_foreign_layer_is_not_demanded(media_type: str) -> None:
    manifest = parse_manifest(encode(image(layers=[descriptor(b"x", media_type)])))
    assert [layer.required for layer in manifest.layers] == [False]


def test_a_layer_with_addresses_is_not_demanded() -> None:
    layer = descriptor(b"x") | {"urls": ["https://example.com/x"]}
    assert not parse_manifest(encode(image(layers=[layer]))).layers[0].required
    assert parse_manifest(encode(image(layers=[layer | {"urls": []}]))).layers[0].required


def test_a_config_and_a_child_are_demanded_whatever_addresses_they_name() -> None:
    """Only the bytes of a layer may live elsewhere; a tag without its config cannot be pulled."""
    urls = {"urls": ["https://example.com/x"]}
    config = parse_manifest(encode(changed(IMAGE, "config.urls", urls["urls"]))).config
    assert config is not None
    assert config.required
    child = descriptor(b"m", media_types.OCI_IMAGE) | urls
    assert parse_manifest(encode(index(manifests=[child]))).children[0].required


def test_a_schema_1_manifest_that_reads_as_another_kind_is_refused() -> None:
    """CVE-2021-41190: what one reader takes for an index, another must not take for an image."""
    for extra in (
        {"mediaType": media_types.OCI_INDEX, "manifests": []},
        {"mediaType": media_types.OCI_IMAGE},
        {"manifests": [descriptor(b"m")]},
        {"layers": [descriptor(b"l")], "config": descriptor(b"{}")},
    ):
        with pytest.raises(ManifestInvalid):
            parse_manifest(encode(schema1(b"x") | extra), media_types.SCHEMA1)


def test_subject_annotations_and_artifact_type_are_read() -> None:
    document = image(
        b"{}", subject=descriptor(b"s"), annotations={"a": "b"}, artifactType="application/x"
    )
    manifest = parse_manifest(encode(document))
    assert manifest.subject == Digest.of(b"s")
    assert manifest.annotations == {"a": "b"}
    assert manifest.artifact_type == "application/x"


def test_the_identifier_answers_what_the_parser_says_and_forgets_in_bounds() -> None:
    identifier = ManifestIdentifier(capacity=2)
    bodies = [encode(image(str(n).encode())) for n in range(5)] + [encode(index())]
    for body in bodies * 2:
        for algorithm in ("sha256", "sha512"):
            kind = media_types.OCI_INDEX if body == bodies[-1] else media_types.OCI_IMAGE
            assert identifier.identify(body, algorithm) == (Digest.of(body, algorithm), kind)
    with pytest.raises(ManifestInvalid):
        identifier.identify(b"damaged", "sha256")
