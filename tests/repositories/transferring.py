"""Words of the tests of copying and moving: two repositories, and an image with all that can be."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from registry.model import media_types
from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import ImageUnknown, ManifestUnknown
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.model.paging import PageRequest
from registry.repositories.base import MayReplace
from registry.repositories.belongings import Parcel, Transfer
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.repositories.transfers import Transfers
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.model import documents
from tests.repositories.pushing import IMAGE, KEY, TAG, check_whole, image_body, push_blob, put

TARGET = RepositoryKey("docker-prod")
BOB = Actor("bob", "192.0.2.7")
PROMOTED = Transfer(IMAGE, TAG, IMAGE, TAG, event="promote")


@dataclass
class Pair:
    """A repository to bring images from, and one to bring them to."""

    store: Store
    source: LocalRepository
    target: LocalRepository

    @property
    def transfers(self) -> Transfers:
        return Transfers(self.store, Definitions(self.store))

    def run(
        self,
        transfer: Transfer = PROMOTED,
        may_replace: MayReplace | None = None,
        **changed: Any,
    ) -> Parcel:
        """Bring a manifest from the one to the other."""
        wanted = replace(transfer, **changed)
        return self.transfers.run(KEY, TARGET, wanted, BOB, may_replace)

    def check(self) -> None:
        """Assert that all that can be seen in both pulls completely."""
        for repository in (self.source, self.target):
            check_whole(self.store, repository)

    def sidecar(self, key: RepositoryKey, reference: Reference = TAG) -> dict[str, Any]:
        found = self.store.manifests.sidecar(Place(key, IMAGE), reference)
        assert found is not None
        return found

    def journal(self) -> list[dict[str, Any]]:
        folder = Path(self.store.layout.top("journal"))
        files = sorted(folder.iterdir())
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def make_pair(store: Store, **fields: Any) -> Pair:
    definitions = Definitions(store)
    definitions.create(TARGET, "local", fields)
    return Pair(
        store,
        LocalRepository(store, definitions.get(KEY)),
        LocalRepository(store, definitions.get(TARGET)),
    )


def folders(repository: LocalRepository, store: Store, image: ImageName = IMAGE) -> set[str]:
    """Return the tags and digests that have manifest folders."""
    return set(store.manifests.folders(Place(repository.key, image)))


def shown(repository: LocalRepository, store: Store, image: ImageName = IMAGE) -> set[str]:
    """Return the digests that the image shows."""
    return set(store.manifests.digests(Place(repository.key, image)))


def images(repository: LocalRepository) -> list[str]:
    return list(repository.images(PageRequest()).names)


def stands_for(
    repository: LocalRepository, reference: Reference = TAG, image: ImageName = IMAGE
) -> Digest | None:
    try:
        return repository.manifest(image, reference).digest
    except (ManifestUnknown, ImageUnknown):
        return None


def referring(subject: bytes, *layers: bytes, kind: str = media_types.OCI_IMAGE) -> bytes:
    """Return an artifact whose subject is ``subject``."""
    return documents.encode(
        documents.image(b"{}", *layers, subject=documents.descriptor(subject, kind))
    )


@dataclass(frozen=True)
class Family:
    """A multi-platform image with everything that clients add to one."""

    children: tuple[bytes, bytes]
    index: bytes
    sbom: bytes
    """A referrer of the index."""
    attestation: bytes
    """A referrer of the first child."""
    seal: bytes
    """A referrer of the SBOM."""
    signature: bytes
    """What cosign puts under a tag that is made of the digest of the index."""

    @property
    def signature_tag(self) -> Tag:
        return Tag(Digest.of(self.index).replace(":", "-") + ".sig")

    @property
    def by_digest(self) -> set[str]:
        return {Digest.of(x) for x in (*self.children, self.sbom, self.attestation, self.seal)}


def push_family(repository: LocalRepository, tag: Tag = TAG, note: str = "") -> Family:
    """Push an index with two children, an SBOM, an attestation, a seal and a signature."""
    layers = [
        f"{name} {note}".encode() for name in ("amd64", "arm64", "sbom", "att", "seal", "sig")
    ]
    for data in (b"{}", *layers):
        push_blob(repository, data)
    children = (
        image_body(layers[0], config=b"{}", note=note),
        image_body(layers[1], config=b"{}", note=note),
    )
    index = documents.encode(documents.index(*children, annotations={"note": note}))
    for child in children:
        put(repository, child, Digest.of(child))
    put(repository, index, tag)
    sbom = referring(index, layers[2], kind=media_types.OCI_INDEX)
    attestation = referring(children[0], layers[3])
    seal = referring(sbom, layers[4])
    for body in (sbom, attestation, seal):
        put(repository, body, Digest.of(body))
    family = Family(children, index, sbom, attestation, seal, image_body(layers[5], config=b"{}"))
    put(repository, family.signature, family.signature_tag)
    return family
