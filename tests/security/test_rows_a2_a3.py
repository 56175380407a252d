"""A2, A3, A6 and A8: content that an image of somebody else has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from registry.config import Config
from registry.services.instance import Instance
from registry.web.application import make_application
from tests.conftest import Client, opened
from tests.http.support import (
    ABSENT,
    CONFIG,
    IMAGE,
    KEY,
    LAYER,
    OCI_IMAGE,
    digest_of,
    encoded,
    get_token,
    push_image,
    put_blob,
    put_manifest,
    start,
)
from tests.security.rights import SECOND, allow, make_repository, make_user, shown, watched

OWN = f"/v2/{SECOND}/own/app"
OTHER_ABSENT = "sha256:" + "1" * 64


@pytest.fixture
def eve(cheap: None, client: Client, instance: Instance) -> Client:
    """Somebody who may do everything in one repository, and nothing in the other."""
    make_repository(instance, SECOND)
    push_image(client)
    made = make_user(client, instance, "eve")
    allow(instance, "eve", "read write annotate delete", SECOND)
    push_image(made, image=OWN, config=b"{}", layers=[b"own"])
    return made


def manifest_naming(digest: str) -> bytes:
    part = {"mediaType": "application/octet-stream", "size": len(LAYER), "digest": digest}
    return encoded({"schemaVersion": 2, "mediaType": OCI_IMAGE, "config": part, "layers": [part]})


def probe(client: Client, door: str, digest: str) -> TestResponse:
    """Ask for a digest at one door."""
    method, path, headers, body, query = DOORS[door]
    forms = {"@": digest, "$": digest.replace(":", "__"), "%": digest.partition(":")[2]}
    forms["~"] = SHA1S.get(digest, "0" * 40)
    for sign, form in forms.items():
        path = path.replace(sign, form)
        headers = {name: value.replace(sign, form) for name, value in headers.items()}
        query = {name: value.replace(sign, form) for name, value in query.items()}
    content = manifest_naming(digest) if body else b""
    return client.request(method, path, headers, content, query=query)


Door = tuple[str, str, dict[str, str], bool, dict[str, str]]
CHECKSUM = {"X-Checksum-Deploy": "true", "X-Checksum-Sha256": "%"}
SHA1 = {"X-Checksum-Deploy": "true", "X-Checksum-Sha1": "~"}
SHA1S = {digest_of(LAYER): hashlib.sha1(LAYER).hexdigest()}
DOORS: dict[str, Door] = {
    "GET there": ("GET", f"{IMAGE}/blobs/@", {}, False, {}),
    "HEAD there": ("HEAD", f"{IMAGE}/blobs/@", {}, False, {}),
    "manifest there": ("GET", f"{IMAGE}/manifests/@", {}, False, {}),
    "referrers there": ("GET", f"{IMAGE}/referrers/@", {}, False, {}),
    "file there": ("GET", f"/artifactory/{KEY}/team/app/1.0/$", {}, False, {}),
    "facts there": ("GET", f"/artifactory/api/storage/{KEY}/team/app/1.0/$", {}, False, {}),
    "GET here": ("GET", f"{OWN}/blobs/@", {}, False, {}),
    "HEAD here": ("HEAD", f"{OWN}/blobs/@", {}, False, {}),
    "manifest here": ("GET", f"{OWN}/manifests/@", {}, False, {}),
    "mount from there": (
        "POST", f"{OWN}/blobs/uploads/", {}, False, {"mount": "@", "from": f"{KEY}/team/app"},
    ),
    "mount from anywhere": ("POST", f"{OWN}/blobs/uploads/", {}, False, {"mount": "@"}),
    "claim without bytes": ("POST", f"{OWN}/blobs/uploads/", {}, False, {"digest": "@"}),
    "manifest that names it": ("PUT", f"{OWN}/manifests/2.0", {}, True, {}),
    "deploy by checksum": ("PUT", f"/artifactory/{SECOND}/own/app/1.0/$", CHECKSUM, False, {}),
    "deploy by SHA-1": ("PUT", f"/artifactory/{SECOND}/own/app/1.0/$", SHA1, False, {}),
    "search": ("GET", "/artifactory/api/search/checksum", {}, False, {"sha256": "%"}),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_a2_content_of_others_is_as_unknown_as_what_there_is_not(eve: Client, door: str) -> None:
    """CVE-2024-39897 of zot. That it takes as long is told by what is looked at: the same."""
    known, seen = digest_of(LAYER), []
    for digest in (OTHER_ABSENT, ABSENT, known):
        with watched(known, OTHER_ABSENT, ABSENT) as looks:
            answer = probe(eve, door, digest)
        assert 200 <= answer.status_code < 500, answer.text
        assert LAYER not in answer.data
        seen.append((shown(answer, digest, digest.partition(":")[2]), looks))
    assert seen[1][0] == seen[2][0]
    # The first time, other things have been looked at as well.
    if door != "search":
        assert seen[1][1] == seen[2][1]
    for path in (f"{OWN}/blobs/{known}", f"/artifactory/{SECOND}/own/app/1.0/{known}"):
        assert eve.get(path).status_code == 404


def test_a2_the_test_sees_a_look(client: Client) -> None:
    digest = put_blob(client, LAYER)
    with watched(digest) as looks:
        client.get(f"{IMAGE}/blobs/{digest}")
    assert any("@" in look for look in looks)


def test_a3_a_digest_is_not_had_for_its_name(eve: Client) -> None:
    """CVE-2026-28740 of Gitea: neither without its bytes, nor with some of them or others."""
    digest = digest_of(LAYER)
    for body in (b"", LAYER[:-1], LAYER + b"x", b"x" * len(LAYER)):
        location = start(eve, OWN)
        eve.request("PATCH", location, body=body)
        answer = eve.request("PUT", location, query={"digest": digest})
        assert answer.status_code == 400
        answer = eve.request("POST", f"{OWN}/blobs/uploads/", body=body, query={"digest": digest})
        assert answer.status_code == 400
    for body in (manifest_naming(digest), manifest_naming(digest_of(CONFIG))):
        for reference in ("2.0", digest_of(body)):
            assert put_manifest(eve, reference, body, OWN).status_code == 404
    assert eve.get(f"{OWN}/blobs/{digest}").status_code == 404


@pytest.fixture
def workers(instance: Instance, config: Config) -> Iterator[list[Client]]:
    """Four workers over one folder, as admin sees them."""
    made = [instance, *(next(opened(config)) for _ in range(3))]
    yield [Client(make_application(each)) for each in made]
    for each in made[1:]:
        each.store.journal.close()
        each.store.pulls.close()


def test_a6_what_was_deleted_stays_away_whoever_else_has_it(
    workers: list[Client], instance: Instance
) -> None:
    """CVE-2026-35172 of distribution: reading it elsewhere filled a cache for both."""
    first = workers[0]
    make_repository(instance, SECOND)
    digest = put_blob(first, LAYER)
    put_blob(first, LAYER, OWN)
    for worker in workers:
        assert worker.get(f"{IMAGE}/blobs/{digest}").data == LAYER
    assert first.request("DELETE", f"{IMAGE}/blobs/{digest}").status_code == 202
    for worker in workers:
        assert worker.get(f"{OWN}/blobs/{digest}").data == LAYER
        assert worker.get(f"{IMAGE}/blobs/{digest}").status_code == 404
        assert worker.request("HEAD", f"{IMAGE}/blobs/{digest}").status_code == 404


def test_a6_so_does_a_manifest(workers: list[Client], instance: Instance) -> None:
    make_repository(instance, SECOND)
    body = push_image(workers[0])
    push_image(workers[0], image=OWN)
    for worker in workers:
        assert worker.get(f"{IMAGE}/manifests/1.0").data == body
    path = f"{IMAGE}/manifests/{digest_of(body)}"
    assert workers[0].request("DELETE", path).status_code == 202
    for worker in workers:
        assert worker.get(f"{OWN}/manifests/{digest_of(body)}").data == body
        for reference in ("1.0", digest_of(body)):
            assert worker.get(f"{IMAGE}/manifests/{reference}").status_code == 404


def test_a8_the_id_of_an_upload_cannot_be_guessed(client: Client) -> None:
    found = {start(client).rpartition("/")[2] for _ in range(20)}
    assert len(found) == 20
    assert all(len(bytes.fromhex(one.replace("-", ""))) >= 16 for one in found)


def test_a8_the_id_alone_is_nothing_to_others(eve: Client, client: Client) -> None:
    """CVE-2026-32589 of Quay: neither who may push elsewhere nor with a token for the image."""
    location = start(client)
    client.request("PATCH", location, body=b"1234")
    upload = location.rpartition("/")[2]
    query = {"digest": digest_of(b"1234")}
    scoped = eve.with_token(get_token(eve, f"repository:{KEY}/team/app:pull,push"))
    for caller in (eve, scoped):
        for image in (IMAGE, OWN):
            for method in ("GET", "PATCH", "PUT", "DELETE"):
                path = f"{image}/blobs/uploads/{upload}"
                answer = caller.request(method, path, body=b"5", query=query)
                assert answer.status_code in (401, 404), (method, path, answer.text)
    assert client.get(location).headers["Range"] == "0-3"
