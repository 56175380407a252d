"""Checking that an image has a blob that a manifest of it names."""

from __future__ import annotations

from collections.abc import Iterator

from registry.model.manifests import Descriptor
from registry.model.names import Reference
from registry.services.findings import Finding
from registry.services.inspection import Inspection
from registry.storage import walk
from registry.storage.layout import content_name
from registry.storage.manifest_files import Place


class BlobChecker:
    """Checks blobs of images."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._layout = inspection.layout

    def check(
        self,
        place: Place,
        reference: Reference,
        blob: Descriptor,
        *,
        sized: bool = True,
        has_folder: bool = True,
    ) -> Iterator[Finding]:
        """Report what is wrong with a blob that the manifest under ``reference`` names.

        ``sized`` says whether the manifest knows its size. Without ``has_folder`` the manifest is
        shown by digest only, and owns nothing.
        """
        digest = blob.digest
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        linked = f"{folder}/{content_name(digest)}"
        shown = self._layout.layer(place.key, place.image, digest)
        paths = (linked, shown, self._layout.content(digest))
        link, layer, content = map(walk.look_at, paths)
        needed = blob.required and not self._inspection.is_sparse(place.key)
        about = {"place": place, "reference": reference, "digest": digest}
        if not (link and layer) and self._inspection.is_quarantined(digest):
            return
        if not (link or layer or content):
            if needed:
                message = "is missing, here and in the filestore"
                yield self._inspection.finding("layer-missing", linked, message, **about)
            return
        if link is None and needed and has_folder:
            message = "is missing, but the content is there"
            yield self._inspection.finding("layer-link-missing", linked, message, **about)
        if layer is None and (needed or link is not None):
            message = f"is missing, but '{reference}' needs it"
            yield self._inspection.finding("blob-link-missing", shown, message, **about)
        if sized:
            yield from self._size(blob, paths)

    def _size(self, blob: Descriptor, paths: tuple[str, ...]) -> Iterator[Finding]:
        """Report content of another size than the manifest says.

        A manifest that lies about sizes is taken as its client sent it, so the bytes decide.
        """
        for path in paths:
            status = walk.look_at(path)
            if status is None or status.st_size == blob.size:
                continue
            try:
                good = self._inspection.verifier.is_good(path, blob.digest)
            except OSError as error:
                yield self._inspection.finding(
                    "unreadable", path, f"cannot be read: {error.strerror}"
                )
                continue
            if not good and status.st_size:
                message = f"has {status.st_size} bytes, not {blob.size}"
                yield self._inspection.finding(
                    "layer-size-wrong", path, message, digest=blob.digest, inode=status.st_ino
                )
