"""Where bytes are and what they are; how they travel is for the face to decide."""

from __future__ import annotations

from dataclasses import dataclass

from registry.model.digests import Digest


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob that an image may show: its digest, its size in bytes, and the file to read."""

    digest: Digest
    size: int
    path: str


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest with the exact bytes that were pushed."""

    digest: Digest
    media_type: str
    body: bytes


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
