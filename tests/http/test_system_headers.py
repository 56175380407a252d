"""What every answer says of the server, and what manifests and blobs say of themselves."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from registry.config import Config
from registry.model.digests import Digest
from registry.model.errors import StorageFull
from registry.services.instance import Instance
from registry.storage import documents
from registry.storage.store import Store
from registry.web.application import make_application
from registry.wiring import build
from tests.conftest import Client
from tests.http.support import (
    IMAGE,
    KEY,
    LAYER,
    digest_of,
    encoded,
    index_object,
    push,
    push_image,
)

NAMES = ("Server", "X-JFrog-Version", "X-Artifactory-Id", "X-Artifactory-Node-Id")

PATHS = [
    ("GET", "/v2/", 200),
    ("GET", f"{IMAGE}/manifests/1.0", 200),
    ("HEAD", f"{IMAGE}/manifests/1.0", 200),
    ("GET", f"{IMAGE}/blobs/{digest_of(LAYER)}", 200),
    ("GET", f"{IMAGE}/manifests/none", 404),
    ("GET", f"/artifactory/api/docker/{KEY}/v2/team/app/tags/list", 200),
    ("GET", "/artifactory/api/system/ping", 200),
    ("GET", "/artifactory/api/nothing", 404),
    ("PUT", "/artifactory/api/system/ping", 405),
    ("GET", "/healthz", 200),
    ("GET", "/metrics", 200),
    ("DELETE", f"/artifactory/{KEY}/none", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), PATHS)
def test_every_answer_says_which_server_gave_it(
    client: Client, instance: Instance, method: str, path: str, status: int
) -> None:
    push_image(client)
    answer = client.request(method, path)
    assert answer.status_code == status
    found = {name: answer.headers.getlist(name) for name in NAMES}
    assert found == {
        "Server": ["Artifactory/7.77.5"],
        "X-JFrog-Version": ["Artifactory/7.77.5 77705900"],
        "X-Artifactory-Id": [instance.system_info.service_id],
        "X-Artifactory-Node-Id": [instance.system_info.node_id],
    }
    assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]


def test_the_name_of_a_registry_is_made_once_and_kept(config: Config, storage: Path) -> None:
    path = storage / "etc/service.json"
    kept = json.loads(path.read_text())["id"]
    assert Store(str(storage)).layout.service() == str(path)
    assert build(config).system_info.service_id == kept
    path.unlink()
    first, second = build(config).system_info, build(config).system_info
    made = first.service_id
    assert made != kept
    assert (second.service_id, first.service_id) == (made, made)
    assert second.node_id == first.node_id
    assert not [f for f in build(config).checking.run(deep=False) if "service" in f.path]


def test_of_two_processes_that_make_the_name_one_is_first(
    config: Config, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (storage / "etc/service.json").unlink()
    late, create = build(config).system_info, documents.create

    def create_late(path: str, document: dict[str, object]) -> None:
        create(path, {"id": "jfrt@first"})
        create(path, document)

    monkeypatch.setattr(documents, "create", create_late)
    assert late.service_id == "jfrt@first"


def test_a_disk_that_takes_no_name_keeps_nobody_from_an_answer(
    config: Config, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (storage / "etc/service.json").unlink()
    client = Client(make_application(build(config)))

    def full(*_: object) -> None:
        raise StorageFull("the storage is full")

    with monkeypatch.context() as patch:
        patch.setattr(documents, "create", full)
        answer = client.get("/v2/")
        assert answer.status_code == 200
        assert "X-JFrog-Version" in answer.headers
        assert "X-Artifactory-Id" not in answer.headers
    assert client.get("/v2/").headers["X-Artifactory-Id"].startswith("jfrt@")


# --- content -----------------------------------------------------------------------------------


def sums(data: bytes) -> dict[str, str]:
    kinds = ("sha1", "sha256", "md5")
    return {f"X-Checksum-{kind.title()}": hashlib.new(kind, data).hexdigest() for kind in kinds}


@pytest.mark.parametrize("prefix", ["/v2/docker-local", f"/api/docker/{KEY}/v2"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_manifest_says_its_checksums_its_file_and_its_repository(
    client: Client, prefix: str, method: str
) -> None:
    body = push_image(client)
    index = encoded(index_object([body]))
    push(client, "list", index)
    for reference, content, name in (
        ("1.0", body, "manifest.json"),
        (digest_of(body), body, "manifest.json"),
        ("list", index, "list.manifest.json"),
    ):
        for _ in ("made", "remembered"):
            headers = client.request(method, f"{prefix}/team/app/manifests/{reference}").headers
            assert headers["X-Artifactory-Docker-Registry"] == KEY
            assert headers["X-Artifactory-Filename"] == name
            assert {key: headers[key] for key in sums(content)} == sums(content)
            assert headers["ETag"] == f'"{digest_of(content)}"'
            assert headers["Docker-Content-Digest"] == digest_of(content)


def test_a_manifest_under_a_sha512_digest_has_its_sha256_too(client: Client) -> None:
    body = push_image(client)
    digest = push(client, digest_of(body, "sha512"), body)
    headers = client.get(f"{IMAGE}/manifests/{digest}").headers
    assert {name: headers[name] for name in sums(body)} == sums(body)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_blob_says_what_its_digest_says(client: Client, instance: Instance, method: str) -> None:
    push_image(client)
    digest = digest_of(LAYER)
    path = f"{IMAGE}/blobs/{digest}"
    headers = client.request(method, path).headers
    assert headers["X-Checksum-Sha256"] == digest.removeprefix("sha256:")
    assert headers["X-Artifactory-Filename"] == digest.replace(":", "__")
    assert headers["X-Artifactory-Docker-Registry"] == KEY
    # To look for these would cost each pull a look at the disk.
    assert instance.store.checksums.of(Digest(digest)) is not None
    assert not {"X-Checksum-Sha1", "X-Checksum-Md5"} & set(
        client.request(method, path).headers.keys()
    )
