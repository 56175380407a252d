"""A store of many tags, put together by the rooms of the registry, without its HTTP.

Each tag has a configuration and a layer of its own and shares three layers with the other tags of
its image; its labels are those that builds set: who made it, from which revision, which version.
"""

import hashlib
import json
import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path

from registry.config import Config
from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.repositories.local import LocalRepository
from registry.services.setup import FIRST_REPOSITORY, set_up
from registry.storage import open_files
from registry.storage.store import Store
from registry.wiring import build

KEY = RepositoryKey(FIRST_REPOSITORY)
ACTOR = Actor("benchmark", "local")
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
SHARED_LAYERS = 3
LARGE = ImageName("large/image")
"""One image with very many tags, for pages of tags."""


def image_name(number: int) -> ImageName:
    """The name of an image of the store."""
    return ImageName(f"team-{number % 50}/service-{number}")


def tag_name(number: int) -> Tag:
    """The name of a tag of each image of the store."""
    return Tag(f"1.{number}.0")


def revision(image: ImageName, tag: Tag) -> str:
    """The label that this tag alone has."""
    return hashlib.sha1(f"{image}:{tag}".encode()).hexdigest()


def shared_layer(image: ImageName, number: int) -> Digest:
    """A layer that all tags of an image have."""
    return Digest.of(_layer(image, number))


def make(folder: Path, images: int, tags: int, processes: int, password: str) -> None:
    """Set up ``folder`` and put ``tags`` tags into each of ``images`` images."""
    set_up(build(Config(storage_root=str(folder))), password)
    parts = [range(start, images, processes) for start in range(processes)]
    _together([(str(folder), [image_name(n) for n in part], tags) for part in parts])


def make_large(folder: Path, tags: int, processes: int, password: str) -> None:
    """Set up ``folder`` and put one manifest under ``tags`` tags of one image."""
    set_up(build(Config(storage_root=str(folder))), password)
    step = -(-tags // processes)
    names = [range(start, min(start + step, tags)) for start in range(0, tags, step)]
    with multiprocessing.Pool(len(names), _be_quick) as pool:
        pool.starmap(_tag, [(str(folder), part) for part in names])


def _together(parts: Sequence[tuple[str, list[ImageName], int]]) -> None:
    with multiprocessing.Pool(len(parts), _be_quick) as pool:
        pool.starmap(_fill, parts)


def _be_quick() -> None:
    """Sync nothing: nobody needs this store after a power cut."""
    os.fsync = lambda descriptor: None  # type: ignore[assignment]
    open_files.sync_filesystem = lambda path: None


def _fill(folder: str, images: Sequence[ImageName], tags: int) -> None:
    store, repository = open_store(folder)
    for image in images:
        for number in range(tags):
            push(store, repository, image, tag_name(number))
    store.journal.close()


def _tag(folder: str, numbers: range) -> None:
    store, repository = open_store(folder)
    body = push(store, repository, LARGE, Tag(f"first-{numbers.start}"))
    for number in numbers:
        repository.put_manifest(LARGE, Tag(f"t{number:06}"), body, MANIFEST_TYPE, ACTOR)
    store.journal.close()


def open_store(folder: str) -> tuple[Store, LocalRepository]:
    """Return the storage room over a store, and its one repository."""
    instance = build(Config(storage_root=folder))
    return instance.store, LocalRepository(instance.store, instance.definitions.get(KEY))


def push(store: Store, repository: LocalRepository, image: ImageName, tag: Tag) -> bytes:
    """Put a tag with blobs of its own into an image, and return its manifest."""
    labels = {
        "org.opencontainers.image.vendor": "Example",
        "org.opencontainers.image.title": image,
        "org.opencontainers.image.version": tag,
        "org.opencontainers.image.revision": revision(image, tag),
    }
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": labels}})
    layers = [_layer(image, number) for number in range(SHARED_LAYERS)]
    layers.append(f"layer of {image}:{tag}".encode())
    for data in (config.encode(), *layers):
        digest = Digest.of(data)
        store.filestore.store(data, digest)
        store.links.add(KEY, image, digest)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(CONFIG_TYPE, config.encode()),
        "layers": [_descriptor(LAYER_TYPE, layer) for layer in layers],
    }
    body = json.dumps(document).encode()
    repository.put_manifest(image, tag, body, MANIFEST_TYPE, ACTOR)
    return body


def _layer(image: ImageName, number: int) -> bytes:
    return f"layer {number} of {image}".encode()


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": Digest.of(data), "size": len(data)}
