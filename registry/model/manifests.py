"""Manifests: what one refers to, and whether it may be stored at all.

Sources: OCI image specification 1.1 (image manifest, index, artifacts), Docker image manifest V2
schema 2 and manifest list. The type confusion of CVE-2021-41190 is why an object that could be
read as two kinds is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import DigestInvalid, ManifestInvalid, ManifestUnverified
from registry.model.schema1 import signed_payload

MANIFEST_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of one manifest; all clients assume 4 MiB as the most."""

PARTS_LIMIT: Final = 10_000
"""Descriptors in one manifest; real images have at most a few hundred."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to content; ``required`` is false for layers whose bytes live elsewhere."""

    media_type: str
    digest: Digest
    size: int
    required: bool = True


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says; `identity` is the digest it is known by for an algorithm."""

    media_type: str
    config: Descriptor | None = None
    layers: Sequence[Descriptor] = ()
    children: Sequence[Descriptor] = ()
    subject: Digest | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    payload: bytes | None = None
    """What of a signed schema 1 manifest is hashed; None means all of its bytes."""
    tag: str | None = None
    """The tag that a schema 1 manifest says it belongs to."""

    @property
    def is_index(self) -> bool:
        """Whether this is a multi-platform index or list."""
        return self.media_type in media_types.INDEX_TYPES

    @property
    def blobs(self) -> Iterator[Descriptor]:
        """The config and the layers."""
        if self.config is not None:
            yield self.config
        yield from self.layers

    def identity(self, body: bytes, algorithm: str) -> Digest:
        """Return the digest that ``body``, the bytes of this manifest, is known by."""
        return Digest.of(body if self.payload is None else self.payload, algorithm)


def parse_manifest(body: bytes, content_type: str = "") -> Manifest:
    """Return what ``body`` says, read as ``content_type``.

    The stored media type is a function of the bytes alone: a type that contradicts them is
    refused, so that whoever reads them later without the header reads the same thing.

    Raises:
        ManifestInvalid: not a manifest, or not of that type.
        ManifestUnverified: a signed schema 1 manifest whose signatures do not fit.
    """
    document = _load(body)
    media_type = _media_type_of(document)
    announced = media_types.bare(content_type)
    if announced in ("", media_types.JSON):
        announced = media_type
    if announced == media_types.SCHEMA1_SIGNED and media_type == media_types.SCHEMA1:
        raise ManifestUnverified("the manifest was sent as signed, but has no signatures")
    if announced in media_types.SCHEMA1_TYPES and media_type in media_types.SCHEMA1_TYPES:
        return _parse_schema1(document, body, media_type)
    if announced != media_type:
        raise ManifestInvalid(
            f"the manifest is of type '{media_type}', but was sent as '{announced[:120]}'",
            {"mediaType": media_type},
        )
    return _parse_schema2(document, media_type)


def _load(body: bytes) -> dict[str, Any]:
    """Return the one JSON object in ``body``; duplicate keys would let two readers differ."""
    try:
        document = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique_object,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError:
        raise ManifestInvalid("the manifest is not UTF-8") from None
    except RecursionError:
        raise ManifestInvalid("the manifest is nested too deeply") from None
    except ValueError as error:
        raise ManifestInvalid(f"the manifest is not valid JSON: {error}"[:200]) from None
    if not isinstance(document, dict):
        raise ManifestInvalid("the manifest is not a JSON object")
    return document


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("an object names the same key twice")
    return unique


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _media_type_of(document: Mapping[str, Any]) -> str:
    """Return the type that the object itself states or, by its shape, must have."""
    version = document.get("schemaVersion")
    if isinstance(version, bool) or version not in (1, 2):
        if document.get("mediaType") != media_types.OCI_ARTIFACT:
            raise ManifestInvalid("'schemaVersion' must be 2 (or 1 for a schema 1 manifest)")
    elif version == 1:
        signed = "signatures" in document
        return media_types.SCHEMA1_SIGNED if signed else media_types.SCHEMA1
    if "mediaType" in document:
        stated = document["mediaType"]
        known = media_types.MANIFEST_TYPES - media_types.SCHEMA1_TYPES
        if not isinstance(stated, str) or stated not in known:
            raise ManifestInvalid("'mediaType' is not the type of a manifest")
        return stated
    return media_types.OCI_INDEX if "manifests" in document else media_types.OCI_IMAGE


def _parse_schema1(document: Mapping[str, Any], body: bytes, media_type: str) -> Manifest:
    payload = None
    if media_type == media_types.SCHEMA1_SIGNED:
        # Only what is signed counts: the document could say more beside it.
        payload = signed_payload(document, body)
        signed = _load(payload)
        # The pusher says which bytes are signed. They must be the whole document, or anything
        # could be stored under the digest of something else.
        if signed != {name: value for name, value in document.items() if name != "signatures"}:
            raise ManifestUnverified("the signed payload is not the manifest")
        document = signed
    _refuse_foreign(document, media_type, ("config", "layers", "blobs", "manifests"))
    if document.get("mediaType", media_type) != media_type:
        raise ManifestInvalid("'mediaType' is not that of a schema 1 manifest")
    layers, history = _list(document, "fsLayers"), _list(document, "history")
    if not layers or len(layers) != len(history):
        raise ManifestInvalid("'fsLayers' and 'history' must have the same length, at least 1")
    digests = [
        _digest(layer.get("blobSum") if isinstance(layer, dict) else None, "fsLayers.blobSum")
        for layer in layers
    ]
    return Manifest(
        media_type,
        layers=[Descriptor(media_types.OCTET_STREAM, digest, 0) for digest in digests],
        payload=payload,
        tag=str(document.get("tag")),
    )


def _refuse_foreign(document: Mapping[str, Any], media_type: str, fields: Sequence[str]) -> None:
    """Refuse an object that another reader could take for a manifest of another kind."""
    for name in fields:
        if name in document:
            raise ManifestInvalid(
                f"a manifest of type '{media_type}' has no '{name}'", {"field": name}
            )


def _parse_schema2(document: Mapping[str, Any], media_type: str) -> Manifest:
    index = media_type in media_types.INDEX_TYPES
    foreign = ("config", "layers", "blobs", "fsLayers") if index else ("manifests", "fsLayers")
    _refuse_foreign(document, media_type, foreign)
    subject = document.get("subject")
    return Manifest(
        media_type,
        config=_config(document, media_type),
        layers=[
            _descriptor(entry, "layers", may_be_elsewhere=True)
            for name in ("layers", "blobs")
            for entry in _list(document, name)
        ],
        children=[_descriptor(entry, "manifests") for entry in _list(document, "manifests")],
        subject=None if subject is None else _descriptor(subject, "subject").digest,
        artifact_type=_artifact_type(document),
        annotations=_annotations(document),
    )


def _config(document: Mapping[str, Any], media_type: str) -> Descriptor | None:
    if media_type in media_types.IMAGE_TYPES:
        return _descriptor(document.get("config"), "config")
    return None


def _artifact_type(document: Mapping[str, Any]) -> str:
    artifact_type = document.get("artifactType")
    if artifact_type is None:
        return ""
    if not isinstance(artifact_type, str):
        raise ManifestInvalid("'artifactType' must be a text", {"field": "artifactType"})
    return artifact_type


def _annotations(document: Mapping[str, Any]) -> Mapping[str, str]:
    annotations = document.get("annotations")
    if annotations is None:
        return {}
    if not isinstance(annotations, dict) or not all(
        isinstance(value, str) for value in annotations.values()
    ):
        raise ManifestInvalid("'annotations' must map texts to texts", {"field": "annotations"})
    return annotations


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    """Return the list ``name``; null and absent count as empty, as clients send both."""
    entries = document.get(name)
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise ManifestInvalid(f"'{name}' must be a list", {"field": name})
    if len(entries) > PARTS_LIMIT:
        raise ManifestInvalid(f"'{name}' has more than {PARTS_LIMIT} entries", {"field": name})
    return entries


def _descriptor(entry: Any, name: str, *, may_be_elsewhere: bool = False) -> Descriptor:
    if not isinstance(entry, dict):
        raise ManifestInvalid(f"'{name}' must be a descriptor", {"field": name})
    media_type, size, urls = entry.get("mediaType", ""), entry.get("size"), entry.get("urls")
    if not isinstance(media_type, str):
        raise ManifestInvalid(f"'{name}.mediaType' must be a text", {"field": name})
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63:
        raise ManifestInvalid(f"'{name}.size' must be a number of bytes", {"field": name})
    if urls is not None and not _are_web_addresses(urls):
        raise ManifestInvalid(f"'{name}.urls' must be http or https addresses", {"field": name})
    elsewhere = bool(urls) or media_type in media_types.FOREIGN_LAYER_TYPES
    required = not (may_be_elsewhere and elsewhere)
    return Descriptor(media_type, _digest(entry.get("digest"), name), size, required)


def _are_web_addresses(urls: Any) -> bool:
    return isinstance(urls, list) and all(
        isinstance(url, str) and url.startswith(("http://", "https://")) for url in urls
    )


def _digest(text: Any, name: str) -> Digest:
    try:
        return Digest.parse(text if isinstance(text, str) else "")
    except DigestInvalid as error:
        raise ManifestInvalid(f"'{name}' has no valid digest: {error}", {"field": name}) from None


class ManifestIdentifier:
    """Remembers what stored bytes are, keyed by their own sha256.

    What bytes are is a function of the bytes, so an entry can never become wrong; reading the
    same manifest again costs one hash instead of one parse.
    """

    def __init__(self, capacity: int = 8192) -> None:
        self._capacity = capacity
        self._known: dict[str, tuple[str, Digest]] = {}

    def identify(self, body: bytes, algorithm: str) -> tuple[Digest, str]:
        """Return the digest in ``algorithm`` and the media type of the manifest ``body``.

        Raises:
            ManifestInvalid: the stored bytes are no manifest, so the file has been damaged.
        """
        sha256 = hashlib.sha256(body).hexdigest()
        key = sha256 if algorithm == "sha256" else f"{algorithm} {sha256}"
        known = self._known.get(key)
        if known is None:
            manifest = parse_manifest(body)
            known = (manifest.media_type, manifest.identity(body, algorithm))
            if len(self._known) >= self._capacity:
                self._known.clear()
            self._known[key] = known
        return known[1], known[0]
