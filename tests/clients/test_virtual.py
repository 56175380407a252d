"""docker, podman and skopeo push to a virtual repository, and pull from all of its members."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.clients.images import Layout
from tests.clients.programs import Docker, Program
from tests.clients.wire import OCI_MANIFEST, Wire
from tests.support.debian_registry import DebianRegistry
from tests.support.live import LiveServer

INSECURE = "--tls-verify=false"
REMOTE, KEY = "virtual-mirror", "everything"
THEIRS = "base"
"""An image that upstream has."""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRegistry]:
    """Debian's registry with one image."""
    with DebianRegistry(tmp_path_factory.mktemp("virtual-upstream")) as running:
        layout = Layout(tmp_path_factory.mktemp("virtual-layout"))
        image = layout.image([{"base": b"base\n"}], {"line": "theirs"})
        folder = layout.folder / "blobs/sha256"
        name = image["digest"].removeprefix("sha256:")
        for path in folder.iterdir():
            if path.name != name:
                running.push_blob(THEIRS, path.read_bytes())
        running.push_manifest(THEIRS, "1", (folder / name).read_bytes(), OCI_MANIFEST)
        yield running


@pytest.fixture(scope="module", autouse=True)
def virtual(registry: LiveServer, upstream: DebianRegistry) -> None:
    """A virtual repository over two local ones and a remote one."""
    members = f"repositories=docker-local,docker-second,{REMOTE}"
    for arguments in (
        (REMOTE, "--class=remote", f"url={upstream.url}"),
        (KEY, "--class=virtual", members, "defaultDeploymentRepo=docker-second"),
    ):
        done = registry.cli("repo", "create", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def build(folder: Path, base: str, line: str) -> Path:
    """Write what an image of two layers is built from."""
    (folder / "line").write_text(line)
    (folder / "Dockerfile").write_text(f"FROM {base}\nCOPY line /line\nLABEL line={line}\n")
    return folder


def test_docker_builds_on_an_image_of_upstream_and_pushes_beside_it(
    docker: Docker, registry: LiveServer, user: User, wire: Wire, tmp_path: Path
) -> None:
    docker.login(registry, user.name, user.password)
    base = f"{registry.host}/{KEY}/{THEIRS}:1"
    mine = f"{registry.host}/{KEY}/docker/mine:1"
    docker("pull", base)
    docker("build", "--tag", mine, str(build(tmp_path, base, "docker")))
    docker("push", mine)
    assert len(wire.manifest("docker-second/docker/mine", "1").json["layers"]) == 2
    docker("rmi", "--force", mine, base)
    docker("pull", mine)
    (found,) = json.loads(docker("image", "inspect", mine))
    assert found["Config"]["Labels"]["line"] == "docker"
    docker("rmi", "--force", mine)


def test_podman(podman: Program, registry: LiveServer, user: User, tmp_path: Path) -> None:
    access = (INSECURE, f"--creds={user.pair}")
    base = f"{registry.host}/{KEY}/{THEIRS}:1"
    mine = f"{registry.host}/{KEY}/podman/mine:1"
    podman("pull", *access, base)
    podman("build", "--layers", f"--tag={mine}", str(build(tmp_path, "scratch", "podman")))
    podman("push", *access, mine)
    podman("rmi", "--force", "--all")
    podman("pull", *access, mine)
    (found,) = json.loads(podman("image", "inspect", mine))
    assert found["Labels"]["line"] == "podman"


def test_skopeo(
    skopeo: Program, registry: LiveServer, user: User, layout: Layout, wire: Wire
) -> None:
    access = (f"--creds={user.pair}", INSECURE)
    both = ("--src-tls-verify=false", "--dest-tls-verify=false")
    ends = (f"--src-creds={user.pair}", f"--dest-creds={user.pair}", *both)
    at = f"docker://{registry.host}/{KEY}"
    digest = layout.image([{"one": b"1\n"}, {"two": b"2\n"}], {"line": "skopeo"}, tag="1")["digest"]
    skopeo("copy", *ends, "--preserve-digests", f"oci:{layout.folder}:1", f"{at}/skopeo/mine:1")
    assert wire.manifest("docker-second/skopeo/mine", "1").digest == digest
    skopeo("copy", *ends, f"{at}/{THEIRS}:1", f"{at}/skopeo/copied:1")
    found = json.loads(skopeo("inspect", *access, f"{at}/skopeo/copied:1"))
    assert found["Labels"] == {"line": "theirs"}
    skopeo(
        "copy", *ends, f"{at}/skopeo/mine:1", f"docker://{registry.host}/docker-local/skopeo/mine:2"
    )
    tags = json.loads(skopeo("list-tags", *access, f"{at}/skopeo/mine"))["Tags"]
    assert tags == ["1", "2"]
    skopeo("delete", *access, f"{at}/skopeo/mine@{digest}")
    assert json.loads(skopeo("list-tags", *access, f"{at}/skopeo/mine"))["Tags"] == ["2"]
