"""The headers by which Artifactory's clients know content: its checksums, file name, repository.

For a manifest they are made once and remembered, because its bytes never change under a digest.
A blob has what its digest says: to look for its SHA-1 and MD5 would cost a pull a look at the
disk, and whoever wants them asks for the file by its path.
"""

from __future__ import annotations

from typing import Final

from registry.model.allowance import Allowance
from registry.model.content import Blob, Freshness, StoredManifest
from registry.model.digests import Digest
from registry.model.media_types import INDEX_TYPES
from registry.storage.layout import INDEX_FILE, MANIFEST_FILE, content_name
from registry.storage.store import Store

Header = tuple[str, str]

_REMEMBERED: Final = 2048
"""Manifests whose headers are remembered; a megabyte or two."""


class ManifestHeaders:
    """Makes the headers of manifests."""

    def __init__(self) -> None:
        self._known: dict[tuple[Digest, str], tuple[Header, ...]] = {}

    def of(self, stored: StoredManifest, store: Store) -> tuple[Header, ...]:
        """Return the headers that say what the manifest is, whoever asks for it."""
        # A manifest that does not say its type has that which it was pushed with.
        key = (stored.digest, stored.media_type)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[key] = _manifest_headers(stored, store)
        return known


def _manifest_headers(stored: StoredManifest, store: Store) -> tuple[Header, ...]:
    is_index = stored.media_type in INDEX_TYPES
    sums = store.checksums.of_bytes(stored.body)
    return (
        ("Content-Type", stored.media_type),
        ("Docker-Content-Digest", stored.digest),
        ("ETag", f'"{stored.digest}"'),
        ("X-Artifactory-Filename", INDEX_FILE if is_index else MANIFEST_FILE),
        ("X-Checksum-Sha256", Digest.of(stored.body).encoded),
        ("X-Checksum-Sha1", sums.sha1),
        ("X-Checksum-Md5", sums.md5),
    )


def blob_headers(key: str, blob: Blob) -> list[Header]:
    """Return the headers that say what a blob of a repository is to Artifactory's clients."""
    headers = [
        ("X-Artifactory-Docker-Registry", key),
        ("X-Artifactory-Filename", content_name(blob.digest)),
    ]
    if blob.digest.algorithm == "sha256":
        headers.append(("X-Checksum-Sha256", blob.digest.encoded))
    return [*headers, *member_headers(blob)]


def member_headers(found: Blob | StoredManifest) -> list[Header]:
    """Return the header that says which member of a virtual repository has something."""
    return [] if found.member is None else [("X-Registry-Member", found.member)]


def freshness_headers(freshness: Freshness, allowance: Allowance | None) -> list[Header]:
    """Return the headers that say how a remote repository came to its answer.

    ``Warning: 110`` is how HTTP said of an answer that it may be out of date (RFC 7234, 5.5.1).
    What upstream said of its ``allowance`` when it was asked for this is passed on in its words,
    for whoever checks that of Docker Hub with curl. An answer that upstream was not asked for says
    nothing of it: it has cost nothing, and what is left may have changed.
    """
    headers = [("X-Registry-Cache", str(freshness))]
    if freshness is Freshness.STALE:
        headers.append(("Warning", '110 - "Response is Stale"'))
    if allowance is not None:
        window = "" if allowance.window is None else f";w={allowance.window}"
        for name, amount in (("Limit", allowance.limit), ("Remaining", allowance.remaining)):
            if amount is not None:
                headers.append((f"RateLimit-{name}", f"{amount}{window}"))
    return headers
