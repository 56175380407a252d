"""docker and its engine: log in, build, push, remove, pull and run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.clients.images import greeter_context
from tests.clients.programs import Docker
from tests.clients.wire import DOCKER_MANIFEST, Wire
from tests.support.live import LiveServer

Build = Callable[[str, str], None]


@pytest.fixture
def build(docker: Docker, greeter: Path, tmp_path: Path) -> Build:
    """Build an image of three layers that prints two lines, of which the second is the caller's."""

    def built(reference: str, line: str) -> None:
        files = {"first": "hello from three layers\n", "second": line + "\n"}
        context = greeter_context(tmp_path / f"context-{line}", greeter, files, label=line)
        docker("build", "--tag", reference, str(context))

    return built


@pytest.fixture
def logged_in(docker: Docker, registry: LiveServer, user: User) -> Docker:
    """docker, after a login with the right credentials."""
    docker.login(registry, user.name, user.password)
    return docker


def forget(docker: Docker, *references: str) -> None:
    """Remove the images from the engine, so that a pull has to fetch every byte."""
    docker("rmi", "--force", *references)
    for reference in references:
        assert "no such image" in docker.fails("image", "inspect", reference)


def inspect(docker: Docker, reference: str) -> dict[str, object]:
    """What the engine knows of one image."""
    (image,) = json.loads(docker("image", "inspect", reference))
    assert isinstance(image, dict)
    return image


def test_login_with_the_right_password_is_remembered(
    docker: Docker, registry: LiveServer, user: User
) -> None:
    assert "Login Succeeded" in docker.login(registry, user.name, user.password)
    assert registry.host in json.loads(docker.config.read_text())["auths"]


def test_login_as_the_administrator(docker: Docker, registry: LiveServer) -> None:
    assert "Login Succeeded" in docker.login(registry, "admin", registry.admin_password)


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", "wrong"), ("nobody", "wonder-Land-7"), ("admin", "wonder-Land-7")],
)
def test_login_with_wrong_credentials_is_unauthorized(
    docker: Docker, registry: LiveServer, name: str, password: str
) -> None:
    assert "unauthorized" in docker.login_fails(registry, name, password)
    assert not docker.config.exists() or registry.host not in docker.config.read_text()


def test_an_image_pushed_removed_and_pulled_still_runs(
    logged_in: Docker, registry: LiveServer, wire: Wire, build: Build
) -> None:
    docker, image = logged_in, "docker-local/docker/round-trip"
    reference = f"{registry.host}/{image}:1.0"
    build(reference, "round-trip")
    pushed = docker("push", reference)

    manifest = wire.manifest(image, "1.0")
    assert f"digest: {manifest.digest}" in pushed
    assert manifest.media_type == DOCKER_MANIFEST
    assert len(manifest.json["layers"]) == 3
    labels = {"org.example.purpose": "round-trip", "org.example.layers": "3"}
    assert wire.labels(image, "1.0") == labels
    for layer in manifest.json["layers"]:
        assert len(wire.blob(image, layer["digest"])) == layer["size"]

    built = inspect(docker, reference)
    forget(docker, reference)
    pulled = docker("pull", reference)
    assert f"Digest: {manifest.digest}" in pulled
    assert pulled.count("Pull complete") == 3
    again = inspect(docker, reference)
    assert again["Id"] == built["Id"] == manifest.json["config"]["digest"]
    config = again["Config"]
    assert isinstance(config, dict)
    assert config["Labels"] == labels
    said = docker("run", "--rm", "--network=none", reference)
    assert said == "hello from three layers\nround-trip\n"


def test_pushing_again_uploads_nothing(
    logged_in: Docker, registry: LiveServer, wire: Wire, build: Build
) -> None:
    reference = f"{registry.host}/docker-local/docker/again:1"
    build(reference, "again")
    logged_in("push", reference)
    before = wire.manifest("docker-local/docker/again", "1")
    assert logged_in("push", reference).count("Layer already exists") == 3
    assert wire.manifest("docker-local/docker/again", "1") == before


