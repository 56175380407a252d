"""skopeo: copies between registries and folders, conversions, inspection and deletion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import User
from tests.clients.images import Layout, files_in
from tests.clients.programs import Program
from tests.clients.wire import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Wire
from tests.support.live import LiveServer

LABELS = {"org.example.title": "skopeo", "org.example.empty": ""}


class Client:
    """skopeo with the address and the credentials of the registry."""

    def __init__(self, skopeo: Program, registry: LiveServer, user: User, source: Path) -> None:
        self.run = skopeo
        self.source = source
        self._host = registry.host
        self._user = user

    def at(self, image: str) -> str:
        """The address of an image, as skopeo writes it."""
        return f"docker://{self._host}/{image}"

    def copy(self, source: str, target: str, *options: str) -> None:
        """Copy with the right credentials for both ends."""
        pair = self._user.pair
        access = (f"--src-creds={pair}", f"--dest-creds={pair}")
        insecure = ("--src-tls-verify=false", "--dest-tls-verify=false")
        self.run("copy", *access, *insecure, *options, source, target)

    def push(self, image: str, tag: str = "1", *options: str) -> None:
        """Copy an image of the layout to the registry, byte for byte."""
        source = f"oci:{self.source}:{tag}"
        self.copy(source, self.at(image), "--preserve-digests", *options)

    def inspect(self, image: str, *options: str) -> dict[str, Any]:
        """What skopeo says of an image in the registry."""
        found = json.loads(self.run("inspect", *self.access, *options, self.at(image)))
        assert isinstance(found, dict)
        return found

    @property
    def access(self) -> tuple[str, str]:
        """The right credentials for commands with one end."""
        return (f"--creds={self._user.pair}", "--tls-verify=false")


@pytest.fixture
def client(skopeo: Program, registry: LiveServer, user: User, layout: Layout) -> Client:
    """skopeo with all it needs to reach the registry."""
    return Client(skopeo, registry, user, layout.folder)


@pytest.fixture
def digest(layout: Layout) -> str:
    """The digest of an image of two layers, which is in the layout as ``1``."""
    layers = [{"base": b"base\n"}, {"etc/top": b"top\n"}]
    descriptor = layout.image(layers, LABELS, tag="1")
    return str(descriptor["digest"])


def test_copy_of_an_oci_layout_keeps_every_byte(
    client: Client, layout: Layout, digest: str, wire: Wire
) -> None:
    client.push("docker-local/skopeo/oci:1")
    manifest = wire.manifest("docker-local/skopeo/oci", "1")
    assert manifest.media_type == OCI_MANIFEST
    assert manifest.body == (layout.folder / "blobs" / digest.replace(":", "/")).read_bytes()
    _, top = wire.layers("docker-local/skopeo/oci", "1")
    assert files_in(wire.blob("docker-local/skopeo/oci", top)) == {"etc/top": b"top\n"}


def test_inspect_tells_digest_labels_layers_and_tags(
    client: Client, digest: str, wire: Wire
) -> None:
    client.push("docker-local/skopeo/inspected:1")
    client.push("docker-local/skopeo/inspected:2")
    found = client.inspect("docker-local/skopeo/inspected:1")
    assert found["Digest"] == digest
    assert found["Labels"] == LABELS
    assert found["RepoTags"] == ["1", "2"]
    assert found["Layers"] == wire.layers("docker-local/skopeo/inspected", digest)
    listed = client.run("list-tags", *client.access, client.at("docker-local/skopeo/inspected"))
    assert json.loads(listed)["Tags"] == ["1", "2"]


def test_copy_to_a_folder_and_from_it_keeps_the_digest(
    client: Client, digest: str, wire: Wire, tmp_path: Path
) -> None:
    client.push("docker-local/skopeo/to-folder:1")
    client.copy(client.at("docker-local/skopeo/to-folder:1"), f"dir:{tmp_path}/copy")
    for layer in wire.layers("docker-local/skopeo/to-folder", "1"):
        name = layer.removeprefix("sha256:")
        data = (tmp_path / "copy" / name).read_bytes()
        assert data == wire.blob("docker-local/skopeo/to-folder", layer)
    client.copy(f"dir:{tmp_path}/copy", client.at("docker-local/skopeo/from-folder:1"))
    assert wire.manifest("docker-local/skopeo/from-folder", "1").digest == digest


def test_copy_from_one_repository_to_another(client: Client, digest: str, wire: Wire) -> None:
    client.push("docker-local/skopeo/stable:1")
    client.copy(
        client.at("docker-local/skopeo/stable:1"), client.at("docker-second/skopeo/released:2")
    )
    assert wire.manifest("docker-second/skopeo/released", "2").digest == digest
    for layer in wire.layers("docker-second/skopeo/released", "2"):
        assert wire.blob("docker-second/skopeo/released", layer)


def test_conversion_between_formats_keeps_the_content(
    client: Client, digest: str, wire: Wire
) -> None:
    oci, docker = "docker-local/skopeo/as-oci", "docker-local/skopeo/as-docker"
    client.push(f"{oci}:1")
    client.copy(client.at(f"{oci}:1"), client.at(f"{docker}:1"), "--format=v2s2")
    assert wire.manifest(docker, "1").media_type == DOCKER_MANIFEST
    assert wire.layers(docker, "1") == wire.layers(oci, "1")
    assert client.inspect(f"{docker}:1")["Labels"] == LABELS

    client.copy(client.at(f"{docker}:1"), client.at(f"{oci}:back"), "--format=oci")
    assert wire.manifest(oci, "back").media_type == OCI_MANIFEST
    assert wire.layers(oci, "back") == wire.layers(oci, "1")
    assert wire.manifest(oci, "1").digest == digest


def test_copy_of_all_architectures_and_of_one(
    client: Client, layout: Layout, wire: Wire, tmp_path: Path
) -> None:
    children = [
        layout.image([{"arch": name.encode()}], {"arch": name}, architecture=name)
        for name in ("amd64", "arm64")
    ]
    index = layout.index(children, tag="multi")
    image = "docker-local/skopeo/multi"
    client.push(f"{image}:1", "multi", "--all")

    stored = wire.manifest(image, "1")
    assert (stored.media_type, stored.digest) == (OCI_INDEX, index["digest"])
    raw = client.run("inspect", "--raw", *client.access, client.at(f"{image}:1"))
    assert raw.encode().strip() == stored.body
    for child in children:
        assert wire.manifest(image, child["digest"]).json["layers"]
    client.copy(client.at(f"{image}:1"), f"dir:{tmp_path}/arm", "--override-arch=arm64")
    layer = json.loads((tmp_path / "arm/manifest.json").read_bytes())["layers"][0]["digest"]
    data = (tmp_path / "arm" / layer.removeprefix("sha256:")).read_bytes()
    assert files_in(data) == {"arch": b"arm64"}
    client.copy(client.at(f"{image}:1"), client.at("docker-second/skopeo/multi:1"), "--all")
    assert wire.manifest("docker-second/skopeo/multi", "1") == stored


@pytest.mark.usefixtures("digest")
def test_a_deleted_image_is_gone_and_others_are_not(client: Client, wire: Wire) -> None:
    client.push("docker-local/skopeo/deleted:1")
    client.push("docker-local/skopeo/kept:1")
    client.run("delete", *client.access, client.at("docker-local/skopeo/deleted:1"))
    said = client.run.fails("inspect", *client.access, client.at("docker-local/skopeo/deleted:1"))
    assert "unknown" in said
    assert not wire.has_manifest("docker-local/skopeo/deleted", "1")
    assert client.inspect("docker-local/skopeo/kept:1")["Labels"] == LABELS


@pytest.mark.usefixtures("digest")
@pytest.mark.parametrize("access", ["--creds=alice:wrong", "--creds=nobody:x", "--no-creds"])
def test_wrong_and_missing_credentials_open_nothing(
    client: Client, layout: Layout, wire: Wire, access: str
) -> None:
    client.push("docker-local/skopeo/private:1")
    secret, other = client.at("docker-local/skopeo/private:1"), "docker-local/skopeo/intruder"
    one_end = (access, "--tls-verify=false")
    source = f"oci:{layout.folder}:1"
    push = (f"--dest-{access[2:]}", "--dest-tls-verify=false", source, client.at(f"{other}:1"))
    client.run.refused("inspect", *one_end, secret)
    client.run.refused("list-tags", *one_end, client.at("docker-local/skopeo/private"))
    client.run.refused("delete", *one_end, secret)
    client.run.refused("copy", *push)
    assert not wire.has_manifest(other, "1")
    assert wire.has_manifest("docker-local/skopeo/private", "1")


def test_login_serves_later_commands_until_logout(
    client: Client, digest: str, registry: LiveServer, user: User
) -> None:
    client.push("docker-local/skopeo/login:1")
    login = ("login", "--tls-verify=false", f"--username={user.name}", "--password-stdin")
    said = client.run.fails(*login, registry.host, input="wrong")
    assert "invalid username/password" in said
    client.run(*login, registry.host, input=user.password)
    inspect = ("inspect", "--tls-verify=false", client.at("docker-local/skopeo/login:1"))
    assert json.loads(client.run(*inspect))["Digest"] == digest
    client.run("logout", registry.host)
    client.run.refused(*inspect)
