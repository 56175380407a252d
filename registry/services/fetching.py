"""Fetching what a place in the tree of a remote or virtual repository names and nobody has yet."""

from __future__ import annotations

from registry.access.principals import Action
from registry.model.content import Blob, StoredManifest
from registry.model.errors import BlobUnknown, ManifestUnknown, RegistryError
from registry.model.names import ImageName, parse_reference
from registry.repositories.guarded import GuardedRepository
from registry.storage.layout import MANIFEST_FILES, parse_content_name


def fetch_location(repository: GuardedRepository, location: str) -> Blob | StoredManifest | None:
    """Return what an upstream has for the place of a manifest or a layer; None if that is nothing.

    A manifest is in the tree from then on; a layer may still be on its way.

    Raises:
        UpstreamError: nobody can say whether there is such a thing.
    """
    folder, _, name = location.rpartition("/")
    above, _, last = folder.rpartition("/")
    digest = parse_content_name(name) if "__" in name else None
    try:
        image, reference = ImageName.parse(above), parse_reference(last.replace("__", ":"))
    except RegistryError:
        return None
    if name not in MANIFEST_FILES and digest is None:
        return None
    if not repository.may(Action.READ, image, reference):
        return None
    try:
        if digest is not None:
            return repository.blob(image, digest, fetch=True)
        return repository.manifest(image, reference)
    except (BlobUnknown, ManifestUnknown):
        return None
