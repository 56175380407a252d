"""Where bytes are and what they are; how they travel is for the face to decide."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from registry.model.allowance import Allowance
from registry.model.arriving import Arriving
from registry.model.digests import Digest
from registry.model.names import RepositoryKey


class Freshness(StrEnum):
    """How a remote repository came to what it answers."""

    HIT = "hit"
    """From its cache, which is trusted for now."""
    REVALIDATED = "revalidated"
    """From its cache, after upstream has said that it is still so."""
    FETCHED = "fetched"
    """From upstream."""
    STALE = "stale"
    """From its cache, because upstream could not say whether it is still so."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob that an image may show: its digest, its size in bytes, and the file to read."""

    digest: Digest
    size: int
    path: str
    """The file; empty as long as the blob is not here."""
    arriving: Arriving | None = field(default=None, compare=False)
    """What lets the bytes come, where they are not all here yet; they can be sent, but not used."""
    member: RepositoryKey | None = field(default=None, compare=False)
    """Of a virtual repository: which member has it."""

    def of(self, member: RepositoryKey) -> Blob:
        """Return the same blob as one that a member has."""
        return Blob(self.digest, self.size, self.path, self.arriving, member)


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest with the exact bytes that were pushed."""

    digest: Digest
    media_type: str
    body: bytes
    freshness: Freshness | None = field(default=None, compare=False)
    """Of a remote repository: how it came to this answer."""
    member: RepositoryKey | None = field(default=None, compare=False)
    """Of a virtual repository: which member has it."""
    allowance: Allowance | None = field(default=None, compare=False)
    """Of a remote repository: what upstream said of it when it was asked for this."""

    def of(self, member: RepositoryKey) -> StoredManifest:
        """Return the same manifest as one that a member has."""
        return StoredManifest(
            self.digest, self.media_type, self.body, self.freshness, member, self.allowance
        )


@dataclass(frozen=True, slots=True)
class UploadState:
    """An upload on its way: its id and how many bytes have been received."""

    id: str
    size: int


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, from which address: what the journal and the sidecars record."""

    name: str
    address: str
    token: str = ""
    """The id of the access token or API key that was presented, if it was one."""
