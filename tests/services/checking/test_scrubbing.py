"""Damaged bytes are found, taken out of reach, and replaced by the next push."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

from registry.model.digests import Digest
from registry.model.targets import parse_target
from registry.services.instance import Instance
from registry.services.scrubbing import ScrubOptions, ScrubReport
from tests.conftest import Client
from tests.http.support import (
    CONFIG,
    IMAGE,
    KEY,
    LAYER,
    digest_of,
    push,
    push_image,
    put_blob,
)
from tests.services.checking.plants import APP, name
from tests.services.checking.stores import (
    ACTOR,
    FIRST,
    OWN,
    SHARED,
    content,
    flip,
    found,
    kinds,
    pull,
    pull_all,
)
from tests.services.checking.test_repairing import repair


def scrub(instance: Instance, **options: float | bool) -> ScrubReport:
    return instance.scrubbing.run(ScrubOptions(**options))  # type: ignore[arg-type]


def status(client: Client, path: str, image: str = IMAGE) -> int:
    return client.request("HEAD", f"{image}/{path}").status_code


def names(storage: Path) -> set[str]:
    """Return every name in the folder, but those of the checksums that a scrub computes."""
    return {str(path) for path in storage.rglob("*") if storage / "checksums" not in path.parents}


def test_a_healthy_store(instance: Instance, storage: Path) -> None:
    before = names(storage)
    report = scrub(instance)
    assert report.is_clean
    assert report.complete
    contents = [path for path in (storage / "filestore").rglob("*") if path.is_file()]
    assert report.files == len(contents)
    assert report.bytes == sum(path.stat().st_size for path in contents)
    assert names(storage) - before == {str(storage / "scrubbing.json")}
    assert found(instance) == []


def test_a_damaged_layer_comes_back_with_the_next_push(
    instance: Instance, client: Client, storage: Path
) -> None:
    digest = digest_of(SHARED)
    flip(str(storage / content(digest)), 100)
    report = scrub(instance)
    assert [(d.digest, d.computed != digest) for d in report.damaged] == [(digest, True)]
    hurt = [f"{KEY}/team/app:{tag}" for tag in ("1.0", "deep", "latest", "list", "lying", "multi")]
    assert report.damaged[0].tags == [
        f"{KEY}/manifest.json:1.0", *hurt, f"{KEY}/team/app:turned"
    ]  # fmt: skip
    for image in (IMAGE, f"/v2/{KEY}/manifest.json"):
        assert status(client, f"blobs/{digest}", image) == 404
    pull(client, "own")
    assert scrub(instance).is_clean
    findings = found(instance)
    assert [(f.kind, list(f.tags)) for f in findings] == [
        ("content-quarantined", list(report.damaged[0].tags))
    ]
    # Nothing is made again from the bad bytes.
    assert [finding.kind for finding in repair(instance)[0]] == ["content-quarantined"]
    note = json.loads((storage / f"quarantine/{name(SHARED)}.json").read_text())
    assert note["digest"] == digest
    assert f"{APP}/1.0/{name(SHARED)}" in note["names"]
    put_blob(client, SHARED, f"/v2/{KEY}/another")
    assert list((storage / "quarantine").iterdir()) == []
    assert found(instance, deep=True) == []
    pull_all(client)


def test_a_push_of_the_image_is_not_skipped(client: Client, instance: Instance) -> None:
    """As docker does it: what the registry says it has is not sent."""
    flip(os.path.join(instance.store.layout.root, content(digest_of(LAYER))))
    scrub(instance)
    for data in (CONFIG, LAYER, SHARED):
        if status(client, f"blobs/{digest_of(data)}") == 404:
            assert data == LAYER
            put_blob(client, data)
    push(client, "1.0", FIRST)
    pull_all(client)
    assert found(instance, deep=True) == []


def test_many_flipped_bits(instance: Instance, client: Client, storage: Path) -> None:
    """One bit in each of 50 files of content: all are found, and no other."""
    chance = random.Random(50)
    layers = [chance.randbytes(chance.randrange(1, 5000)) for _ in range(60)]
    for number in range(12):
        push_image(client, f"random-{number}", layers=layers[number * 5 : number * 5 + 5])
    files = sorted(p for p in (storage / "filestore").rglob("*") if p.is_file())
    chosen = chance.sample([path for path in files if path.stat().st_size], 50)
    whole = {path: path.read_bytes() for path in chosen}
    for path in chosen:
        flip(str(path), chance.randrange(path.stat().st_size), 1 << chance.randrange(8))
    deep = [f for f in found(instance, deep=True) if f.kind == "content-damaged"]
    assert {finding.digest for finding in deep} <= {digest(path) for path in chosen}
    report = scrub(instance)
    assert sorted(d.digest for d in report.damaged) == sorted(map(digest, chosen))
    assert len(report.damaged) == 50
    assert scrub(instance, restart=True).is_clean
    for data in whole.values():
        # Manifests, too: content is content, whoever sends it.
        put_blob(client, data, f"/v2/{KEY}/another", "sha256")
    for path in chosen:
        if path.parts[-3] == "sha512":
            put_blob(client, whole[path], f"/v2/{KEY}/another", "sha512")
    assert list((storage / "quarantine").iterdir()) == []
    assert found(instance, deep=True) == []
    pull_all(client)
    for number in range(12):
        pull(client, f"random-{number}")


def digest(path: Path) -> str:
    return f"{path.parts[-3]}:{path.name}"


def test_what_only_images_have_is_read_too(instance: Instance, storage: Path) -> None:
    (storage / content(digest_of(OWN))).unlink()
    (storage / content(digest_of(FIRST))).unlink()
    assert scrub(instance).is_clean
    flip(str(storage / APP / "own" / name(OWN)))
    flip(str(storage / APP / "_manifests" / name(FIRST)), FIRST.index(b"gzip"))
    assert {d.digest for d in scrub(instance).damaged} == {digest_of(OWN), digest_of(FIRST)}


def test_content_of_nobody_goes_too(instance: Instance, client: Client, storage: Path) -> None:
    data = b"in no image"
    instance.store.filestore.store(data, Digest.of(data))
    flip(str(storage / content(digest_of(data))))
    assert [list(d.names) for d in scrub(instance).damaged] == [[]]
    assert kinds(found(instance)) == {"quarantine-unneeded"}
    push_image(client, "new", layers=(data,))
    pull(client, "new")
    assert found(instance, deep=True) == []


def test_a_deleted_image_does_not_come_back(
    instance: Instance, client: Client, storage: Path
) -> None:
    image = f"/v2/{KEY}/manifest.json"
    flip(str(storage / content(digest_of(SHARED))))
    scrub(instance)
    listed = client.get(f"{image}/tags/list").get_json()["tags"]
    for tag in listed:
        digest = client.get(f"{image}/manifests/{tag}").headers["Docker-Content-Digest"]
        assert client.request("DELETE", f"{image}/manifests/{digest}").status_code == 202
    before = set((storage / f"artifacts/{KEY}").rglob("*manifest.json/*"))
    put_blob(client, SHARED, f"/v2/{KEY}/another")
    assert set((storage / f"artifacts/{KEY}").rglob("*manifest.json/*")) == before
    assert status(client, f"blobs/{digest_of(SHARED)}", image) == 404
    pull(client, "1.0")
    # What went to the trash while it was damaged is put right by a repair.
    assert repair(instance)[0] == []
    assert found(instance, deep=True) == []


def test_what_is_restored_from_the_trash_is_not_shown(
    instance: Instance, client: Client, storage: Path
) -> None:
    data, place = b"deleted", f"{KEY}/team/app:deleted"
    flip(str(storage / content(digest_of(data))))
    assert [d.digest for d in scrub(instance).damaged] == [digest_of(data)]
    assert [(f.kind, list(f.tags)) for f in found(instance)] == [("content-quarantined", [])]
    instance.trashcan.restore(parse_target(place), ACTOR)
    assert status(client, f"blobs/{digest_of(data)}") == 200
    assert [(f.kind, list(f.tags)) for f in found(instance) if f.kind == "content-damaged"] == [
        ("content-damaged", [place])
    ]
    assert scrub(instance).is_clean
    assert status(client, f"blobs/{digest_of(data)}") == 404
    findings = found(instance)
    assert [(f.kind, list(f.tags)) for f in findings] == [("content-quarantined", [place])]
    put_blob(client, data)
    pull(client, "deleted")
    assert found(instance, deep=True) == []
