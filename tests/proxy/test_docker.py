"""docker through nginx, in each of the three methods: log in, push, remove, pull."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.clients.programs import Docker
from tests.clients.wire import DOCKER_MANIFEST, digest_of
from tests.proxy.enclave import ADDRESS
from tests.proxy.fronts import LOCAL, STAGE, Front
from tests.proxy.wire import FrontWire

LARGE = random.Random(5).randbytes(300_000)
"""Too large for the server to send it itself."""


def log_in(docker: Docker, front: Front, key: str, password: str = "") -> str:
    return docker(
        "login", "--username=admin", "--password-stdin", front.host(key),
        input=password or front.server.admin_password,
    )  # fmt: skip


def build(docker: Docker, folder: Path, reference: str, line: str) -> None:
    """Build an image of two layers, without the network."""
    folder.mkdir()
    (folder / "large").write_bytes(LARGE)
    (folder / "said").write_text(line)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY large /large\nCOPY said /said\n")
    docker("build", "--tag", reference, str(folder))


def image_id(docker: Docker, reference: str) -> str:
    (image,) = json.loads(docker("image", "inspect", reference))
    return str(image["Id"])


def manifest(front: Front, key: str, image: str, tag: str) -> tuple[str, bytes]:
    """Type and bytes of a manifest, by another connection."""
    with FrontWire(front, key) as wire:
        path = f"/v2/{front.image(key, image)}/manifests/{tag}"
        reply = wire.ask("GET", path, f"Accept: {DOCKER_MANIFEST}")
    assert reply.status == 200, reply
    return reply.headers["Content-Type"], reply.body


def test_a_login_is_remembered_for_the_host_and_its_port(docker: Docker, front: Front) -> None:
    assert "Login Succeeded" in log_in(docker, front, LOCAL)
    assert list(json.loads(docker.config.read_text())["auths"]) == [front.host(LOCAL)]


@pytest.mark.parametrize("name", ["admin", "nobody"])
def test_a_wrong_password_is_unauthorized(docker: Docker, front: Front, name: str) -> None:
    said = docker.fails(
        "login", f"--username={name}", "--password-stdin", front.host(LOCAL), input="wrong"
    )
    assert "unauthorized" in said
    assert not docker.config.exists() or front.host(LOCAL) not in docker.config.read_text()


def test_an_image_is_pushed_and_pulled_by_its_digest(
    docker: Docker, front: Front, fronts: Mapping[str, Front], tmp_path: Path
) -> None:
    key = STAGE
    reference = f"{front.reference(key, 'docker/app')}:1.0"
    build(docker, tmp_path / "context", reference, f"{front.method}\n")
    built = image_id(docker, reference)
    log_in(docker, front, key)
    pushed = docker("push", reference)

    # The path says the repository in so many words.
    kind, body = manifest(fronts["path"], key, "docker/app", "1.0")
    assert kind == DOCKER_MANIFEST
    assert f"digest: {digest_of(body)} size: {len(body)}" in pushed
    assert json.loads(body)["config"]["digest"] == built

    docker("rmi", "--force", reference)
    pulled = docker("pull", reference)
    assert f"Digest: {digest_of(body)}" in pulled
    assert "Pull complete" in pulled
    assert image_id(docker, reference) == built
    pinned = f"{front.reference(key, 'docker/app')}@{digest_of(body)}"
    docker("rmi", "--force", reference)
    docker("pull", pinned)
    assert image_id(docker, pinned) == built


def test_without_a_login_nothing_moves(docker: Docker, front: Front, tmp_path: Path) -> None:
    reference = f"{front.reference(LOCAL, 'docker/anonymous')}:1"
    build(docker, tmp_path / "context", reference, "anonymous\n")
    docker.refused("push", reference)
    docker.refused("pull", reference)


def test_the_server_knows_where_docker_is(docker: Docker, fronts: Mapping[str, Front]) -> None:
    """It is told by the proxy; all that it sees itself is the unix socket."""
    front = fronts["path"]
    before = len(front.server.access_log())
    log_in(docker, front, LOCAL)
    lines = front.server.access_log()[before:]
    assert lines
    assert all(f" INFO {ADDRESS} " in line for line in lines), lines


def test_a_registry_with_another_certificate_is_not_believed(
    docker: Docker, fronts: Mapping[str, Front]
) -> None:
    """So the logins above have verified the registry: its address here is no trusted one."""
    front = fronts["path"]
    unknown = f"docker-local.registry.test:{front.https_port}"
    said = docker.fails(
        "login", "--username=admin", "--password-stdin", unknown, input=front.server.admin_password
    )
    assert "certificate signed by unknown authority" in said
