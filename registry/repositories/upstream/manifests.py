"""A manifest of an upstream registry: read whole, and believed only by its own bytes."""

from __future__ import annotations

from typing import Final

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import DigestInvalid, ManifestInvalid, ManifestUnverified
from registry.model.manifests import MANIFEST_LIMIT, Manifest, parse_manifest
from registry.model.names import Reference
from registry.repositories.upstream.answers import Answer
from registry.repositories.upstream.calls import Call
from registry.repositories.upstream.failures import Failure
from registry.repositories.upstream.values import ManifestHead, UpstreamManifest

ACCEPT: Final = ", ".join(
    (
        media_types.OCI_INDEX,
        media_types.DOCKER_LIST,
        media_types.OCI_IMAGE,
        media_types.DOCKER_IMAGE,
        media_types.OCI_ARTIFACT,
        media_types.SCHEMA1_SIGNED,
    )
)
"""Every type, the oldest last: a registry may convert what is not asked for, or hide it."""


def read_manifest(call: Call, answer: Answer, reference: Reference) -> UpstreamManifest:
    """Return the manifest that an answer has.

    Raises:
        Failure: it has none, another than was asked for, or another than it says.
    """
    body = answer.body(call, MANIFEST_LIMIT)
    announced = answer.media_type if answer.media_type in media_types.MANIFEST_TYPES else ""
    try:
        parsed = parse_manifest(body, announced)
    except (ManifestInvalid, ManifestUnverified) as error:
        raise Failure(f"'{answer.host}' answers no good manifest: {error.message}") from None
    stated = stated_digest(answer)
    for wanted in (stated, reference):
        if isinstance(wanted, Digest) and not _fits(wanted, parsed, body):
            raise Failure(f"'{answer.host}' answers a manifest that is not {wanted}")
    digest = reference if isinstance(reference, Digest) else None
    digest = digest or parsed.identity(body, stated.algorithm if stated else "sha256")
    return UpstreamManifest(digest, parsed.media_type, body, call.allowance)


def read_head(call: Call, answer: Answer, reference: Reference) -> ManifestHead:
    """Return what an answer without a body says about a manifest.

    Raises:
        Failure: it says that it is another than was asked for.
    """
    digest = stated_digest(answer)
    if isinstance(reference, Digest):
        if digest is not None and digest.algorithm == reference.algorithm and digest != reference:
            raise Failure(f"'{answer.host}' answers a manifest that is not {reference}")
        digest = reference
    known = answer.media_type in media_types.MANIFEST_TYPES
    kind = answer.media_type if known else ""
    return ManifestHead(digest, kind, answer.length, call.allowance)


def stated_digest(answer: Answer) -> Digest | None:
    """Return the digest that an answer says its manifest has; None where it says none."""
    for text in (answer.header("Docker-Content-Digest"), _bare(answer.header("ETag"))):
        try:
            return Digest.parse(text.strip())
        except DigestInvalid:
            continue
    return None


def _bare(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"')


def _fits(wanted: Digest, parsed: Manifest, body: bytes) -> bool:
    # Old registries name a signed manifest by what is signed, and some by all of its bytes.
    return wanted in (parsed.identity(body, wanted.algorithm), Digest.of(body, wanted.algorithm))