@pytest.mark.parametrize("other", ["docker-local/docker/mounted", "docker-second/docker/mounted"])
def test_a_second_image_mounts_the_layers_of_the_first(
    logged_in: Docker, registry: LiveServer, wire: Wire, build: Build, other: str
) -> None:
    line = other.partition("/")[0]
    source = f"docker-local/docker/source-for-{line}"
    build(f"{registry.host}/{source}:1", f"mounted-{line}")
    logged_in("push", f"{registry.host}/{source}:1")
    logged_in("tag", f"{registry.host}/{source}:1", f"{registry.host}/{other}:1")
    pushed = logged_in("push", f"{registry.host}/{other}:1")
    # The engine knows where it has pushed each layer, and names the image that it took it from.
    assert pushed.count("Mounted from docker-local/docker/") == 3
    assert wire.manifest(other, "1") == wire.manifest(source, "1")
    for digest in wire.layers(other, "1"):
        assert wire.blob(other, digest) == wire.blob(source, digest)


def test_pull_by_digest(logged_in: Docker, registry: LiveServer, wire: Wire, build: Build) -> None:
    image = "docker-local/docker/by-digest"
    build(f"{registry.host}/{image}:1", "by-digest")
    logged_in("push", f"{registry.host}/{image}:1")
    forget(logged_in, f"{registry.host}/{image}:1")
    pinned = f"{registry.host}/{image}@{wire.manifest(image, '1').digest}"
    logged_in("pull", pinned)
    assert inspect(logged_in, pinned)["RepoDigests"] == [pinned]
    assert logged_in("run", "--rm", "--network=none", pinned).endswith("\nby-digest\n")


def test_a_replaced_tag_serves_the_new_image_and_the_old_one_by_digest(
    logged_in: Docker, registry: LiveServer, wire: Wire, build: Build
) -> None:
    image = "docker-local/docker/replaced"
    reference = f"{registry.host}/{image}:latest"
    build(reference, "old")
    logged_in("push", reference)
    old = wire.manifest(image, "latest").digest
    build(reference, "new")
    logged_in("push", reference)
    assert wire.manifest(image, "latest").digest != old

    forget(logged_in, reference, f"{registry.host}/{image}@{old}")
    logged_in("pull", reference)
    assert logged_in("run", "--rm", "--network=none", reference).endswith("\nnew\n")
    pinned = f"{registry.host}/{image}@{old}"
    logged_in("pull", pinned)
    assert logged_in("run", "--rm", "--network=none", pinned).endswith("\nold\n")


def test_pull_of_all_tags(logged_in: Docker, registry: LiveServer, build: Build) -> None:
    image = f"{registry.host}/docker-local/docker/many"
    for tag in ("a", "b", "c"):
        build(f"{image}:{tag}", f"many-{tag}")
        logged_in("push", f"{image}:{tag}")
    forget(logged_in, *(f"{image}:{tag}" for tag in "abc"))
    logged_in("pull", "--all-tags", image)
    tags = logged_in("images", "--format={{.Tag}}", image).split()
    assert sorted(tags) == ["a", "b", "c"]


def test_push_without_login_is_refused_and_leaves_nothing(
    docker: Docker, registry: LiveServer, wire: Wire, build: Build
) -> None:
    image = "docker-local/docker/anonymous"
    build(f"{registry.host}/{image}:1", "anonymous")
    said = docker.refused("push", f"{registry.host}/{image}:1")
    # An answer that only says "unauthorized" makes the engine try each layer for most of a minute.
    assert "retrying" not in said
    assert not wire.has_manifest(image, "1")


def test_pull_of_an_unknown_tag_says_manifest_unknown(
    logged_in: Docker, registry: LiveServer, build: Build
) -> None:
    image = f"{registry.host}/docker-local/docker/known"
    build(f"{image}:1", "known")
    logged_in("push", f"{image}:1")
    said = logged_in.fails("pull", f"{image}:2")
    assert "manifest unknown" in said
    assert "not found" in said


def test_pull_after_logout_is_refused(
    logged_in: Docker, registry: LiveServer, build: Build
) -> None:
    reference = f"{registry.host}/docker-local/docker/left:1"
    build(reference, "left")
    logged_in("push", reference)
    forget(logged_in, reference)
    logged_in("logout", registry.host)
    logged_in.refused("pull", reference)
    assert "no such image" in logged_in.fails("image", "inspect", reference)
