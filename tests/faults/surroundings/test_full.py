"""A disk on which space runs out at every point of a push and of a deletion, block by block."""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.faults.surroundings.disks import Disk, ext4
from tests.faults.surroundings.site import Site, assert_full, running
from tests.live.wire import IMAGE, Reply, Wire, digest_of

MOST = 60
"""Blocks or inodes with which everything must work."""
LAYER = 3_000
"""Bytes of a layer: some blocks."""
OCI = "application/vnd.oci.image"

Filling = Callable[[Disk, int], None]
FILLINGS = {"blocks": Disk.fill_blocks, "inodes": Disk.fill_inodes}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with (
        ext4("-b", "1024", "-N", "1024") as disk,
        running(disk, tmp_path_factory.mktemp("full"), upload_lifetime=1) as site,
    ):
        yield site


@pytest.fixture(params=FILLINGS)
def fill(request: pytest.FixtureRequest) -> Filling:
    return FILLINGS[request.param]


@pytest.fixture(autouse=True)
def released(site: Site) -> Iterator[None]:
    yield
    site.disk.release()


def steps(wire: Wire, image: str) -> Iterator[tuple[str, Reply]]:
    """Push an image as clients do, in small requests and in one; yield each answer."""
    layer, config = os.urandom(LAYER), os.urandom(LAYER)
    reply = wire.ask("POST", f"{image}/blobs/uploads/")
    yield "start", reply
    upload = str(reply.headers["Location"])
    for number, half in enumerate((layer[: LAYER // 2], layer[LAYER // 2 :])):
        yield f"chunk {number}", wire.ask("PATCH", upload, body=half)
    yield "finish", wire.ask("PUT", f"{upload}?digest={digest_of(layer)}")
    yield (
        "whole",
        wire.ask("POST", f"{image}/blobs/uploads/?digest={digest_of(config)}", body=config),
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": {
            "mediaType": f"{OCI}.config.v1+json",
            "digest": digest_of(config),
            "size": LAYER,
        },
        "layers": [{"mediaType": f"{OCI}.layer.v1.tar", "digest": digest_of(layer), "size": LAYER}],
    }
    yield (
        "manifest",
        wire.ask(
            "PUT",
            f"{image}/manifests/new",
            f"Content-Type: {OCI}.manifest.v1+json",
            body=json.dumps(manifest).encode(),
        ),
    )


def test_a_push_is_refused_wherever_space_runs_out(site: Site, fill: Filling) -> None:
    """From no room at all to just enough; so each point is the first one that fails, once."""
    refused = Counter[str]()
    for left in itertools.count():
        assert left < MOST
        image = f"/v2/docker-local/{fill.__name__}/{left}"
        fill(site.disk, left)
        site.assert_pulls()
        with site.wire() as wire:
            failed = next((s for s, reply in steps(wire, image) if not is_taken(reply)), None)
            assert (wire.ask("GET", f"{image}/manifests/new").status == 200) == (failed is None)
        site.assert_pulls()
        site.disk.release()
        if failed is None:
            break
        refused[failed] += 1
        with site.wire() as wire:
            assert all(is_taken(reply) for _, reply in steps(wire, image))
    # Content, folders and sidecar each need room of their own.
    assert refused["start"] >= 1
    assert refused["manifest"] >= 3
    assert len(refused) >= (6 if fill is Disk.fill_blocks else 3), refused
    site.assert_no_traceback()


def test_a_tag_that_cannot_be_overwritten_stays_what_it_was(site: Site, fill: Filling) -> None:
    image = f"/v2/docker-local/overwritten/{fill.__name__}"
    with site.wire() as wire:
        old = wire.push_image("new", os.urandom(LAYER), image=image)
        for left in itertools.count():
            assert left < MOST
            pushed = steps(wire, image)
            assert all(is_taken(next(pushed)[1]) for _ in range(5))
            fill(site.disk, left)
            done = is_taken(next(pushed)[1])
            if done:
                break
            site.assert_pulls("new", old, image)
            site.disk.release()
        assert left > 0
        new = wire.ask("GET", f"{image}/manifests/new").body
        site.assert_pulls("new", new, image)
        assert new != old
        assert wire.ask("GET", f"{image}/manifests/{digest_of(old)}").body == old
    site.assert_no_traceback()


def is_taken(reply: Reply) -> bool:
    """Return whether a request was done; otherwise the answer must say that the disk is full."""
    if reply.status < 300:
        return True
    assert_full(reply)
    return False


def test_an_upload_goes_on_where_it_was_when_there_is_room_again(site: Site) -> None:
    data = os.urandom(40_000)
    with site.wire() as wire:
        upload = wire.start_upload()
        assert wire.ask("PATCH", upload, body=data[:10_000]).status == 202
        site.disk.fill_blocks(5)
        for size in (len(data) - 10_000, 10_000):
            assert_full(wire.ask("PATCH", upload, body=data[10_000 : 10_000 + size]))
            assert wire.ask("GET", upload).headers["Range"] == "0-9999"
        site.disk.release()
        assert wire.ask("PATCH", upload, body=data[10_000:]).status == 202
        assert wire.ask("PUT", f"{upload}?digest={digest_of(data)}").status == 201
        assert wire.ask("GET", f"{IMAGE}/blobs/{digest_of(data)}").body == data


def test_what_is_only_remembered_of_an_upload_needs_no_room(site: Site) -> None:
    """The bytes get the last block; a note of what they hash to would need another one.

    The note is there to save work: without it the bytes are read again in the end.
    """
    pieces = [bytes([65 + number]) * 1_000 for number in range(12)]
    with site.wire() as wire:
        upload = wire.start_upload()
        for piece in pieces:
            site.disk.release()
            site.disk.fill_blocks(1)
            assert wire.ask("PATCH", upload, body=piece).status == 202
        site.disk.release()
        data = b"".join(pieces)
        assert wire.ask("PUT", f"{upload}?digest={digest_of(data)}").status == 201


DELETIONS = ("tag", "digest", "path", "image")


@pytest.mark.parametrize("what", DELETIONS)
def test_a_deletion_is_refused_or_done_wherever_space_runs_out(
    site: Site, fill: Filling, what: str
) -> None:
    """The trash needs room; what cannot be put there stays where it is, whole."""
    for left in itertools.count():
        assert left < MOST
        name = f"deleted/{what}/{fill.__name__}/{left}"
        image = f"/v2/docker-local/{name}"
        with site.wire() as wire:
            manifest = wire.push_image("gone", os.urandom(LAYER), image=image)
            path = {
                "tag": f"{image}/manifests/gone",
                "digest": f"{image}/manifests/{digest_of(manifest)}",
                "path": f"/artifactory/docker-local/{name}/gone",
                "image": f"/artifactory/docker-local/{name}",
            }[what]
            trash = site.paths("trash")
            fill(site.disk, left)
            reply = wire.ask("DELETE", path)
            done = reply.status < 300
            if not done:
                assert_full(reply)
                assert site.paths("trash") == trash
            assert (wire.ask("GET", f"{image}/manifests/gone").status == 200) != done
            if not done:
                site.assert_pulls("gone", manifest, image)
        site.disk.release()
        if done:
            break
    assert left > 0
    site.assert_no_traceback()


def test_nothing_is_left_of_all_that(site: Site) -> None:
    site.assert_settles()
