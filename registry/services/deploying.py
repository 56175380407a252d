"""Deploying files by their place in the tree: layers and a manifest make an image.

Source: Artifactory's REST API, "Deploy Artifact", "Deploy Artifact by Checksum". A Docker
repository has places for manifests, and for content under its digest; for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from registry.model.content import Blob
from registry.model.digests import HEX_LENGTHS, Digest
from registry.model.errors import (
    BlobUnknown,
    ChecksumMismatch,
    ContentUnknown,
    DigestMismatch,
    LocationInvalid,
    RegistryError,
    RequestInvalid,
)
from registry.model.names import ImageName, Reference, Tag
from registry.repositories.directory import GuardedDirectory
from registry.repositories.guarded import GuardedRepository
from registry.storage.checksums import LENGTHS, Checksums, ChecksumStore
from registry.storage.layout import MANIFEST_FILES, parse_content_name
from registry.storage.upload_writer import UploadWriter

_UPLOADS: Final = "_uploads"
_NOTHING: Final = Digest(f"sha256:{'0' * 64}")
"""What is looked for in the place of content that nobody has, so that it takes as long."""
_LENGTHS: Final = {**LENGTHS, "sha256": HEX_LENGTHS["sha256"]}


@dataclass(frozen=True, slots=True)
class Target:
    """The place of a file: a manifest has no digest before its bytes are there."""

    image: ImageName
    reference: Reference | None
    digest: Digest | None

    @property
    def is_manifest(self) -> bool:
        """Whether it is the place of a manifest."""
        return self.digest is None


def parse_target(location: str) -> Target:
    """Return what a file at a location would be.

    Raises:
        LocationInvalid: no Docker image has a file there.
    """
    folder, _, name = location.rpartition("/")
    above, _, last = folder.rpartition("/")
    try:
        image = ImageName.parse(above)
        if last == _UPLOADS:
            reference: Reference | None = None
        else:
            reference = Digest.parse(last) if ":" in last else Tag.parse(last)
    except RegistryError as error:
        raise LocationInvalid(f"{_PLACES} {error.message}") from None
    if name in MANIFEST_FILES and reference is not None:
        return Target(image, reference, None)
    digest = parse_content_name(name) if "__" in name else None
    if digest is None:
        raise LocationInvalid(_PLACES)
    return Target(image, reference, digest)


_PLACES: Final = (
    "A Docker repository takes manifest.json, list.manifest.json and sha256__<hex>, in the folder "
    "<image>/<tag>."
)


def stated_checksums(header: Callable[[str], str | None]) -> dict[str, str]:
    """Return the checksums that a client states, by kind; the kind of a bare one is its length.

    ``header`` returns the value of a header.

    Raises:
        RequestInvalid: one has the wrong form.
    """
    found: dict[str, str] = {}
    for kind, length in _LENGTHS.items():
        value = (header(f"X-Checksum-{kind.capitalize()}") or "").strip().lower()
        if value and not _is_hex(value, length):
            raise RequestInvalid(f"X-Checksum-{kind.capitalize()} has {length} hex digits")
        if value:
            found[kind] = value
    bare = (header("X-Checksum") or "").strip().lower()
    for kind, length in _LENGTHS.items():
        if _is_hex(bare, length):
            found.setdefault(kind, bare)
    return found


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and all(letter in "0123456789abcdef" for letter in text)


class Deploying:
    """Deploys to the repositories of one registry."""

    def __init__(self, checksums: ChecksumStore) -> None:
        self._checksums = checksums

    def known_content(
        self, directory: GuardedDirectory, repository: GuardedRepository, stated: Mapping[str, str]
    ) -> Blob:
        """Return stored content with the stated checksums, if the caller may read it somewhere.

        Raises:
            RequestInvalid: no checksum is stated.
            ContentUnknown: there is none, or the caller may not know of it; not told apart.
        """
        if not stated:
            raise RequestInvalid("Checksum values not provided")
        for digest in self._candidates(stated):
            try:
                return directory.find_blob(digest, repository)
            except BlobUnknown:
                continue
        raise ContentUnknown("no content with this checksum is known; deploy it with its bytes")

    def _candidates(self, stated: Mapping[str, str]) -> list[Digest]:
        if "sha256" in stated:
            return [Digest(f"sha256:{stated['sha256']}")]
        kind = "sha1" if "sha1" in stated else "md5"
        return list(self._checksums.find(kind, stated[kind])) or [_NOTHING]

    def mount(self, repository: GuardedRepository, target: Target, blob: Blob) -> None:
        """Deploy stored content to the place that is named after it.

        Raises:
            ChecksumMismatch: the place is that of other content.
        """
        if target.digest != blob.digest:
            raise ChecksumMismatch(
                f"the name of the file says {target.digest}, the checksum is that of {blob.digest}"
            )
        repository.mount_blob(target.image, blob)
        self._place(repository, target)

    def finish(
        self,
        repository: GuardedRepository,
        target: Target,
        writer: UploadWriter,
        stated: Mapping[str, str],
    ) -> None:
        """Deploy the bytes of an upload; of refused ones nothing is kept.

        Raises:
            ChecksumMismatch: they have another digest than the name of the file says, or another
                checksum than the client states.
        """
        digest = target.digest
        if digest is None:
            raise LocationInvalid(_PLACES)
        if stated.get("sha1") or stated.get("md5"):
            require_equal(self._checksums.of_open_file(writer.descriptor), stated)
        if stated.get("sha256", digest.encoded) != digest.encoded and digest.algorithm == "sha256":
            raise ChecksumMismatch("the stated SHA-256 is not the one in the name of the file")
        try:
            repository.finish_upload(target.image, writer, digest)
        except DigestMismatch as error:
            raise ChecksumMismatch(
                "the bytes do not have the digest that the name of the file says", *error.details
            ) from None
        self._place(repository, target)

    def manifest(
        self,
        repository: GuardedRepository,
        target: Target,
        body: bytes,
        stated: Mapping[str, str],
    ) -> None:
        """Deploy a manifest: from then on its tag can be pulled.

        Raises:
            ChecksumMismatch, and what `Repository.put_manifest` raises.
        """
        require_equal(self._checksums.of_bytes(body), stated)
        if stated.get("sha256", "") not in ("", Digest.of(body).encoded):
            raise ChecksumMismatch("the bytes do not have the stated SHA-256")
        if target.reference is None:
            raise LocationInvalid(_PLACES)
        repository.put_manifest(target.image, target.reference, body, "")

    @staticmethod
    def _place(repository: GuardedRepository, target: Target) -> None:
        if target.reference is not None and target.digest is not None:
            repository.place_blob(target.image, target.reference, target.digest)


def require_equal(found: Checksums, stated: Mapping[str, str]) -> None:
    """Raise ChecksumMismatch if a stated SHA-1 or MD5 is not the found one."""
    for kind, value in (("sha1", found.sha1), ("md5", found.md5)):
        if stated.get(kind, value) != value:
            raise ChecksumMismatch(
                f"the bytes do not have the stated {kind}", {"stated": stated[kind], kind: value}
            )
