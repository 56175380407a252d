"""Pushing as a client does: blobs first, then the manifest."""

from __future__ import annotations

import os
from collections.abc import Sequence

from registry.model import media_types
from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown
from registry.model.manifests import parse_manifest
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.model.paging import PageRequest
from registry.repositories.base import PushedManifest, Repository
from registry.storage.layout import content_name
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.model import documents

KEY = RepositoryKey("docker-local")
IMAGE = ImageName("team/app")
OTHER = ImageName("team/other")
TAG = Tag("1.0")
ALICE = Actor("alice", "192.0.2.1")
CONFIG = b'{"config": {"Labels": {"maintainer": "alice"}}}'


def push_blob(repository: Repository, data: bytes, image: ImageName = IMAGE) -> Digest:
    """Upload a blob in one request."""
    digest = Digest.of(data)
    writer = repository.open_whole_upload(image, "sha256", ALICE, len(data))
    try:
        writer.write(data)
        repository.finish_upload(image, writer, digest)
    finally:
        writer.close()
    return digest


def image_body(*layers: bytes, config: bytes = CONFIG, note: str = "") -> bytes:
    """Return an image manifest; another ``note`` makes another one."""
    return documents.encode(documents.image(config, *layers, annotations={"note": note}))


def index_body(*children: bytes, note: str = "") -> bytes:
    """Return an index."""
    return documents.encode(documents.index(*children, annotations={"note": note}))


def put(
    repository: Repository,
    body: bytes,
    reference: Reference = TAG,
    image: ImageName = IMAGE,
    tags: Sequence[Tag] = (),
) -> PushedManifest:
    """Put a manifest."""
    return repository.put_manifest(image, reference, body, media_types.JSON, ALICE, tags)


def push_image(
    repository: Repository,
    *layers: bytes,
    reference: Reference | None = None,
    image: ImageName = IMAGE,
    note: str = "",
) -> bytes:
    """Push blobs and manifest; return the manifest."""
    for data in (CONFIG, *layers):
        push_blob(repository, data, image)
    body = image_body(*layers, note=note)
    put(repository, body, TAG if reference is None else reference, image)
    return body


def all_tags(repository: Repository, image: ImageName = IMAGE) -> list[str]:
    """Return all tags of an image."""
    return list(repository.tags(image, PageRequest()).names)


def check_whole(store: Store, repository: Repository) -> int:
    """Assert that every tag and digest that can be seen pulls completely; return their number.

    The tag folders must own their layers as well, because `_layers` is no more than a lease.
    """
    seen = 0
    for image in repository.images(PageRequest()).names:
        place = Place(repository.key, image)
        for reference in store.manifests.folders(place):
            check_manifest(store, repository, place, reference)
            seen += 1
        manifests = store.layout.manifests(place.key, image)
        for name in os.listdir(manifests):
            with open(f"{manifests}/{name}", "rb") as file:
                assert content_name(Digest.of(file.read())) == name
    for folder, _, names in os.walk(store.layout.top("filestore")):
        for name in names:
            if not name.startswith("_"):
                with open(f"{folder}/{name}", "rb") as file:
                    assert Digest.of(file.read()).encoded == name
    return seen


def check_manifest(
    store: Store, repository: Repository, place: Place, reference: Reference
) -> None:
    stored = repository.manifest(place.image, reference)
    assert Digest.of(stored.body) == stored.digest
    assert repository.manifest(place.image, stored.digest).body == stored.body
    manifest = parse_manifest(stored.body, stored.media_type)
    for part in manifest.blobs:
        with open(repository.blob(place.image, part.digest).path, "rb") as file:
            assert Digest.of(file.read()) == part.digest
        assert store.manifests.holds(place, reference, part.digest), (reference, part)
    for child in manifest.children:
        check_manifest_by_digest(store, repository, place, child.digest)


def check_manifest_by_digest(
    store: Store, repository: Repository, place: Place, digest: Digest
) -> None:
    stored = repository.manifest(place.image, digest)
    for part in parse_manifest(stored.body, stored.media_type).blobs:
        with open(repository.blob(place.image, part.digest).path, "rb") as file:
            assert Digest.of(file.read()) == part.digest


def body_of(repository: Repository, reference: Reference = TAG) -> bytes | None:
    """Return what stands under a reference, or None."""
    try:
        return repository.manifest(IMAGE, reference).body
    except ManifestUnknown:
        return None
