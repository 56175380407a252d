"""A storage folder with everything that a healthy one can have, made as clients make it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from registry.model.content import Actor
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.targets import parse_target
from registry.services.checking import Checking
from registry.services.findings import Finding
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http import es256
from tests.http.support import (
    CONFIG,
    DOCKER_IMAGE,
    DOCKER_LIST,
    IMAGE,
    KEY,
    LAYER,
    OCI_IMAGE,
    descriptor,
    digest_of,
    encoded,
    index_object,
    manifest_bytes,
    manifest_object,
    push,
    push_image,
    put_blob,
    put_manifest,
    start,
)

ACTOR = Actor("admin", "local")
SPARSE, OLD, GONE = (RepositoryKey(name) for name in ("docker-sparse", "docker-old", "docker-gone"))
LABELLED = encoded({"config": {"Labels": {"maintainer": "alice"}}})
OWN = b"a layer of one image only " * 50
SHARED = b"a layer of several images " * 50
FIRST = manifest_bytes(CONFIG, (LAYER, SHARED))
"""The manifest of the tags ``1.0`` and ``latest``."""
CHILD = manifest_bytes(CONFIG, (OWN,), annotations={"platform": "amd64"})
OTHER_CHILD = manifest_bytes(CONFIG, (SHARED,), annotations={"platform": "arm64"})
INDEX = encoded(index_object([CHILD, OTHER_CHILD]))
"""The manifest of the tag ``multi``; its children have no tag."""
SIGNATURE = manifest_bytes(
    subject={"mediaType": OCI_IMAGE, "digest": digest_of(FIRST), "size": len(FIRST)}
)
"""A manifest without a tag whose subject is ``FIRST``."""
DAY = 86_400.0


def fill(client: Client, instance: Instance) -> None:
    """Push, overwrite, delete, restore and leave half-done what can be."""
    _fill_images(client, instance)
    _fill_rarities(client, instance)
    for key in (SPARSE, OLD, GONE):
        instance.definitions.create(key, "local", {})
    instance.definitions.update(SPARSE, {"allowSparseIndexes": True})
    instance.definitions.update(OLD, {"blockPushingSchema1": False})
    sparse, old, gone = (f"/v2/{key}/some" for key in (SPARSE, OLD, GONE))
    push(client, "index", encoded(index_object([CHILD])), sparse)
    put_blob(client, CONFIG, sparse)
    push(client, "image", manifest_bytes(CONFIG, (b"never uploaded",)), sparse)
    put_blob(client, LAYER, old)
    payload = es256.schema1(f"{OLD}/some", "signed", [digest_of(LAYER)])
    signed = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    put_manifest(client, "signed", es256.signed(payload), old, signed)
    plain = es256.schema1(f"{OLD}/some", "plain", [digest_of(LAYER)])
    put_manifest(
        client, "plain", plain, old, "application/vnd.docker.distribution.manifest.v1+json"
    )
    push_image(client, "1.0", gone, layers=(b"of a deleted repository",))
    instance.definitions.delete(GONE, ACTOR)
    instance.users.add("bob", "long-enough")


def _fill_images(client: Client, instance: Instance) -> None:
    push_image(client, "1.0", layers=(LAYER, SHARED))
    push(client, "latest", FIRST)
    push_image(client, "own", config=LABELLED, layers=(OWN,), media_type=DOCKER_IMAGE)
    push_image(client, "moved", layers=(b"before",))
    push_image(client, "moved", layers=(b"after",))
    push(client, digest_of(CHILD), CHILD)
    push(client, digest_of(OTHER_CHILD), OTHER_CHILD)
    push(client, "multi", INDEX)
    push(client, "turned", FIRST)
    push(client, "turned", INDEX)
    push(client, digest_of(SIGNATURE), SIGNATURE)
    for reference in ("untagged", "deleted", "back"):
        push_image(client, reference, layers=(reference.encode(),))
    client.request("DELETE", f"{IMAGE}/manifests/untagged")
    repository = instance.directory.unguarded_repository(RepositoryKey(KEY))
    for reference in ("deleted", "back"):
        repository.delete_tag(ImageName("team/app"), Tag(reference), ACTOR)
    instance.trashcan.restore(parse_target(f"{KEY}/team/app:back"), ACTOR)
    _give_properties(client)


def _give_properties(client: Client) -> None:
    """Set properties on folders and all in them, make a folder, and ask for checksums."""
    storage = f"/artifactory/api/storage/{KEY}"
    assert client.request("PUT", f"{storage}/team?properties=stage=test").status_code == 204
    assert client.request("PUT", f"/artifactory/{KEY}/made/here/").status_code == 201
    assert client.get(f"{storage}/team?list&deep=1").status_code == 200


def _fill_rarities(client: Client, instance: Instance) -> None:
    push(client, "deep", FIRST)
    push_image(client, "1.0", f"{IMAGE}/deep", layers=(LAYER,))
    push_image(client, "_layers", layers=(b"",))
    push_image(client, "manifest.json", layers=(b"\0",))
    push_image(client, "1.0", f"/v2/{KEY}/manifest.json", layers=(SHARED,))
    lying = manifest_object(CONFIG, ())
    lying["layers"] = [descriptor(SHARED) | {"size": 1}]
    lying["layers"].append(descriptor(b"elsewhere", urls=["https://192.0.2.1/layer"]))
    push(client, "lying", encoded(lying))
    for data in (CONFIG, SHARED):
        put_blob(client, data, f"/v2/{KEY}/long", "sha512")
    long = manifest_object(CONFIG, ())
    long["config"]["digest"] = digest_of(CONFIG, "sha512")
    long["layers"] = [descriptor(SHARED) | {"digest": digest_of(SHARED, "sha512")}]
    push(client, "1.0", encoded(long), f"/v2/{KEY}/long")
    push(client, digest_of(encoded(long), "sha512"), encoded(long), f"/v2/{KEY}/long")
    docker_list = encoded(index_object([FIRST], DOCKER_LIST))
    push(client, "list", docker_list)
    put_blob(client, b"leased, and named by no manifest")
    client.request("PATCH", start(client), body=b"half of an upload")
    client.get(f"{IMAGE}/manifests/1.0")


def copy(source: Path, target: Path, *, hard_links: bool = True) -> Path:
    """Copy a storage folder; without hard links every name becomes a file of its own."""
    known: dict[int, str] = {}

    def one(name: str, to: str) -> None:
        inode = os.stat(name).st_ino
        if hard_links and inode in known:
            os.link(known[inode], to)
        else:
            known[inode] = to
            shutil.copy2(name, to)

    shutil.copytree(source, target, copy_function=one)
    return target


def later(instance: Instance, days: float = 10) -> Checking:
    """Return a check for which it is some days later."""
    return Checking(instance.store, instance.definitions, 2 * DAY, lambda: time.time() + days * DAY)


def found(instance: Instance, *, deep: bool = False, days: float = 10) -> list[Finding]:
    """Return what a check finds some days later."""
    return list(later(instance, days).run(deep=deep))


def kinds(findings: Sequence[Finding]) -> set[str]:
    """Return the kinds of findings."""
    return {finding.kind for finding in findings}


def pull(client: Client, reference: str = "1.0", image: str = IMAGE) -> None:
    """Pull everything under a reference, and check every byte."""
    answer = client.get(f"{image}/manifests/{reference}")
    assert answer.status_code == 200, (reference, answer.text)
    digest = answer.headers["Docker-Content-Digest"]
    document = answer.get_json(force=True)
    for child in document.get("manifests", ()):
        pull(client, child["digest"], image)
    if "fsLayers" not in document:
        algorithm = digest.partition(":")[0]
        assert digest_of(answer.data, algorithm) == digest
    blobs = [*document.get("layers", ()), *([document["config"]] if "config" in document else ())]
    for blob in blobs:
        if "urls" in blob:
            continue
        got = client.get(f"{image}/blobs/{blob['digest']}")
        assert got.status_code == 200, (reference, blob, got.text)
        assert digest_of(got.data, blob["digest"].partition(":")[0]) == blob["digest"]


def tags(client: Client, image: str = IMAGE) -> list[str]:
    """Return the tags of an image."""
    return list(client.get(f"{image}/tags/list").get_json()["tags"])


IMAGES = [f"/v2/{KEY}/{name}" for name in ("team/app", "team/app/deep", "manifest.json", "long")]
"""All images that pull completely."""


def pull_all(client: Client) -> None:
    """Pull every tag of every image that can be pulled completely."""
    for image in [*IMAGES, f"/v2/{OLD}/some"]:
        for tag in tags(client, image):
            pull(client, tag, image)


def flip(path: str, position: int = 0, bit: int = 1) -> None:
    """Change one bit of a file, as a failing disk does: its times stay."""
    status = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ bit]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def used(root: Path) -> int:
    """Return the bytes of all files, each once."""
    sizes = {}
    for folder, _, names in os.walk(root):
        for name in names:
            status = os.stat(f"{folder}/{name}")
            sizes[status.st_ino] = status.st_size
    return sum(sizes.values())


def content(digest: str) -> str:
    """Return the path of content below the storage folder."""
    algorithm, _, encoded_part = digest.partition(":")
    return f"filestore/{algorithm}/{encoded_part[:2]}/{encoded_part}"
