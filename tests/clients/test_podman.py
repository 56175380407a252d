"""podman: log in, push in both formats, remove, pull and look into the image."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.clients.programs import Program
from tests.clients.wire import DOCKER_MANIFEST, OCI_MANIFEST, Wire
from tests.support.live import LiveServer

INSECURE = "--tls-verify=false"

Login = Callable[[str, str], tuple[str, ...]]


@pytest.fixture
def login(registry: LiveServer) -> Login:
    """The arguments of a login; the password goes to the standard input."""

    def arguments(command: str, name: str) -> tuple[str, ...]:
        return (command, INSECURE, f"--username={name}", "--password-stdin", registry.host)

    return arguments


def build(podman: Program, folder: Path, name: str, line: str, form: str) -> None:
    """Build an image of two layers and two labels."""
    (folder / "one").write_text("the same in every image\n")
    (folder / "two").write_text(line)
    (folder / "Containerfile").write_text(
        "FROM scratch\nCOPY one /one\nCOPY two /said/two\n"
        f'LABEL org.example.format="{form}" org.example.title="two words"\n'
    )
    # Layers are kept apart only where every step makes one.
    podman("build", "--layers", f"--format={form}", f"--tag={name}", str(folder))


@pytest.mark.parametrize(
    ("form", "media_type"), [("oci", OCI_MANIFEST), ("docker", DOCKER_MANIFEST)]
)
def test_push_remove_and_pull(
    podman: Program,
    registry: LiveServer,
    user: User,
    wire: Wire,
    login: Login,
    tmp_path: Path,
    form: str,
    media_type: str,
) -> None:
    image = f"docker-local/podman/{form}"
    reference = f"{registry.host}/{image}:1.0"
    labels = {"org.example.format": form, "org.example.title": "two words"}
    build(podman, tmp_path, reference, f"said by {form}\n", form)
    podman(*login("login", user.name), input=user.password)
    podman("push", INSECURE, f"--digestfile={tmp_path}/digest", reference)

    manifest = wire.manifest(image, "1.0")
    assert manifest.media_type == media_type
    assert manifest.digest == (tmp_path / "digest").read_text()
    assert len(manifest.json["layers"]) == 2
    assert labels.items() <= wire.labels(image, "1.0").items()

    podman("rmi", "--force", reference)
    podman.fails("image", "inspect", reference)
    podman("pull", INSECURE, reference)
    (found,) = json.loads(podman("image", "inspect", reference))
    assert found["Digest"] == manifest.digest
    assert f"sha256:{found['Id']}" == manifest.json["config"]["digest"]
    assert labels.items() <= found["Labels"].items()
    mounted = Path(podman("image", "mount", reference).strip())
    assert (mounted / "said/two").read_text() == f"said by {form}\n"
    podman("image", "unmount", reference)


def test_a_second_image_takes_the_layers_of_the_first(
    podman: Program, registry: LiveServer, user: User, wire: Wire, tmp_path: Path
) -> None:
    first, second = "docker-local/podman/first", "docker-second/podman/second"
    build(podman, tmp_path, f"{registry.host}/{first}:1", "shared\n", "oci")
    for image in (first, second):
        target = f"docker://{registry.host}/{image}:1"
        podman("push", INSECURE, f"--creds={user.pair}", f"{registry.host}/{first}:1", target)
    assert wire.layers(second, "1") == wire.layers(first, "1")
    for digest in wire.layers(second, "1"):
        assert wire.blob(second, digest) == wire.blob(first, digest)


def test_tags_are_listed(
    podman: Program, registry: LiveServer, user: User, login: Login, tmp_path: Path
) -> None:
    image = f"{registry.host}/docker-local/podman/tagged"
    build(podman, tmp_path, f"{image}:1", "tagged\n", "oci")
    podman(*login("login", user.name), input=user.password)
    for tag in ("1", "1.0", "latest"):
        podman("push", INSECURE, f"{image}:1", f"docker://{image}:{tag}")
    (listed,) = json.loads(podman("search", INSECURE, "--list-tags", "--format=json", image))
    assert listed == {"Name": image, "Tags": ["1", "1.0", "latest"]}


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_login_with_wrong_credentials_is_refused(
    podman: Program, login: Login, name: str, registry: LiveServer
) -> None:
    assert "invalid username/password" in podman.fails(*login("login", name), input="wrong")
    podman.fails("login", INSECURE, "--get-login", registry.host)


@pytest.mark.parametrize("access", [(), ("--creds=alice:wrong",)], ids=["none", "wrong"])
def test_wrong_and_missing_credentials_move_nothing(
    podman: Program,
    registry: LiveServer,
    user: User,
    wire: Wire,
    tmp_path: Path,
    access: tuple[str, ...],
) -> None:
    image, other = "docker-local/podman/private", "docker-local/podman/intruder"
    reference = f"{registry.host}/{image}:1"
    build(podman, tmp_path, reference, "private\n", "oci")
    podman("push", INSECURE, f"--creds={user.pair}", reference)
    target = f"docker://{registry.host}/{other}:1"
    podman.refused("push", INSECURE, *access, reference, target)
    podman("rmi", "--force", reference)
    podman.refused("pull", INSECURE, *access, reference)
    assert not wire.has_manifest(other, "1")
    podman.fails("image", "inspect", reference)


def test_pull_after_logout_is_refused(
    podman: Program, registry: LiveServer, user: User, login: Login, tmp_path: Path
) -> None:
    reference = f"{registry.host}/docker-local/podman/left:1"
    build(podman, tmp_path, reference, "left\n", "oci")
    podman(*login("login", user.name), input=user.password)
    podman("push", INSECURE, reference)
    podman("rmi", "--force", reference)
    podman("logout", registry.host)
    podman.refused("pull", INSECURE, reference)


def test_pull_of_an_unknown_tag_says_manifest_unknown(
    podman: Program, registry: LiveServer, user: User, tmp_path: Path
) -> None:
    image = f"{registry.host}/docker-local/podman/known"
    build(podman, tmp_path, f"{image}:1", "known\n", "oci")
    podman("push", INSECURE, f"--creds={user.pair}", f"{image}:1")
    said = podman.fails("pull", INSECURE, f"--creds={user.pair}", f"{image}:2")
    assert "manifest unknown" in said
