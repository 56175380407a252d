"""buildah: images of several architectures under one name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.clients.programs import Program
from tests.clients.wire import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Wire
from tests.support.live import LiveServer

INSECURE = "--tls-verify=false"
ARCHITECTURES = ("amd64", "arm64")


def commit(buildah: Program, folder: Path, name: str, architecture: str, form: str) -> None:
    """Make an image of one file and one label, from nothing."""
    (folder / "arch").write_text(f"made for {architecture}\n")
    container = buildah("from", f"--arch={architecture}", "scratch").strip()
    buildah("copy", container, str(folder / "arch"), "/arch")
    label = f"org.example.arch={architecture}"
    buildah("config", f"--arch={architecture}", f"--label={label}", container)
    buildah("commit", "--rm", f"--format={form}", container, name)


@pytest.mark.parametrize(
    ("form", "list_type", "child_type"),
    [("oci", OCI_INDEX, OCI_MANIFEST), ("v2s2", DOCKER_LIST, DOCKER_MANIFEST)],
)
def test_an_index_of_two_architectures(
    buildah: Program,
    skopeo: Program,
    registry: LiveServer,
    user: User,
    wire: Wire,
    tmp_path: Path,
    form: str,
    list_type: str,
    child_type: str,
) -> None:
    image = f"docker-local/buildah/multi-{form}"
    target, creds = f"docker://{registry.host}/{image}:1", f"--creds={user.pair}"
    buildah("manifest", "create", "multi")
    for architecture in ARCHITECTURES:
        name = f"localhost/for-{architecture}"
        commit(buildah, tmp_path, name, architecture, "oci" if form == "oci" else "docker")
        buildah("manifest", "add", "multi", name)
    buildah("manifest", "push", "--all", f"--format={form}", creds, INSECURE, "multi", target)

    raw = skopeo("inspect", "--raw", creds, INSECURE, target)
    stored = wire.manifest(image, "1")
    assert raw.encode().strip() == stored.body
    assert stored.media_type == list_type
    children = {child["platform"]["architecture"]: child for child in json.loads(raw)["manifests"]}
    assert sorted(children) == list(ARCHITECTURES)

    buildah("rmi", "--all", "--force")
    for architecture, child in children.items():
        manifest = wire.manifest(image, child["digest"])
        assert manifest.media_type == child["mediaType"] == child_type
        assert len(manifest.body) == child["size"]
        assert wire.labels(image, child["digest"])["org.example.arch"] == architecture
        choice = (f"--arch={architecture}", creds, INSECURE)
        container = buildah("from", "--pull-always", *choice, f"{registry.host}/{image}:1").strip()
        root = Path(buildah("mount", container).strip())
        assert (root / "arch").read_text() == f"made for {architecture}\n"
        buildah("umount", container)
        buildah("rm", container)
        buildah("pull", creds, INSECURE, f"{registry.host}/{image}@{child['digest']}")


@pytest.mark.parametrize("access", [(), ("--creds=alice:wrong",)], ids=["none", "wrong"])
def test_wrong_and_missing_credentials_push_nothing(
    buildah: Program, registry: LiveServer, wire: Wire, tmp_path: Path, access: tuple[str, ...]
) -> None:
    commit(buildah, tmp_path, "localhost/refused", "amd64", "oci")
    target = f"docker://{registry.host}/docker-local/buildah/refused:1"
    buildah.refused("push", INSECURE, *access, "localhost/refused", target)
    assert not wire.has_manifest("docker-local/buildah/refused", "1")


def test_login_serves_a_push_until_logout(
    buildah: Program, registry: LiveServer, user: User, wire: Wire, tmp_path: Path
) -> None:
    login = ("login", INSECURE, f"--username={user.name}", "--password-stdin", registry.host)
    assert "invalid username/password" in buildah.fails(*login, input="wrong")
    buildah(*login, input=user.password)
    commit(buildah, tmp_path, "localhost/pushed", "amd64", "oci")
    image = "docker-local/buildah/pushed"
    buildah("push", INSECURE, "localhost/pushed", f"docker://{registry.host}/{image}:1")
    assert wire.labels(image, "1")["org.example.arch"] == "amd64"
    buildah("logout", registry.host)
    buildah.refused("push", INSECURE, "localhost/pushed", f"docker://{registry.host}/{image}:2")
    assert wire.tags(image) == ["1"]
