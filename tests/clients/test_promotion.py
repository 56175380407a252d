"""Promotion of what real clients pushed, and their pull of it from where it came to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.clients.images import Layout, files_in, greeter_context
from tests.clients.programs import Docker, Program
from tests.clients.test_skopeo import Client
from tests.clients.wire import OCI_MANIFEST, Wire, digest_of
from tests.support.live import LiveServer

TARGET = "docker-second"


def promote(wire: Wire, image: str, **fields: object) -> None:
    """Promote from ``docker-local``."""
    body = {"targetRepo": TARGET, "dockerRepository": image, **fields}
    answer = wire.ask(
        "POST", "/artifactory/api/docker/docker-local/v2/promote", json.dumps(body).encode()
    )
    assert answer.status == 200, answer
    assert answer.body == b"Promotion ended successfully"


@pytest.fixture
def client(skopeo: Program, registry: LiveServer, user: User, layout: Layout) -> Client:
    return Client(skopeo, registry, user, layout.folder)


def test_skopeo_pulls_a_multi_platform_image_with_its_signature_from_the_target(
    client: Client, layout: Layout, wire: Wire, tmp_path: Path
) -> None:
    children = [
        layout.image([{"arch": name.encode()}], {"arch": name}, architecture=name)
        for name in ("amd64", "arm64")
    ]
    index = layout.index(children, tag="multi")
    layout.image([{"signed": b"yes"}], {}, tag="signature")
    image, signature = "promoted/multi", index["digest"].replace(":", "-") + ".sig"
    client.push(f"docker-local/{image}:1", "multi", "--all")
    client.push(f"docker-local/{image}:{signature}", "signature")
    sbom = refer_to(wire, f"docker-local/{image}", index)

    promote(wire, image, tag="1", targetTag="stable")

    assert not wire.has_manifest(f"docker-local/{image}", "1")
    assert not wire.has_manifest(f"docker-local/{image}", index["digest"])
    there = f"{TARGET}/{image}"
    assert wire.manifest(there, "stable").digest == index["digest"]
    assert sorted(wire.tags(there)) == sorted([signature, "stable"])
    found = wire.ask("GET", f"/v2/{there}/referrers/{index['digest']}").json["manifests"]
    assert [descriptor["digest"] for descriptor in found] == [sbom]
    client.copy(client.at(f"{there}:stable"), f"dir:{tmp_path}/arm", "--override-arch=arm64")
    layer = json.loads((tmp_path / "arm/manifest.json").read_bytes())["layers"][0]["digest"]
    data = (tmp_path / "arm" / layer.removeprefix("sha256:")).read_bytes()
    assert files_in(data) == {"arch": b"arm64"}
    client.copy(client.at(f"{there}:stable"), f"oci:{tmp_path}/all:stable", "--all")
    assert client.inspect(f"{there}:{signature}")["Layers"]


def refer_to(wire: Wire, image: str, subject: dict[str, object]) -> str:
    """Push an artifact whose subject is a manifest; return its digest."""
    answer = wire.ask("POST", f"/v2/{image}/blobs/uploads/?digest={digest_of(b'{}')}", b"{}")
    assert answer.status == 201
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}")}
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/spdx+json",
        "config": {**empty, "size": 2},
        "layers": [{**empty, "size": 2}],
        "subject": {name: subject[name] for name in ("mediaType", "digest", "size")},
    }
    body = json.dumps(document).encode()
    put = wire.ask(
        "PUT", f"/v2/{image}/manifests/{digest_of(body)}", body, {"Content-Type": OCI_MANIFEST}
    )
    assert put.status == 201
    return digest_of(body)


def test_docker_runs_what_was_promoted(
    docker: Docker, registry: LiveServer, user: User, wire: Wire, greeter: Path, tmp_path: Path
) -> None:
    name = f"{registry.host}/docker-local/promoted/greeter:1.0"
    folder = greeter_context(tmp_path / "context", greeter, {"one": "promoted\n"}, "promotion")
    docker("build", "--tag", name, str(folder))
    docker.login(registry, user.name, user.password)
    docker("push", name)
    docker("rmi", "--force", name)
    promote(wire, "promoted/greeter")
    there = f"{registry.host}/{TARGET}/promoted/greeter:1.0"
    docker.fails("pull", name)
    docker("pull", there)
    assert docker("run", "--rm", "--network=none", there) == "promoted\n"
