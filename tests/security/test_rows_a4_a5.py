"""A4, A5 and A22: who may add is not who may replace, and there is one right to delete."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from registry.services.instance import Instance
from registry.web.routing import Right
from tests.conftest import Client
from tests.http.support import (
    IMAGE,
    KEY,
    LAYER,
    OCI_IMAGE,
    digest_of,
    encoded,
    index_object,
    manifest_bytes,
    push,
    push_image,
    put_blob,
    put_manifest,
    tree,
)
from tests.security.rights import SECOND, allow, make_repository, make_user

OTHER = "/v2/docker-local/team/other"
FILES = f"/artifactory/{KEY}/team/app"
TAGS = ("latest", "1.0")
Ask = Callable[[Client, str], TestResponse]
NEW = manifest_bytes(layers=[b"new"])


def promotion(client: Client, repository: str, **fields: object) -> TestResponse:
    body = {"targetRepo": KEY, "targetDockerRepository": "team/app", "copy": True, **fields}
    path = f"/artifactory/api/docker/{repository}/v2/promote"
    return client.request("POST", path, body=json.dumps(body).encode())


def by_index(client: Client, tag: str) -> TestResponse:
    """An index has another file name, and is the same tag all the same."""
    return put_manifest(client, tag, encoded(index_object([NEW])), IMAGE)


PUSHES: dict[str, Ask] = {
    "PUT by tag": lambda client, tag: put_manifest(client, tag, NEW, IMAGE),
    "PUT by digest with a tag": lambda client, tag: put_manifest(
        client, digest_of(NEW), NEW, IMAGE, query=[("tag", "free"), ("tag", tag)]
    ),
    "PUT of an index": by_index,
    "PUT in another form": lambda client, tag: put_manifest(
        client, tag, NEW, f"/artifactory/api/docker/{KEY}/v2/team/app"
    ),
    "PUT of a file": lambda client, tag: client.request(
        "PUT", f"{FILES}/{tag}/manifest.json", {"Content-Type": OCI_IMAGE}, NEW
    ),
    "PUT of an index as a file": lambda client, tag: client.request(
        "PUT", f"{FILES}/{tag}/list.manifest.json", {}, encoded(index_object([NEW]))
    ),
    "promotion of a tag": lambda client, tag: promotion(
        client, SECOND, dockerRepository="from", tag=tag
    ),
    "promotion under another tag": lambda client, tag: promotion(
        client, KEY, dockerRepository="team/other", tag="3.0", targetTag=tag
    ),
    "promotion of all tags": lambda client, tag: promotion(client, SECOND, dockerRepository="from"),
    "copy": lambda client, tag: client.request(
        "POST", f"/artifactory/api/copy/{SECOND}/from/{tag}?to=/{KEY}/team/app"
    ),
    "copy of a file": lambda client, tag: client.request(
        "POST",
        f"/artifactory/api/copy/{KEY}/team/other/3.0/manifest.json"
        f"?to=/{KEY}/team/app/{tag}/manifest.json",
    ),
}  # fmt: skip


@pytest.fixture
def adder(cheap: None, client: Client, instance: Instance) -> Client:
    """Somebody who may read, push and annotate everywhere, and delete nothing."""
    make_repository(instance, SECOND)
    for tag in TAGS:
        push_image(client, tag)
        push_image(client, tag, f"/v2/{SECOND}/from", layers=[b"from"])
    push_image(client, "3.0", OTHER, layers=[b"other"])
    put_blob(client, b"new")
    push(client, digest_of(NEW), NEW)
    made = make_user(client, instance, "adder")
    allow(instance, "adder", "read write annotate", "ANY")
    return made


def standing(client: Client, tag: str) -> str:
    return client.request("HEAD", f"{IMAGE}/manifests/{tag}").headers["Docker-Content-Digest"]


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("door", PUSHES)
def test_a4_who_may_only_add_replaces_no_tag(
    adder: Client, instance: Instance, door: str, tag: str
) -> None:
    """CVE-2026-31801 of zot, where ``latest`` counted as another way of adding."""
    before = {each: standing(adder, each) for each in TAGS}
    answer = PUSHES[door](adder, tag)
    assert answer.status_code == 403, answer.text
    assert "delete" in answer.text
    assert {each: standing(adder, each) for each in TAGS} == before
    assert adder.get(f"{IMAGE}/manifests/free").status_code == 404
    # With the right to delete it would have been done: it was refused for nothing else.
    allow(instance, "adder", "delete", KEY)
    assert PUSHES[door](adder, tag).status_code < 300
    assert standing(adder, tag) != before[tag]


def test_a4_adding_and_pushing_the_same_again_are_allowed(adder: Client) -> None:
    assert put_manifest(adder, "fresh", NEW).status_code == 201
    for tag in TAGS:
        assert put_manifest(adder, tag, manifest_bytes()).status_code == 201


def test_a4_properties_do_not_move_a_tag(adder: Client) -> None:
    """What the server wrote beside a manifest is not what it is found by, nor can it be changed."""
    before = {tag: adder.get(f"{IMAGE}/manifests/{tag}").data for tag in TAGS}
    wanted = {"docker.manifest": "2.0", "docker.manifest.digest": digest_of(NEW), "sha256": "0"}
    for tag in TAGS:
        for path in (f"{KEY}/team/app/{tag}", f"{KEY}/team/app/{tag}/manifest.json"):
            query = ";".join(f"{name}={value}" for name, value in wanted.items())
            adder.request("PUT", f"/artifactory/api/storage/{path}?properties={query}")
            document = json.dumps({"props": wanted | {"a": "1"}}).encode()
            adder.request("PATCH", f"/artifactory/api/metadata/{path}", body=document)
        assert adder.get(f"{IMAGE}/manifests/{tag}").data == before[tag]
        assert standing(adder, tag) == digest_of(before[tag])


def move(client: Client, what: str, **query: str) -> TestResponse:
    query = {"to": f"/{SECOND}/away/1.0", **query}
    return client.request("POST", f"/artifactory/api/move/{KEY}/{what}", query=query)


DIGEST = digest_of(manifest_bytes())
FILE = digest_of(LAYER).replace(":", "__")
DELETES: dict[str, tuple[int, Callable[[Client], TestResponse]]] = {
    "tag": (202, lambda client: client.request("DELETE", f"{IMAGE}/manifests/1.0")),
    "digest": (202, lambda client: client.request("DELETE", f"{IMAGE}/manifests/{DIGEST}")),
    "blob": (202, lambda client: client.request("DELETE", f"{IMAGE}/blobs/{digest_of(b'alone')}")),
    "folder of a tag": (204, lambda client: client.request("DELETE", f"{FILES}/1.0")),
    "folder of an image": (204, lambda client: client.request("DELETE", FILES)),
    "folder above": (204, lambda client: client.request("DELETE", f"/artifactory/{KEY}/team")),
    "manifest as a file": (
        204, lambda client: client.request("DELETE", f"{FILES}/1.0/manifest.json")
    ),
    "promotion away": (200, lambda client: promotion(
        client, KEY, targetRepo=SECOND, dockerRepository="team/app", tag="1.0", copy=False
    )),
    "promotion of all away": (200, lambda client: promotion(
        client, KEY, targetRepo=SECOND, dockerRepository="team/app", copy=False
    )),
    "move of a tag": (200, lambda client: move(client, "team/app/1.0")),
    "move of an image": (200, lambda client: move(client, "team/app", to=f"/{SECOND}/away")),
}  # fmt: skip


@pytest.mark.parametrize("door", DELETES)
def test_a5_every_door_asks_for_the_one_right_to_delete(
    adder: Client, instance: Instance, storage: Path, door: str
) -> None:
    """CVE-2026-41888 of distribution: by the tag it was not asked for."""
    put_blob(adder, b"alone")
    status, ask = DELETES[door]
    before = tree(storage)
    answer = ask(adder)
    assert answer.status_code == 403, answer.text
    assert "delete" in answer.text
    assert tree(storage) == before
    allow(instance, "adder", "delete", KEY)
    answer = ask(adder)
    assert answer.status_code == status, answer.text
    assert tree(storage) != before


def test_a5_these_are_all_doors(app: Flask) -> None:
    """A new route that deletes something has to come into the table above."""
    found = set()
    for rule in app.url_map.iter_rules():
        if getattr(app.view_functions[rule.endpoint], "right", None) is Right.DELETE:
            found.add(rule.rule.rpartition("<path:image>")[2] or rule.rule)
    assert found == {
        "/manifests/<reference>", "/blobs/<digest>", "/<repository:key>/<path:path>",
        "/artifactory/<repository:key>/<path:path>",
    }  # fmt: skip


def test_a5_what_the_trash_has_is_for_admins(adder: Client, client: Client) -> None:
    allow_all = [("POST", "empty"), ("DELETE", f"clean/{KEY}/team/app"), ("DELETE", f"clean/{KEY}"),
                 ("POST", f"restore/{KEY}/team/app?to={KEY}/team/app")]  # fmt: skip
    for method, rest in allow_all:
        assert adder.request(method, f"/artifactory/api/trash/{rest}").status_code == 403


@pytest.mark.parametrize("copy", [True, False])
def test_a22_each_tag_of_a_promoted_image_is_asked_for(
    cheap: None, client: Client, instance: Instance, storage: Path, *, copy: bool
) -> None:
    """CVE-2026-27775 of Gitea: what was found for the first counted for all."""
    make_repository(instance, SECOND)
    for tag in ("1.0", "2.0", "3.0"):
        push_image(client, tag, layers=[tag.encode()])
    mover = make_user(client, instance, "mover")
    allow(instance, "mover", "read delete", KEY)
    allow(instance, "mover", "write", SECOND, excludes=["team/app/3.0/**"])
    whole = {"targetRepo": SECOND, "dockerRepository": "team/app", "copy": copy}
    before = tree(storage / "artifacts")
    answer = promotion(mover, KEY, **whole)
    assert answer.status_code == 403
    assert "write" in answer.text
    assert tree(storage / "artifacts") == before


def test_a22_tags_that_may_not_be_read_are_neither_brought_nor_told(
    cheap: None, client: Client, instance: Instance
) -> None:
    make_repository(instance, SECOND)
    for tag in ("1.0", "hidden"):
        push_image(client, tag, layers=[tag.encode()])
    mover = make_user(client, instance, "mover")
    allow(instance, "mover", "read", KEY, excludes=["team/app/hidden/**"])
    allow(instance, "mover", "read write delete", SECOND)
    answer = promotion(mover, KEY, targetRepo=SECOND, dockerRepository="team/app")
    assert "hidden" not in answer.text
    assert client.get(f"/v2/{SECOND}/team/app/manifests/hidden").status_code == 404
    hidden = digest_of(manifest_bytes(layers=[b"hidden"]))
    assert client.get(f"/v2/{SECOND}/team/app/manifests/{hidden}").status_code == 404
